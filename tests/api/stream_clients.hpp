// tests/api/stream_clients.hpp - the client's side of WebSocket and SPDY, over a RawClient.
#pragma once

#include <unistd.h>

#include <map>
#include <string>

#include <fmt/format.h>

#include "api/streams/spdy_frames.hpp"
#include "tests/api/api_fixture.hpp"

namespace berth::api {

inline std::string web_socket_upgrade(std::string_view target, std::string_view protocol) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
      target, protocol);
}

/// One masked frame (RFC 6455, 5.2).
inline std::string web_socket_frame(std::string_view payload, char opcode = 2, bool final = true) {
  constexpr std::string_view kMask = "\x11\x22\x33\x44";
  std::string out(1, static_cast<char>((final ? 0x80 : 0) | opcode));
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xff);
  }
  out += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ kMask[i % 4]);
  return out;
}

struct WebSocketFrame {
  int opcode = 0;
  std::string payload;
};

inline WebSocketFrame read_web_socket_frame(RawClient& client) {
  const auto head = client.read_bytes(2);
  if (head.size() < 2) return {};
  std::size_t size = static_cast<unsigned char>(head[1]) & 0x7fU;
  if (size >= 126) {
    const auto more = client.read_bytes(size == 126 ? 2 : 8);
    size = 0;
    for (const char c : more) size = size * 256 + static_cast<unsigned char>(c);
  }
  return {head[0] & 0x0f, client.read_bytes(size)};
}

/// Plays kubectl's part: opens streams, collects what comes on each.
class SpdyClient {
 public:
  /// Octets to the server, and more from it; "" at its end.
  using Send = std::function<void(std::string)>;
  using Receive = std::function<std::string()>;
  SpdyClient(Send send, Receive receive) : send_(std::move(send)), receive_(std::move(receive)) {}

  static std::string upgrade(std::string_view target, std::string_view protocols) {
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n{}Content-Length: 0\r\n\r\n",
        target, protocols);
  }
  /// Over a connection whose 101 was read.
  explicit SpdyClient(RawClient& client)
      : SpdyClient([&client](std::string bytes) { client.send(bytes); }, [&client] { return client.read_bytes(1); }) {}

  std::uint32_t open(const SpdyHeaders& headers, bool fin = false) {
    next_ += 2;
    send_(spdy_syn_stream(writer_, next_, headers, fin));
    return next_;
  }
  void data(std::uint32_t stream, std::string_view bytes, bool fin = false) {
    send_(spdy_data_header(stream, bytes.size(), fin) + std::string(bytes));
  }
  void raw(std::string bytes) { send_(std::move(bytes)); }

  /// Reads frames until `done`, or the end.
  template <typename Done>
  bool until(Done done) {
    while (!done()) {
      std::string_view input = rest_;
      auto frame = reader_.next(input);
      if (!frame) {
        ADD_FAILURE() << frame.error().message();
        return false;
      }
      if (*frame) {
        take(**frame);
        rest_.erase(0, rest_.size() - input.size());
        continue;
      }
      rest_ = receive_();
      if (rest_.empty()) return done();
    }
    return true;
  }
  bool until_end(std::uint32_t stream) {
    return until([&] { return ended[stream]; });
  }

  std::map<std::uint32_t, std::string> received;
  std::map<std::uint32_t, bool> replied, ended;
  std::map<std::uint32_t, std::uint32_t> resets;
  std::vector<std::uint32_t> pings;
  bool gone_away = false;

 private:
  void take(const SpdyFrame& frame) {
    if (frame.type == SpdyType::SynReply) replied[frame.stream] = true;
    if (frame.type == SpdyType::Data) received[frame.stream] += frame.data;
    if (frame.type == SpdyType::RstStream) resets[frame.stream] = frame.value;
    if (frame.type == SpdyType::Ping) pings.push_back(frame.value);
    if (frame.type == SpdyType::GoAway) gone_away = true;
    if (frame.fin) ended[frame.stream] = true;
  }

  Send send_;
  Receive receive_;
  SpdyHeaderWriter writer_;
  SpdyReader reader_;
  std::string rest_;
  std::uint32_t next_ = static_cast<std::uint32_t>(-1);
};

}  // namespace berth::api
