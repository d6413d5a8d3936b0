// api/streams/web_socket.hpp - WebSocket framing between a session and its connection.
#pragma once

#include <memory>

#include "api/request/peer_socket.hpp"
#include "api/request/reactor.hpp"

namespace berth::api {

/// A session for the bare connection that gives `session` whole messages, answers pings, and closes as RFC 6455 wants:
/// Close frames both ways with code 1000. A peer that breaks the protocol, or sends more than 1 MiB in one message,
/// is told so and closed.
std::shared_ptr<PeerSession> over_web_socket(Reactor& reactor, std::shared_ptr<PeerSession> session);

}  // namespace berth::api
