// api/http_connection.hpp - one connection: read a request, answer it, again. Only for the server's own .cpp files.
#pragma once

#include <memory>

#include <boost/asio/local/stream_protocol.hpp>

#include "api/http_server.hpp"

namespace berth::api {

/// What all connections of one server share.
struct HttpShared {
  HttpLimits limits;
  HttpHandler handler;
  std::size_t open = 0;  ///< Connections now, upgraded ones included.
};

void start_connection(boost::asio::local::stream_protocol::socket socket, std::shared_ptr<HttpShared> shared);

}  // namespace berth::api
