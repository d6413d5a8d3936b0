// api/streams/stream_protocol.hpp - which protocol a streaming request speaks, and the 101 that says so. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"

namespace berth::api {

/// The first of `ours` (best first) that is among `offered`. A client that offers nothing gets "" when that is among
/// `ours`: the protocol before versions had names.
/// 403 as Kubernetes words it: `unable to negotiate protocol: client supports [a], server accepts [b c]`.
ApiResult<std::string> negotiate(const std::vector<std::string>& offered, std::span<const std::string_view> ours);

/// The headers of the 101 for `request`; `protocol` "" is not named.
HttpHeaders upgrade_headers(const HttpRequest& request, const std::string& protocol);

/// 400 `Upgrade request required`: what a request without one gets from Kubernetes.
ApiError upgrade_required();

}  // namespace berth::api
