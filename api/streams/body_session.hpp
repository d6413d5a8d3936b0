// api/streams/body_session.hpp - a body that is sent as messages of a WebSocket, as browsers can read it.
#pragma once

#include <memory>

#include "api/request/http_message.hpp"
#include "api/request/peer_socket.hpp"

namespace berth::api {

/// Each piece is a message; the connection is closed behind the last one. What the peer sends is not looked at. `body`
/// may be null: there is nothing to send.
std::shared_ptr<PeerSession> make_body_session(std::unique_ptr<BodySource> body);

}  // namespace berth::api
