// api/http/http_connection.hpp - one connection: read a request, answer it, again. Only for the server's own .cpp
// files.
#pragma once

#include <memory>
#include <optional>

#include <boost/asio/local/stream_protocol.hpp>

#include "api/http/http_server.hpp"

namespace berth::api {

/// What all connections of one server share.
struct HttpShared {
  HttpLimits limits;
  HttpGuards guards;
  HttpHandler handler;
  std::size_t open = 0;       ///< Connections now, upgraded ones included.
  std::size_t adopted = 0;    ///< Of them those that came by adopt().
  std::size_t strangers = 0;  ///< Of those, the ones that sent no good token yet.
};

/// A place in one of HttpShared's counters, as long as it is held.
std::shared_ptr<void> count_in(const std::shared_ptr<HttpShared>& shared, std::size_t HttpShared::*counter);

/// Who is at the other end.
struct Peer {
  std::optional<User> user;     ///< Nullopt: each request brings a token.
  std::shared_ptr<void> place;  ///< In the counters of connections.
};

void start_connection(boost::asio::local::stream_protocol::socket socket, Peer peer,
                      std::shared_ptr<HttpShared> shared);

}  // namespace berth::api
