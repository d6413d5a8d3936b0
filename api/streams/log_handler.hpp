// api/streams/log_handler.hpp - pods/log: what a container wrote, as text.
#pragma once

#include "api/request/api_context.hpp"
#include "api/request/http_message.hpp"
#include "api/request/request_path.hpp"

namespace berth::api {

/// GET pods/NAME/log with container, follow, previous, tailLines, sinceSeconds, sinceTime, timestamps, limitBytes,
/// stream.
/// Following ends when the container ended and its log is drained. Log files are read on a lane. Over a WebSocket
/// (`binary.k8s.io`) when that is asked for.
HttpResponse handle_log(ApiContext& context, const ResourcePath& path, const Query& query, const HttpRequest& request);

}  // namespace berth::api
