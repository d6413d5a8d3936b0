// agent/services/endpoint_plan.hpp - the Endpoints and EndpointSlices of a service, from its pods; and those made by
// hand. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/objects/manual_endpoints.hpp"
#include "agent/objects/object_cache.hpp"
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

/// The stored object brought up to the plan's (annotations and server fields stay); nullopt: it is so already.
std::optional<json::object> merge_endpoints(const json::object& stored, const json::object& planned);

/// The port that a service port leads to in `pod`: a number, or the name of a container port; 0 when there is none.
std::uint16_t target_port(const model::ServicePort& port, const model::Pod& pod);

}  // namespace berth::agent
