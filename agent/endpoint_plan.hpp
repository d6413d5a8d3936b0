// agent/endpoint_plan.hpp - the Endpoints and EndpointSlices of a service, from its pods; and those made by hand. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/set_plan.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// What a service's endpoints should be: whole objects, without what the store fills in.
struct EndpointPlan {
  json::object endpoints;
  std::vector<json::object> slices;  ///< One, or one per set of ports when pods name theirs differently.
};

/// Are its endpoints derived? Not those of a service without a selector: somebody else's, made by hand.
bool derives_endpoints(const model::Service& service);

/// Of `pods` (any pods of the namespace) the service takes those that its selector matches, that have an address and
/// have not ended. Ready ones are addresses, others notReadyAddresses; publishNotReadyAddresses makes all ready. A
/// deleting pod is in slices only, unless publishNotReadyAddresses.
EndpointPlan plan_endpoints(const model::Service& service, const std::vector<PodPtr>& pods);

/// Did we make it? Then it is ours to change and to remove.
bool is_derived(const model::Object& endpoints);

/// The stored object brought up to the plan's (annotations and server fields stay); nullopt: it is so already.
std::optional<json::object> merge_endpoints(const json::object& stored, const json::object& planned);

/// The port that a service port leads to in `pod`: a number, or the name of a container port; 0 when there is none.
std::uint16_t target_port(const model::ServicePort& port, const model::Pod& pod);

/// Endpoints that somebody made for a service without a selector: a database outside, say.
struct ManualEndpoints {
  struct Address {
    std::string ip;
    std::string hostname;
    bool ready = true;
  };
  struct Port {
    std::string name;
    std::uint16_t port = 0;
  };
  std::string service;
  std::vector<Address> addresses;
  std::vector<Port> ports;
};

/// From an Endpoints or EndpointSlice that is not derived; nullopt when it is, or belongs to no service.
std::optional<ManualEndpoints> manual_endpoints(const model::Object& object);

}  // namespace berth::agent
