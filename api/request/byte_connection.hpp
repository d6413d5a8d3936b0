// api/request/byte_connection.hpp - a connection after its upgrade. Only for the server's own .cpp files.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>

#include "api/request/peer_socket.hpp"

namespace berth::api {

using UnixStream = boost::beast::basic_stream<boost::asio::local::stream_protocol>;

/// Sends `head` (the 101 response), then runs `session` until either side closes; `early` is what the peer sent ahead.
/// `keep_alive` is held as long as the socket is open.
void start_byte_connection(UnixStream stream, std::string head, std::string early, std::shared_ptr<PeerSession> session,
                           std::shared_ptr<void> keep_alive);

}  // namespace berth::api
