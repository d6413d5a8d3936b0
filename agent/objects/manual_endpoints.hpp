// agent/objects/manual_endpoints.hpp - Endpoints and EndpointSlices that somebody made for a service without a
// selector. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/model.hpp"

namespace berth::agent {

// Which service a slice belongs to, and who keeps it.
inline constexpr const char* kSliceService = "kubernetes.io/service-name";
inline constexpr const char* kSliceManager = "endpointslice.kubernetes.io/managed-by";
inline constexpr const char* kSliceManagerName = "endpointslice-controller.k8s.io";
inline constexpr const char* kManager = "endpoints.kubernetes.io/managed-by";
inline constexpr const char* kManagerName = "endpoint-controller";
inline constexpr std::size_t kMaxEndpoints = 1000;  ///< Kubernetes' own limit of one object.

/// Did we make it? Then it is ours to change and to remove.
bool is_derived(const model::Object& endpoints);

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
