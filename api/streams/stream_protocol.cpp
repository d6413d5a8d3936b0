// api/streams/stream_protocol.cpp - which protocol a streaming request speaks.
#include "api/streams/stream_protocol.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/streams/web_socket_frames.hpp"

namespace berth::api {

ApiResult<std::string> negotiate(const std::vector<std::string>& offered, std::span<const std::string_view> ours) {
  for (const auto one : ours) {
    if (std::find(offered.begin(), offered.end(), one) != offered.end()) return std::string(one);
    if (one.empty() && offered.empty()) return std::string();
  }
  std::vector<std::string_view> named;
  std::copy_if(ours.begin(), ours.end(), std::back_inserter(named), [](auto one) { return !one.empty(); });
  return ApiError{.code = 403,
                  .reason = "Forbidden",
                  .message = fmt::format("unable to negotiate protocol: client supports [{}], server accepts [{}]",
                                         fmt::join(offered, " "), fmt::join(named, " "))};
}

HttpHeaders upgrade_headers(const HttpRequest& request, const std::string& protocol) {
  HttpHeaders out{{"Connection", "Upgrade"}};
  if (request.upgrade == Upgrade::WebSocket) {
    out.emplace_back("Upgrade", "websocket");
    out.emplace_back("Sec-WebSocket-Accept", web_socket_accept(request.web_socket_key));
    if (!protocol.empty()) out.emplace_back("Sec-WebSocket-Protocol", protocol);
  } else {
    out.emplace_back("Upgrade", "SPDY/3.1");
    if (!protocol.empty()) out.emplace_back("X-Stream-Protocol-Version", protocol);
  }
  return out;
}

ApiError upgrade_required() { return bad_request("Upgrade request required"); }

}  // namespace berth::api
