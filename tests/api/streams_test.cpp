// tests/api/streams_test.cpp - pods/log and pods/exec against the running server.
#include <gmock/gmock.h>

#include "api/log_body.hpp"
#include "tests/api/api_fixture.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Logs : public ApiFixture {
 protected:
  void line(const std::string& text, std::uint32_t attempt = 0, bool partial = false) {
    const auto pod = store_->get({model::Kind::Pod, "default", "web-0"});
    logs_.append(
        pod->meta.uid, "c", attempt,
        {.time = *parse_rfc3339("2026-11-21T10:00:00.5Z"), .is_stderr = false, .partial = partial, .text = text});
  }
  std::string read(std::string_view query) {
    std::string out;
    const cli::HttpClient client(config_.socket);
    auto reply = client.stream({.method = "GET",
                                .target = fmt::format("/api/v1/namespaces/default/pods/web-0/log{}", query),
                                .accept = "*/*",
                                .content_type = {},
                                .body = {}},
                               [&](std::string_view piece) {
                                 out += piece;
                                 return true;
                               });
    EXPECT_TRUE(reply);
    return reply->code == 200 ? out
                              : fmt::format("{} {}", reply->code, find_string(*parse_json(reply->body), {"message"}));
  }
};

TEST_F(Logs, LinesAreGivenWithTailLimitAndTimes) {
  put_running_pod("web-0");
  line("one");
  line("two, be", 0, /*partial=*/true);
  line("gun");
  EXPECT_EQ(read(""), "one\ntwo, begun\n");
  EXPECT_EQ(read("?tailLines=1"), "gun\n");
  EXPECT_EQ(read("?limitBytes=5"), "one\nt");
  EXPECT_EQ(read("?timestamps=true"),
            "2026-11-21T10:00:00.500000000Z one\n2026-11-21T10:00:00.500000000Z two, begun\n");
  EXPECT_EQ(read("?sinceTime=2026-11-21T10:00:01Z"), "");
  EXPECT_EQ(read("?tailLines=x").substr(0, 4), "400 ");
}

TEST_F(Logs, TheAttemptComesFromTheRestartCount) {
  put_running_pod("web-0", R"({"app":"web"})", /*restarts=*/2);
  line("old", 1);
  line("new", 2);
  EXPECT_EQ(read(""), "new\n");
  EXPECT_EQ(read("?previous=true"), "old\n");
}

TEST_F(Logs, WhatCannotBeReadIsSaidAsKubernetesSaysIt) {
  put_running_pod("web-0");
  EXPECT_EQ(read(""), "");  // it runs, and has written nothing
  EXPECT_EQ(read("?previous=true"), "400 previous terminated container \"c\" in pod \"web-0\" not found");
  EXPECT_EQ(read("?container=x"), "400 container x is not valid for pod web-0");
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"default"},
      "spec":{"containers":[{"name":"a"},{"name":"b"}]},"status":{"phase":"Pending"}})");
  EXPECT_EQ(read(""), "400 a container name must be specified for pod web-0, choose one of: [a b]");
  EXPECT_EQ(read("?container=a"), "400 container \"a\" in pod \"web-0\" is waiting to start: ContainerCreating");
}

TEST_F(Logs, ALargeLogComesWhole) {
  put_running_pod("web-0");
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    const auto text = fmt::format("line {} {}", i, std::string(100, 'x'));
    line(text);
    expected += text + "\n";
  }
  EXPECT_EQ(read(""), expected);
}

TEST_F(Logs, FollowingEndsWhenTheContainerEndedAndItsLogIsDrained) {
  put_running_pod("web-0");
  line("first");
  RawClient client(config_.socket);
  client.send(get_request("/api/v1/namespaces/default/pods/web-0/log?follow=true"));
  client.read_until("first\n");
  line("second");
  client.read_until("second\n");
  line("last words");
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"default"},
      "spec":{"nodeName":"n1","containers":[{"name":"c"}]},"status":{"phase":"Succeeded","containerStatuses":[{"name":"c",
      "restartCount":0,"state":{"terminated":{"exitCode":0}}}]}})");
  EXPECT_THAT(client.read_until("0\r\n\r\n"), HasSubstr("last words\n"));
}

