// api/exec_handler.hpp - pods/exec: a command in a running container, its streams over a WebSocket.
#pragma once

#include "api/api_context.hpp"
#include "api/http_message.hpp"
#include "api/request_path.hpp"

namespace berth::api {

/// Checks pod, container and query, then upgrades to `v5.channel.k8s.io` or `v4.channel.k8s.io`. Without a WebSocket
/// upgrade (old kubectl speaks SPDY) 400 says what to use instead.
HttpResponse handle_exec(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request);

}  // namespace berth::api
