// api/exec_session.hpp - pumps a command's streams through a WebSocket (channel protocol v5 and v4).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "api/api_context.hpp"
#include "api/http_message.hpp"

namespace berth::api {

/// First byte of each message: 0 stdin, 1 stdout, 2 stderr, 3 the final Status, 4 resize, 255 a stream was closed.
/// The process is killed when the client goes away. Neither side's slowness grows our memory beyond 1 MiB per stream.
std::shared_ptr<WebSocketSession> make_exec_session(ApiContext& context, std::string container_id,
                                                    runtime::ExecOptions options);

/// metav1.Status for an exit code, as the error channel carries it.
std::string exit_status_text(std::int32_t exit_code);

}  // namespace berth::api
