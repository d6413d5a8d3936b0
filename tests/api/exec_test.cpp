// tests/api/exec_test.cpp - pods/exec and pods/attach against the running server, over WebSocket and SPDY.
#include <fcntl.h>
#include <gmock/gmock.h>

#include "tests/api/stream_clients.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Exec : public ApiFixture {
 protected:
  static constexpr std::string_view kPath =
      "/api/v1/namespaces/default/pods/web-0/exec?command=sh&command=-c&command=exit+3";

  static std::string upgrade(std::string_view query, std::string_view protocol = "v5.channel.k8s.io") {
    return web_socket_upgrade(fmt::format("{}{}", kPath, query), protocol);
  }
  static void write(const UniqueFd& fd, std::string_view text) {
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
};

TEST_F(Exec, StreamsGoBothWaysAndTheExitCodeComesLast) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(upgrade("&stdin=true&stdout=true&stderr=true"));
  client.take_until("\r\n\r\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(process->id, "web-0-c");
  EXPECT_THAT(process->options.command, testing::ElementsAre("sh", "-c", "exit 3"));
  client.send(web_socket_frame(std::string("\0hello", 6)));
  char buffer[16] = {};
  EXPECT_EQ(::read(process->in.get(), buffer, sizeof(buffer)), 5);
  EXPECT_STREQ(buffer, "hello");
  write(process->out, "out");
  EXPECT_EQ(read_web_socket_frame(client).payload, "\1out");
  write(process->err, "err");
  EXPECT_EQ(read_web_socket_frame(client).payload, "\2err");
  client.send(web_socket_frame("\4{\"Width\":120,\"Height\":40}"));
  EXPECT_TRUE(process->wait([&] { return process->size == std::pair(120, 40); }));
  client.send(web_socket_frame(std::string("\xff\0", 2)));
  EXPECT_TRUE(process->wait([&] { return process->stdin_closed; }));
  process->exit(3);
  const auto status = read_web_socket_frame(client).payload;
  EXPECT_THAT(status, StartsWith("\3{"));
  EXPECT_THAT(status, HasSubstr(R"("reason":"NonZeroExitCode")"));
  EXPECT_THAT(status, HasSubstr(R"({"reason":"ExitCode","message":"3"})"));
  const auto close = read_web_socket_frame(client);
  EXPECT_EQ(close.opcode, 8);
  EXPECT_EQ(close.payload.substr(0, 2), "\x03\xe8");  // 1000
}

