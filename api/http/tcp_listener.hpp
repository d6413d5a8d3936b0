// api/http/tcp_listener.hpp - the TCP sockets that the API listens on.
#pragma once

#include "base/kept_sockets.hpp"
#include "base/result.hpp"
#include "base/tcp_address.hpp"
#include "base/unique_fd.hpp"

namespace berth::api {

/// A listening, non-blocking socket; [::] takes IPv6 only. Unavailable: the address is taken (EADDRINUSE) or is none of
/// this host's; others as of bind(2).
Result<UniqueFd> listen_on_tcp(const TcpAddress& address);

/// The same, but one that an earlier process kept is taken over; one that is made is kept for the next.
Result<UniqueFd> listen_on_tcp(const TcpAddress& address, const KeptSockets& kept);

}  // namespace berth::api
