// api/streams/port_forward_handler.hpp - pods/portforward: connections to a pod's ports.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// Upgrades to SPDY/3.1 (`portforward.k8s.io`), to SPDY inside a WebSocket (`SPDY/3.1+portforward.k8s.io`, kubectl
/// 1.31 and newer), or to WebSocket channels (`v4.channel.k8s.io` with `?ports=80,81`). Connections are made to the
/// pod's localhost, in its network namespace.
HttpResponse handle_port_forward(ApiContext& context, const ResourcePath& path, const Query& query,
                                 const HttpRequest& request);

}  // namespace berth::api