TEST_F(Exec, TheChosenProtocolIsEchoedAndOthersAreRefused) {
  put_running_pod("web-0");
  RawClient five(config_.socket);
  five.send(upgrade("&stdout=true", "v4.channel.k8s.io, v5.channel.k8s.io"));
  EXPECT_THAT(five.read_until("\r\n\r\n"), HasSubstr("Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"));
  RawClient four(config_.socket);
  four.send(upgrade("&stdout=true", "v4.channel.k8s.io"));
  EXPECT_THAT(four.read_until("\r\n\r\n"), HasSubstr("Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"));
  RawClient old(config_.socket);
  old.send(upgrade("&stdout=true", "v9.channel.k8s.io"));
  EXPECT_THAT(old.read_until("v5.channel.k8s.io"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(old.read_until("v5.channel.k8s.io"),
              HasSubstr("unable to negotiate protocol: client supports [v9.channel.k8s.io], server accepts ["));
}

TEST_F(Exec, AClientThatGoesAwayKillsItsProcess) {
  put_running_pod("web-0");
  auto client = std::make_unique<RawClient>(config_.socket);
  client->send(upgrade("&stdout=true"));
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  client->take_until("\r\n\r\n");
  client.reset();
  EXPECT_TRUE(process->wait([&] { return process->killed; }));
}

TEST_F(Exec, ASlowClientStopsTheProcessInsteadOfFillingMemory) {
  put_running_pod("web-0");
  RawClient client(config_.socket, /*receive_buffer=*/4096);
  client.send(upgrade("&stdout=true"));
  client.take_until("\r\n\r\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  ::fcntl(process->out.get(), F_SETFL, O_NONBLOCK);
  // Write until the pipe has stayed full while the server had every chance to read on.
  const std::string block(32 * 1024, 'x');
  std::size_t written = 0;
  for (int full = 0; full < 200 && written < 64U * 1024 * 1024;) {
    const auto put = ::write(process->out.get(), block.data(), block.size());
    if (put > 0) {
      written += static_cast<std::size_t>(put);
      full = 0;
    } else {
      ++full;
      EXPECT_EQ(send("GET", "/api").code, 200U);  // the server's thread has been round once more
    }
  }
  EXPECT_LT(written, 4U * 1024 * 1024);
  process->out.reset();
  process->exit(0);
  std::size_t received = 0;
  for (auto got = read_web_socket_frame(client); got.opcode == 2; got = read_web_socket_frame(client)) {
    if (got.payload[0] == 1) received += got.payload.size() - 1;
    if (got.payload[0] == 3) break;
  }
  EXPECT_EQ(received, written);
}

TEST_F(Exec, ACommandThatCannotStartSaysWhyOnTheErrorChannel) {
  put_running_pod("web-0");
  runtime_.fail_next({ErrorCode::Internal, "exec in c: no such file: bash"});
  RawClient client(config_.socket);
  client.send(upgrade("&stdout=true"));
  client.take_until("\r\n\r\n");
  const auto status = read_web_socket_frame(client).payload;
  EXPECT_THAT(status, HasSubstr("Internal error occurred: error executing command in container: exec in c: no such"));
  EXPECT_EQ(read_web_socket_frame(client).opcode, 8);
}

TEST_F(Exec, WhatCannotRunIsRefusedBeforeTheUpgrade) {
  const std::string path(kPath);
  EXPECT_EQ(send("GET", path + "&stdout=true").message(), "pods \"web-0\" not found");
  put_running_pod("web-0");
  EXPECT_EQ(send("POST", path + "&stdout=true").message(), "Upgrade request required");
  EXPECT_EQ(send("POST", path + "&stdout=true&container=side").message(), "container side is not valid for pod web-0");
  EXPECT_EQ(send("POST", "/api/v1/namespaces/default/pods/web-0/exec?stdout=true").message(),
            "you must specify at least one command for the container");
  RawClient streamless(config_.socket);
  streamless.send(SpdyClient::upgrade(kPath, ""));
  EXPECT_THAT(streamless.read_until("you must specify at least 1 of stdin, stdout, stderr"),
              StartsWith("HTTP/1.1 400"));
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"default"},
      "spec":{"containers":[{"name":"c"}]},"status":{"phase":"Pending"}})");
  EXPECT_EQ(send("POST", path + "&stdout=true").message(), "pod web-0 does not have a host assigned");
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"default"},
      "spec":{"nodeName":"n1","containers":[{"name":"c"}]},"status":{"phase":"Pending"}})");
  // The kubelet's words: kubectl says `unable to upgrade connection: container not found ("c")`.
  RawClient client(config_.socket);
  client.send(SpdyClient::upgrade(path + "&stdout=true", ""));
  const auto answer = client.read_until("\r\n\r\ncontainer not found (\"c\")");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain"));
}

TEST_F(Exec, TheServerStopsWhileACommandRuns) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(upgrade("&stdout=true"));
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  client.take_until("\r\n\r\n");
  server_.reset();
  EXPECT_TRUE(process->wait([&] { return process->killed; }));
}

