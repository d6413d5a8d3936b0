// tests/api/port_forward_test.cpp - pods/portforward against the running server, in all three protocols.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "tests/api/stream_clients.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class PortForward : public ApiFixture {
 protected:
  static constexpr std::string_view kPath = "/api/v1/namespaces/default/pods/web-0/portforward";

  void SetUp() override {
    config_.dial_pod = [this](const std::string& uid, std::uint16_t port) -> Result<UniqueFd> {
      if (port == 81) return Error(ErrorCode::Unavailable, "failed to connect to localhost:81");
      int ends[2] = {-1, -1};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      const timeval deadline{20, 0};
      ::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
      const std::scoped_lock lock(mutex_);
      uid_ = uid;
      dialled_.emplace_back(ends[0]);
      changed_.notify_all();
      return UniqueFd(ends[1]);
    };
    ApiFixture::SetUp();
    pod_ = put_running_pod("web-0");
  }

  /// The pod's end of the connection that was made next.
  UniqueFd accept() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !dialled_.empty(); }));
    if (dialled_.empty()) return {};
    auto out = std::move(dialled_.front());
    dialled_.pop_front();
    EXPECT_EQ(uid_, pod_->meta.uid);
    return out;
  }
  static std::string read(const UniqueFd& fd, std::size_t size) {
    std::string out(size, '\0');
    const auto got = ::recv(fd.get(), out.data(), size, MSG_WAITALL);
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
  }
  static void write(const UniqueFd& fd, std::string_view text) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  static std::pair<std::uint32_t, std::uint32_t> open(SpdyClient& spdy, std::string_view port,
                                                      std::string_view request) {
    const auto error =
        spdy.open({{"streamtype", "error"}, {"port", std::string(port)}, {"requestid", std::string(request)}});
    spdy.data(error, "", /*fin=*/true);
    const auto data =
        spdy.open({{"streamtype", "data"}, {"port", std::string(port)}, {"requestid", std::string(request)}});
    return {error, data};
  }
  /// One connection there and back, and its end, as every kubectl does it.
  void talk(SpdyClient& spdy, const std::string& request) {
    const auto [error, data] = open(spdy, "80", request);
    EXPECT_TRUE(spdy.until([&, e = error, d = data] { return spdy.replied[e] && spdy.replied[d]; }));
    spdy.data(data, "GET /");
    const auto pod = accept();
    EXPECT_EQ(read(pod, 5), "GET /");
    write(pod, "200 OK");
    EXPECT_TRUE(spdy.until([&, d = data] { return spdy.received[d] == "200 OK"; }));
    spdy.data(data, "", /*fin=*/true);  // half-close: the pod may go on
    EXPECT_EQ(read(pod, 1), "");
    write(pod, "!");
    ::shutdown(pod.get(), SHUT_WR);
    EXPECT_TRUE(spdy.until_end(data));
    EXPECT_TRUE(spdy.until_end(error));
    EXPECT_EQ(spdy.received[data], "200 OK!");
    EXPECT_EQ(spdy.received[error], "");
  }

  model::ObjectPtr pod_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<UniqueFd> dialled_;
  std::string uid_;
};