TEST_F(Logs, FollowingAContainerThatHasWrittenNothingWaitsForItsFirstLine) {
  put_running_pod("web-0");
  RawClient client(config_.socket);
  client.send(get_request("/api/v1/namespaces/default/pods/web-0/log?follow=true"));
  client.read_until("\r\n\r\n");
  line("at last");
  client.read_until("at last\n");
}

class Exec : public ApiFixture {
 protected:
  static constexpr std::string_view kPath =
      "/api/v1/namespaces/default/pods/web-0/exec?command=sh&command=-c&command=exit+3";

  static std::string upgrade(std::string_view query, std::string_view protocol = "v5.channel.k8s.io") {
    return fmt::format(
        "GET {}{} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
        kPath, query, protocol);
  }
  /// One masked binary frame (RFC 6455, 5.2), key zero.
  static std::string frame(std::string_view payload, char opcode = 2) {
    std::string out(1, static_cast<char>(0x80 | opcode));
    if (payload.size() < 126) {
      out += static_cast<char>(0x80 | payload.size());
    } else {
      out += static_cast<char>(0x80 | 126);
      out += static_cast<char>(payload.size() >> 8);
      out += static_cast<char>(payload.size() & 0xff);
    }
    out.append(4, '\0');
    return out.append(payload);
  }
  struct Frame {
    int opcode = 0;
    std::string payload;
  };
  static Frame read_frame(RawClient& client) {
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
  client.send(frame(std::string("\0hello", 6)));
  char buffer[16] = {};
  EXPECT_EQ(::read(process->in.get(), buffer, sizeof(buffer)), 5);
  EXPECT_STREQ(buffer, "hello");
  write(process->out, "out");
  EXPECT_EQ(read_frame(client).payload, "\1out");
  write(process->err, "err");
  EXPECT_EQ(read_frame(client).payload, "\2err");
  client.send(frame("\4{\"Width\":120,\"Height\":40}"));
  EXPECT_TRUE(process->wait([&] { return process->size == std::pair(120, 40); }));
  client.send(frame(std::string("\xff\0", 2)));
  EXPECT_TRUE(process->wait([&] { return process->stdin_closed; }));
  process->exit(3);
  const auto status = read_frame(client).payload;
  EXPECT_THAT(status, StartsWith("\3{"));
  EXPECT_THAT(status, HasSubstr(R"("reason":"NonZeroExitCode")"));
  EXPECT_THAT(status, HasSubstr(R"({"reason":"ExitCode","message":"3"})"));
  const auto close = read_frame(client);
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
  old.send(upgrade("&stdout=true", "channel.k8s.io"));
  EXPECT_THAT(old.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 400"));
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
  for (auto got = read_frame(client); got.opcode == 2; got = read_frame(client)) {
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
  EXPECT_THAT(read_frame(client).payload, HasSubstr("no such file: bash"));
  EXPECT_EQ(read_frame(client).opcode, 8);
}

TEST_F(Exec, WhatCannotRunIsRefusedBeforeTheUpgrade) {
  const std::string path(kPath);
  EXPECT_EQ(send("GET", path + "&stdout=true").message(), "pods \"web-0\" not found");
  put_running_pod("web-0");
  EXPECT_THAT(send("POST", path + "&stdout=true").message(), HasSubstr("over WebSockets only"));
  EXPECT_EQ(send("POST", path).code, 400U);
  EXPECT_THAT(send("POST", "/api/v1/namespaces/default/pods/web-0/exec?stdout=true").message(),
              HasSubstr("at least one command"));
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"default"},
      "spec":{"containers":[{"name":"c"}]},"status":{"phase":"Pending"}})");
  EXPECT_EQ(send("POST", path + "&stdout=true").message(), "container c of pod web-0 is not running");
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

}  // namespace
}  // namespace berth::api