TEST_F(Exec, AFragmentedMessageWithAPingInsideIsOneMessage) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(upgrade("&stdin=true&stdout=true"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  client.take_until("\r\n\r\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  client.send(web_socket_frame(std::string("\0he", 3), 2, /*final=*/false) + web_socket_frame("?", 9) +
              web_socket_frame("llo", 0));
  char buffer[16] = {};
  EXPECT_EQ(::read(process->in.get(), buffer, sizeof(buffer)), 5);
  const auto pong = read_web_socket_frame(client);
  EXPECT_EQ(pong.opcode, 10);
  EXPECT_EQ(pong.payload, "?");
}

TEST_F(Exec, AFrameThatBreaksTheProtocolEndsTheCommand) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(upgrade("&stdout=true"));
  client.take_until("\r\n\r\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  client.send(std::string("\x82\x01x", 3));  // no mask
  const auto close = read_web_socket_frame(client);
  EXPECT_EQ(close.opcode, 8);
  EXPECT_EQ(close.payload, "\x03\xea");  // 1002
  EXPECT_TRUE(process->wait([&] { return process->killed; }));
}

TEST_F(Exec, AClientThatGoesAwayWhileItsInputIsHeldBackIsNoticed) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(upgrade("&stdin=true&stdout=true"));
  client.take_until("\r\n\r\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  // Nobody reads the process's stdin: the pipe fills, then our queue, then the socket.
  const auto piece = web_socket_frame(std::string(1, '\0') + std::string(32 * 1024, 'x'));
  for (int i = 0; i < 12; ++i) client.send(piece);
  client.close();
  EXPECT_TRUE(process->wait([&] { return process->killed; }));
}

TEST_F(Exec, Base64ChannelsAreText) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(upgrade("&stdin=true&stdout=true", "v4.base64.channel.k8s.io"));
  client.take_until("\r\n\r\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  client.send(web_socket_frame("0aGVsbG8=", 1));
  char buffer[16] = {};
  EXPECT_EQ(::read(process->in.get(), buffer, sizeof(buffer)), 5);
  write(process->out, "out");
  EXPECT_EQ(read_web_socket_frame(client).payload, "1b3V0");
}

/// exec as kubectl 1.29 and older speak it.
class SpdyExec : public Exec {
 protected:
  static constexpr std::string_view kKubectl =
      "X-Stream-Protocol-Version: v5.channel.k8s.io\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n"
      "X-Stream-Protocol-Version: v3.channel.k8s.io\r\nX-Stream-Protocol-Version: v2.channel.k8s.io\r\n"
      "X-Stream-Protocol-Version: channel.k8s.io\r\n";

  std::string begin(RawClient& client, std::string_view query, std::string_view protocols = kKubectl) {
    client.send(SpdyClient::upgrade(fmt::format("{}{}", kPath, query), protocols));
    auto head = client.read_until("\r\n\r\n");
    client.take_until("\r\n\r\n");
    return head;
  }
};

TEST_F(SpdyExec, StreamsGoBothWaysAndTheStatusComesOnTheErrorStream) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  const auto head = begin(client, "&stdin=true&stdout=true&stderr=true");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(head, HasSubstr("Upgrade: SPDY/3.1\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Stream-Protocol-Version: v4.channel.k8s.io\r\n"));
  SpdyClient spdy(client);
  const auto error = spdy.open({{"streamtype", "error"}});
  EXPECT_TRUE(spdy.until([&] { return spdy.replied[error]; }));
  const auto in = spdy.open({{"streamtype", "stdin"}});
  const auto out = spdy.open({{"streamtype", "stdout"}});
  const auto err = spdy.open({{"streamtype", "stderr"}});
  EXPECT_TRUE(spdy.until([&] { return spdy.replied[in] && spdy.replied[out] && spdy.replied[err]; }));
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  spdy.data(in, "hello");
  char buffer[16] = {};
  EXPECT_EQ(::read(process->in.get(), buffer, sizeof(buffer)), 5);
  EXPECT_STREQ(buffer, "hello");
  write(process->out, "out");
  EXPECT_TRUE(spdy.until([&] { return spdy.received[out] == "out"; }));
  write(process->err, "err");
  EXPECT_TRUE(spdy.until([&] { return spdy.received[err] == "err"; }));
  spdy.raw(spdy_ping(7));
  EXPECT_TRUE(spdy.until([&] { return spdy.pings == std::vector<std::uint32_t>{7}; }));
  spdy.data(in, "", /*fin=*/true);
  EXPECT_TRUE(process->wait([&] { return process->stdin_closed; }));
  process->exit(3);
  EXPECT_TRUE(spdy.until([&] { return spdy.gone_away; }));
  EXPECT_TRUE(spdy.ended[error] && spdy.ended[out] && spdy.ended[err]);
  EXPECT_THAT(spdy.received[error], HasSubstr(R"({"reason":"ExitCode","message":"3"})"));
  // The server waits until the client has dropped its streams, and only then closes.
  for (const auto stream : {error, in, out, err}) spdy.raw(spdy_rst_stream(stream, SpdyReset::Cancel));
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(SpdyExec, ATerminalHasAResizeStreamAndNoStderr) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  begin(client, "&stdin=true&stdout=true&stderr=true&tty=true");
  SpdyClient spdy(client);
  spdy.open({{"streamtype", "error"}});
  spdy.open({{"streamtype", "stdin"}});
  spdy.open({{"streamtype", "stdout"}});
  const auto resize = spdy.open({{"streamtype", "resize"}});
  spdy.data(resize, "{\"Width\":80,\"Height\":24}\n{\"Width\":120,\"Height\":40}\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  EXPECT_TRUE(process->options.tty);
  EXPECT_FALSE(process->options.has_stderr);
  EXPECT_TRUE(process->wait([&] { return process->size == std::pair(120, 40); }));
}

TEST_F(SpdyExec, BeforeVersionFourTheOutcomeIsText) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  EXPECT_THAT(begin(client, "&stdout=true", ""), testing::Not(HasSubstr("X-Stream-Protocol-Version")));
  SpdyClient spdy(client);
  const auto error = spdy.open({{"streamtype", "error"}});
  spdy.open({{"streamtype", "stdout"}});
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  process->exit(3);
  EXPECT_TRUE(spdy.until_end(error));
  EXPECT_EQ(spdy.received[error], "command terminated with non-zero exit code: exit status 3");
}

