// api/streams/web_socket_frames.hpp - RFC 6455 framing, the server's side. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::api {

enum class WebSocketOpcode : std::uint8_t { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

/// Close codes of section 7.4.1 that we send.
constexpr std::uint16_t kCloseNormal = 1000;
constexpr std::uint16_t kCloseProtocolError = 1002;
constexpr std::uint16_t kCloseTooBig = 1009;

/// A whole message: the frames of a fragmented one put together, or one control frame.
struct WebSocketMessage {
  WebSocketOpcode opcode = WebSocketOpcode::Binary;  ///< Never Continuation.
  std::string_view payload;                          ///< Unmasked; valid until the next call of the reader.
};

/// Takes a client's octets in any pieces and gives back its messages.
class WebSocketReader {
 public:
  /// Longer messages are ResourceExhausted.
  explicit WebSocketReader(std::size_t max_message) : max_message_(max_message) {}

  /// The next message; consumes from `input`. Nullopt: all of it was taken and there is no whole message yet.
  /// InvalidArgument: the peer breaks the protocol (no mask, reserved bits, a fragmented control frame, ...).
  /// Nothing may be read after an error.
  Result<std::optional<WebSocketMessage>> next(std::string_view& input);

 private:
  struct Header {
    WebSocketOpcode opcode = WebSocketOpcode::Binary;
    bool final = true;
    std::uint64_t left = 0;  ///< Payload that is still to come.
    std::uint64_t at = 0;    ///< Payload octets so far: where in the mask we are.
    unsigned char mask[4] = {};
  };

  Result<bool> read_header(std::string_view& input);
  void read_payload(std::string_view& input);

  std::size_t max_message_;
  std::string head_;  ///< Octets of a header that is not whole.
  std::optional<Header> frame_;
  std::optional<WebSocketOpcode> fragmented_;  ///< The opcode of a message whose end is still to come.
  std::string message_;
  std::string control_;
  bool message_done_ = false;
};

/// One unfragmented, unmasked frame's header, to be put in front of `size` octets.
std::string web_socket_header(WebSocketOpcode opcode, std::size_t size);

/// The payload of a Close frame.
std::string close_payload(std::uint16_t code);

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2).
std::string web_socket_accept(std::string_view key);

}  // namespace berth::api
