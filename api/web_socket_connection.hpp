// api/web_socket_connection.hpp - a connection after its upgrade. Only for the server's own .cpp files.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "api/http_message.hpp"

namespace berth::api {

using UnixStream = boost::beast::basic_stream<boost::asio::local::stream_protocol>;

/// Answers 101 and runs `session` until either side closes. `keep_alive` is held as long as the socket is open.
void start_web_socket(UnixStream stream, const boost::beast::http::request<boost::beast::http::string_body>& request,
                      std::shared_ptr<WebSocketSession> session, std::string sub_protocol,
                      std::shared_ptr<void> keep_alive);

}  // namespace berth::api