TEST_F(SpdyExec, InputThatComesBeforeTheLastStreamIsKept) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  begin(client, "&stdin=true&stdout=true");
  SpdyClient spdy(client);
  const auto in = spdy.open({{"streamtype", "stdin"}});
  spdy.data(in, "early", /*fin=*/true);
  spdy.open({{"streamtype", "stdout"}});
  spdy.open({{"streamtype", "error"}});
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  EXPECT_TRUE(process->wait([&] { return process->stdin_closed; }));
  char buffer[16] = {};
  EXPECT_EQ(::read(process->in.get(), buffer, sizeof(buffer)), 5);
}

TEST_F(SpdyExec, StreamsThatNobodyAskedForAreReset) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  begin(client, "&stdout=true");
  SpdyClient spdy(client);
  const auto error = spdy.open({{"streamtype", "error"}});
  const auto again = spdy.open({{"streamtype", "error"}});
  const auto strange = spdy.open({{"streamtype", "x"}});
  EXPECT_TRUE(spdy.until([&] { return spdy.resets.contains(again) && spdy.resets.contains(strange); }));
  EXPECT_FALSE(spdy.resets.contains(error));
}

TEST_F(SpdyExec, AClientThatGoesAwayKillsItsProcess) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  begin(client, "&stdout=true");
  SpdyClient spdy(client);
  spdy.open({{"streamtype", "error"}});
  spdy.open({{"streamtype", "stdout"}});
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  client.close();
  EXPECT_TRUE(process->wait([&] { return process->killed; }));
}

class Attach : public Exec {};

TEST_F(Attach, TheContainersExitCodeIsNoFailureOfTheAttach) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(web_socket_upgrade("/api/v1/namespaces/default/pods/web-0/attach?stdin=true&stdout=true&tty=true",
                                 "v5.channel.k8s.io"));
  client.take_until("\r\n\r\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  EXPECT_TRUE(process->attached);
  EXPECT_EQ(process->id, "web-0-c");
  EXPECT_FALSE(process->options.has_stderr);
  write(process->out, "$ ");
  EXPECT_EQ(read_web_socket_frame(client).payload, "\1$ ");
  process->exit(7);
  EXPECT_THAT(read_web_socket_frame(client).payload, HasSubstr(R"("status":"Success")"));
}

TEST_F(Attach, TheEndOfTheOutputsIsTheEndEvenWhenNobodyTellsTheExit) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(web_socket_upgrade("/api/v1/namespaces/default/pods/web-0/attach?stdout=true", "v5.channel.k8s.io"));
  client.take_until("\r\n\r\n");
  const auto process = runtime_.started();
  ASSERT_NE(process, nullptr);
  process->out.reset();
  EXPECT_THAT(read_web_socket_frame(client).payload, HasSubstr(R"("status":"Success")"));
  EXPECT_EQ(read_web_socket_frame(client).opcode, 8);
}

}  // namespace
}  // namespace berth::api
