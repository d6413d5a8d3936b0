// api/streams/exec_handler.hpp - pods/exec and pods/attach: a command in a container, or the container's own process.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// Checks pod, container and query, then upgrades to a WebSocket (`v5.channel.k8s.io` and its predecessors) or to
/// SPDY/3.1. Errors as Kubernetes words them: the API server's as Status, the kubelet's as plain text, which kubectl
/// puts behind "unable to upgrade connection".
HttpResponse handle_exec(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request);
HttpResponse handle_attach(ApiContext& context, const ResourcePath& path, const Query& query,
                           const HttpRequest& request);

}  // namespace berth::api
