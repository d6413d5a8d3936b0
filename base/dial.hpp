// base/dial.hpp - a TCP connection, made within a deadline.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "base/tcp_address.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// Connects a socket that does not block. 0, or what errno would say; ETIMEDOUT after `deadline`. Blocks that long.
int connect_within(const UniqueFd& fd, const sockaddr* address, socklen_t size, std::chrono::milliseconds deadline);

/// Begins to connect, and does not wait: the socket, which does not block, is writable once it is connected, or says
/// with SO_ERROR why it is not. Unavailable: what the system said at once; InvalidArgument: no address.
Result<UniqueFd> begin_dial_tcp(const TcpAddress& address);

/// As Go words it, without a capital letter: "connection refused".
std::string connect_error_text(int error);

/// A connection that does not block any more. Unavailable: "dial tcp 10.98.0.2:80: connect: connection refused".
Result<UniqueFd> dial_tcp(const TcpAddress& address, std::chrono::milliseconds deadline);

}  // namespace berth
