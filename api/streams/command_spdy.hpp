// api/streams/command_spdy.hpp - a remote command over SPDY: one stream each for stdin, stdout, stderr, errors and
// resizes.
#pragma once

#include <memory>
#include <string_view>

#include "api/request/peer_socket.hpp"
#include "api/request/reactor.hpp"
#include "api/streams/remote_command.hpp"

namespace berth::api {

struct CommandStreams {
  bool has_stdin = false;
  bool has_stdout = false;
  bool has_stderr = false;
  bool tty = false;
};

/// Begins when the client has opened every stream that `wanted` names, an `error` stream, and from protocol v3 on a
/// `resize` stream for a terminal; closes when that takes more than 30 s. Before v4 the outcome is plain text, and
/// nothing for success. `protocol`: "v4.channel.k8s.io", ..., "" for the first.
std::shared_ptr<PeerSession> make_command_spdy(Reactor& reactor, std::shared_ptr<RemoteCommand> command,
                                               std::string_view protocol, const CommandStreams& wanted);

}  // namespace berth::api
