// tests/api/log_test.cpp - pods/log against the running server.
#include <gmock/gmock.h>

#include "api/streams/log_body.hpp"
#include "tests/api/stream_clients.hpp"

namespace berth::api {
namespace {

using testing::HasSubstr;

class Logs : public ApiFixture {
 protected:
  void line(const std::string& text, std::uint32_t attempt = 0, bool partial = false, bool is_stderr = false) {
    const auto pod = store_->get({model::Kind::Pod, "default", "web-0"});
    logs_.append(
        pod->meta.uid, "c", attempt,
        {.time = *parse_rfc3339("2026-11-21T10:00:00.5Z"), .is_stderr = is_stderr, .partial = partial, .text = text});
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

TEST_F(Logs, AWebSocketHasTheSameInMessagesAndIsClosedBehindTheLast) {
  put_running_pod("web-0");
  line("one");
  line("two");
  const std::string path = "/api/v1/namespaces/default/pods/web-0/log";
  RawClient client(config_.socket);
  client.send(web_socket_upgrade(path, "binary.k8s.io"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Sec-WebSocket-Protocol: binary.k8s.io\r\n"));
  client.take_until("\r\n\r\n");
  std::string text;
  WebSocketFrame frame;
  for (frame = read_web_socket_frame(client); frame.opcode == 2; frame = read_web_socket_frame(client))
    text += frame.payload;
  EXPECT_EQ(text, "one\ntwo\n");
  EXPECT_EQ(frame.opcode, 8);
  EXPECT_EQ(frame.payload.substr(0, 2), std::string("\x03\xe8", 2));  // 1000
  RawClient strange(config_.socket);
  strange.send(web_socket_upgrade(path, "morse.k8s.io"));
  EXPECT_THAT(strange.read_until("server accepts [binary.k8s.io]"), testing::StartsWith("HTTP/1.1 403"));
}

TEST_F(Logs, OptionsAreRefusedAsKubernetesRefusesThem) {
  put_running_pod("web-0");
  const std::string about = "422 PodLogOptions \"web-0\" is invalid: ";
  EXPECT_EQ(read("?tailLines=-1"), about + "tailLines: Invalid value: -1: must be greater than or equal to 0");
  EXPECT_EQ(read("?limitBytes=0"), about + "limitBytes: Invalid value: 0: must be greater than 0");
  EXPECT_EQ(read("?sinceSeconds=0"), about + "sinceSeconds: Invalid value: 0: must be greater than 0");
  EXPECT_EQ(read("?sinceSeconds=1&sinceTime=2026-11-21T10:00:01Z"),
            about + "sinceSeconds: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
  EXPECT_EQ(read("?stream=x").substr(0, 4), "422 ");
}

TEST_F(Logs, OneOfTheStreamsCanBeAskedFor) {
  put_running_pod("web-0");
  line("out");
  line("err", 0, /*partial=*/false, /*is_stderr=*/true);
  EXPECT_EQ(read("?stream=Stdout"), "out\n");
  EXPECT_EQ(read("?stream=Stderr"), "err\n");
  EXPECT_EQ(read("?stream=All"), "out\nerr\n");
}

TEST_F(Logs, APodThatIsNotPlacedHasAnEmptyLog) {
  put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"default"},
      "spec":{"containers":[{"name":"c"}]},"status":{"phase":"Pending"}})");
  EXPECT_EQ(read(""), "");
}

TEST_F(Logs, OfAPodOnAnotherNodeItIsSaidWhere) {
  put_running_pod("web-0");
  auto raw = store_->get({model::Kind::Pod, "default", "web-0"})->raw;
  raw["spec"].as_object()["nodeName"] = "n2";
  ASSERT_TRUE(store::update_and_wait(*store_, *model::make_object(std::move(raw)), 0));
  const std::string why = "pod web-0 is on node n2, and this is n1: ask berthd there";
  EXPECT_THAT(read(""), HasSubstr("503 "));
  EXPECT_THAT(read(""), HasSubstr(why));
  const std::string pod = "/api/v1/namespaces/default/pods/web-0/";
  for (const auto* target : {"exec?command=ls&stdout=true", "attach?stdout=true", "portforward?ports=80"}) {
    RawClient client(config_.socket);
    client.send(web_socket_upgrade(pod + target, "v4.channel.k8s.io"));
    const auto reply = client.read_until(why);
    EXPECT_THAT(reply, testing::StartsWith("HTTP/1.1 503")) << target;
  }
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
      "spec":{"nodeName":"n1","containers":[{"name":"a"},{"name":"b"}]},"status":{"phase":"Pending"}})");
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

}  // namespace
}  // namespace berth::api
