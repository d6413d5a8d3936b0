// agent/api_service.hpp - the Service `kubernetes`: where pods find the API, when it is served over TCP. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/config.hpp"
#include "base/json.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// The Service at the first address of the service block, and the Endpoints and the EndpointSlice that lead it to the
/// API; none when the API is not served over TCP. Endpoints have no address while the API listens on loopback only:
/// pods cannot reach it there, and Kubernetes takes no such endpoint. A listener of every address is reached at
/// `host_ip`.
///
/// `shared`: each host that shares the store leads there. Endpoints say whose they are (nodeName), and the slice is
/// this host's alone, "kubernetes-NODE".
std::vector<json::object> api_service(const Config& config, const std::string& host_ip, bool shared = false);

/// The shared Endpoints' subsets, where `ours` is all that `node` has, and what is said of nodes that are not there
/// goes: of no node, too. Whoever merges, and however often, it comes to the same.
json::array merge_api_subsets(const json::value* before, const json::array& ours, const std::string& node,
                              const std::function<bool(const std::string&)>& is_there);

/// The node whose shared slice that is; "" for the slice of a host that was alone. Nothing: it is neither.
std::optional<std::string> node_of_api_slice(const model::Object& slice);

}  // namespace berth::agent
