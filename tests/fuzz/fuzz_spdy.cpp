// tests/fuzz/fuzz_spdy.cpp - any octets as SPDY from a client, bare and inside a WebSocket, to a handler that answers.
#include <cstdint>
#include <cstdlib>
#include <set>

#include "api/streams/spdy_connection.hpp"
#include "api/streams/web_socket.hpp"

namespace {

using namespace berth::api;

void expect(bool holds) {
  if (!holds) std::abort();
}

struct Socket final : PeerSocket {
  std::string sent;
  bool closed = false;
  void send(std::string message) override { sent += message; }
  std::size_t queued_bytes() const override { return 0; }
  void set_reading(bool) override {}
  void close() override { closed = true; }
};

/// Answers data with data, and checks that calls come in an order that makes sense.
struct Echo final : SpdyHandler {
  SpdyStreams* streams = nullptr;
  std::set<std::uint32_t> open;
  bool closed = false;
  void on_open(SpdyStreams& opened) override { streams = &opened; }
  bool on_stream(std::uint32_t id, const SpdyHeaders& headers) override {
    expect(!closed && open.insert(id).second);
    if (header_value(headers, "streamtype") != "refused") return true;
    open.erase(id);
    return false;
  }
  void on_data(std::uint32_t id, std::string_view data) override {
    expect(!closed && open.contains(id) && !data.empty());
    if (data.front() == 'r') {
      open.erase(id);
      return streams->reset(id, SpdyReset::Cancel);
    }
    if (data.front() == 'c') return streams->close();
    streams->send(id, std::string(data), data.back() == 'f');
  }
  void on_end(std::uint32_t id) override { expect(!closed && open.contains(id)); }
  void on_reset(std::uint32_t id) override { expect(!closed && open.erase(id) == 1); }
  void on_drained() override { expect(!closed); }
  void on_closed() override {
    expect(!closed);
    closed = true;
  }
};

/// What we send is well formed whatever came in.
void check_sent(std::string_view sent) {
  SpdyReader reader;
  while (!sent.empty()) {
    const auto frame = reader.next(sent);
    expect(frame.ok());
    if (!*frame) break;
  }
  expect(sent.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  Reactor reactor;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto how = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  const bool in_web_socket = (how & 1U) != 0;
  const std::size_t piece = 1U + (how >> 1U);
  const auto handler = std::make_shared<Echo>();
  auto session = over_spdy(reactor, handler, {.streams = 4});
  if (in_web_socket) session = over_web_socket(reactor, std::move(session));
  Socket socket;
  session->on_open(socket);
  while (!input.empty() && !socket.closed) {
    const auto part = input.substr(0, piece);
    input.remove_prefix(part.size());
    session->on_message(part);
  }
  if (!in_web_socket) check_sent(socket.sent);
  session->on_closed();
  expect(handler->closed);
  return 0;
}