TEST_F(PortForward, ManyConnectionsGoOverOneOfSpdy) {
  RawClient client(config_.socket);
  client.send(SpdyClient::upgrade(kPath, "X-Stream-Protocol-Version: portforward.k8s.io\r\n"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("X-Stream-Protocol-Version: portforward.k8s.io\r\n"));
  client.take_until("\r\n\r\n");
  SpdyClient spdy(client);
  for (int i = 0; i < 300; ++i) talk(spdy, std::to_string(i));  // more than are allowed at once
}

TEST_F(PortForward, SpdyIsTunnelledInAWebSocket) {
  RawClient client(config_.socket);
  client.send(web_socket_upgrade(kPath, "SPDY/3.1+portforward.k8s.io"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n"));
  client.take_until("\r\n\r\n");
  SpdyClient spdy([&](const std::string& bytes) { client.send(web_socket_frame(bytes)); },
                  [&] { return read_web_socket_frame(client).payload; });
  talk(spdy, "0");
  talk(spdy, "1");
}

TEST_F(PortForward, APortThatNobodyListensOnIsToldOnTheErrorStream) {
  RawClient client(config_.socket);
  client.send(SpdyClient::upgrade(kPath, "X-Stream-Protocol-Version: portforward.k8s.io\r\n"));
  client.take_until("\r\n\r\n");
  SpdyClient spdy(client);
  const auto [error, data] = open(spdy, "81", "0");
  EXPECT_TRUE(spdy.until_end(error));
  EXPECT_TRUE(spdy.until_end(data));
  EXPECT_EQ(spdy.received[error], "error forwarding port 81 to pod web-0, uid : failed to connect to localhost:81");
  talk(spdy, "1");  // the others go on
}

TEST_F(PortForward, AResetOfTheDataStreamClosesThePodsConnection) {
  RawClient client(config_.socket);
  client.send(SpdyClient::upgrade(kPath, ""));
  client.take_until("\r\n\r\n");
  SpdyClient spdy(client);
  const auto [error, data] = open(spdy, "80", "0");
  const auto pod = accept();
  spdy.raw(spdy_rst_stream(data, SpdyReset::Cancel));
  EXPECT_EQ(read(pod, 1), "");
  EXPECT_TRUE(spdy.until_end(error));  // kubectl waits for it
}

TEST_F(PortForward, AClientThatGoesAwayClosesItsConnections) {
  RawClient client(config_.socket);
  client.send(SpdyClient::upgrade(kPath, ""));
  client.take_until("\r\n\r\n");
  SpdyClient spdy(client);
  open(spdy, "80", "0");
  const auto pod = accept();
  client.close();
  EXPECT_EQ(read(pod, 1), "");
}

TEST_F(PortForward, APodThatReadsNothingHoldsTheClientBack) {
  RawClient client(config_.socket);
  client.send(SpdyClient::upgrade(kPath, ""));
  client.take_until("\r\n\r\n");
  SpdyClient spdy(client);
  const auto [error, data] = open(spdy, "80", "0");
  const auto pod = accept();
  // The client writes on its own thread: it blocks until the pod reads.
  constexpr std::size_t kPieces = 200;
  const std::string piece(32 * 1024, 'x');
  std::thread writer([&, stream = data] {
    for (std::size_t i = 0; i < kPieces; ++i) client.send(spdy_data_header(stream, piece.size(), false) + piece);
  });
  std::size_t received = 0;
  while (received < kPieces * piece.size()) {
    const auto got = read(pod, piece.size());
    ASSERT_FALSE(got.empty());
    received += got.size();
  }
  writer.join();
  static_cast<void>(error);
}

TEST_F(PortForward, WebSocketChannelsBeginWithTheirPorts) {
  RawClient client(config_.socket);
  client.send(web_socket_upgrade(fmt::format("{}?ports=80,81&ports=8080", kPath), "v4.channel.k8s.io"));
  client.take_until("\r\n\r\n");
  const std::string expected[] = {std::string("\0\x50\0", 3),
                                  std::string("\1\x50\0", 3),
                                  std::string("\2\x51\0", 3),
                                  std::string("\3\x51\0", 3),
                                  "\4\x90\x1f",
                                  "\5\x90\x1f"};
  for (const auto& payload : expected) EXPECT_EQ(read_web_socket_frame(client).payload, payload);
  EXPECT_EQ(read_web_socket_frame(client).payload,
            "\3error forwarding port 81 to pod web-0, uid : failed to connect to localhost:81");
  auto first = accept();
  auto second = accept();
  client.send(web_socket_frame(std::string("\0a", 2)) + web_socket_frame("\4b"));
  const auto got = read(first, 1) + read(second, 1);
  EXPECT_TRUE(got == "ab" || got == "ba") << got;  // they were dialled side by side
  if (got == "ba") std::swap(first, second);
  write(first, "A");
  EXPECT_EQ(read_web_socket_frame(client).payload, std::string("\0A", 2));
  write(second, "B");
  EXPECT_EQ(read_web_socket_frame(client).payload, "\4B");
}

TEST_F(PortForward, WhatCannotBeForwardedIsRefused) {
  const std::string path(kPath);
  EXPECT_EQ(send("GET", path).message(), "Upgrade request required");
  EXPECT_EQ(send("POST", "/api/v1/namespaces/default/pods/web-9/portforward").message(), "pods \"web-9\" not found");
  for (const auto& [query, message] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", "query parameter \\\"ports\\\" is required"},
           {"?ports=80,x", "unable to parse \\\"x\\\" as a port"},
           {"?ports=0", "port \\\"0\\\" must be > 0"}}) {
    RawClient client(config_.socket);
    client.send(web_socket_upgrade(path + query, "v4.channel.k8s.io"));
    EXPECT_THAT(client.read_until(message), StartsWith("HTTP/1.1 400"));
  }
  RawClient strange(config_.socket);
  strange.send(SpdyClient::upgrade(kPath, "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n"));
  EXPECT_THAT(strange.read_until("server accepts [portforward.k8s.io]"), StartsWith("HTTP/1.1 403"));
}

}  // namespace
}  // namespace berth::api
