// api/streams/command_channels.hpp - a remote command over a WebSocket: channel.k8s.io, versions 1, 4 and 5.
#pragma once

#include <memory>
#include <string_view>

#include "api/request/peer_socket.hpp"
#include "api/streams/remote_command.hpp"

namespace berth::api {

/// First byte of each message: 0 stdin, 1 stdout, 2 stderr, 3 the outcome, 4 resize, 255 (version 5) a stream ends.
/// Before version 4 the outcome is plain text, and nothing for success. With a base64 protocol the first byte is the
/// channel's digit and the rest is base64 (RFC 4648).
std::shared_ptr<PeerSession> make_command_channels(std::shared_ptr<RemoteCommand> command, std::string_view protocol);

}  // namespace berth::api
