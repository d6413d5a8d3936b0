// agent/api_service.hpp - the Service `kubernetes`: where pods find the API, when it is served over TCP. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/config.hpp"
#include "base/json.hpp"

namespace berth::agent {

/// The Service at the first address of the service block, and the Endpoints and the EndpointSlice that lead it to the
/// API; none when the API is not served over TCP. Endpoints have no address while the API listens on loopback only:
/// pods cannot reach it there, and Kubernetes takes no such endpoint. A listener of every address is reached at
/// `host_ip`.
std::vector<json::object> api_service(const Config& config, const std::string& host_ip);

}  // namespace berth::agent
