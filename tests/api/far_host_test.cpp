// tests/api/far_host_test.cpp - two hosts' APIs over one store: what is asked of one and is the other's to answer.
#include "api/streams/far_host.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>

#include "api/tls/certificate.hpp"
#include "api/usage/far_usage.hpp"
#include "base/atomic_file.hpp"
#include "tests/api/stream_clients.hpp"
#include "tests/temp_dir.hpp"

namespace berth::api {
namespace {

using std::chrono::hours;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

json::object object(std::string_view text) { return json::parse(text).as_object(); }

TEST(ApiAddress, IsReadFromKubernetesOwnFields) {
  const auto node = [](const std::string& addresses, int port) {
    return object(fmt::format(
        R"({{"status":{{"addresses":{},"daemonEndpoints":{{"kubeletEndpoint":{{"Port":{}}}}}}}}})", addresses, port));
  };
  constexpr auto kFour = R"([{"type":"Hostname","address":"n2"},{"type":"InternalIP","address":"10.0.0.2"}])";
  EXPECT_EQ(api_address(node(kFour, 6550))->text(), "10.0.0.2:6550");
  EXPECT_EQ(api_address(node(R"([{"type":"InternalIP","address":"fd00::2"}])", 1))->text(), "[fd00::2]:1");
  for (const auto port : {0, -1, 65'536}) EXPECT_FALSE(api_address(node(kFour, port))) << port;
  EXPECT_FALSE(api_address(node(R"([{"type":"InternalIP","address":"n2.example"}])", 6550)));
  EXPECT_FALSE(api_address(node(R"([{"type":"Hostname","address":"n2"}, 7])", 6550)));
  EXPECT_FALSE(api_address(object("{}")));
}

TEST(PassedOnRequest, IsMadeAnewFromWhatWasUnderstood) {
  HttpRequest request;
  request.target = "/api/v1/namespaces/a/pods/p/log?follow=true";
  request.accept = "application/json, */*";
  request.headers = {{"Authorization", "Bearer t"}, {"Impersonate-User", "root"}, {"Cookie", "c"}};
  request.user_agent = "kubectl";
  request.user = make_user("jane", {"system:masters"});
  request.body = "ignored";
  EXPECT_EQ(passed_on_request(request, {"10.0.0.2", 6550}, "n1"),
            "GET /api/v1/namespaces/a/pods/p/log?follow=true HTTP/1.1\r\nHost: 10.0.0.2:6550\r\n"
            "Berth-Passed-On-By: n1\r\nAccept: application/json, */*\r\nConnection: close\r\n\r\n");
}

TEST(PassedOnRequest, SaysWhatTheClientWantsToSpeakAndThatNothingFollows) {
  HttpRequest request;
  request.target = "/x";
  request.upgrade = Upgrade::WebSocket;
  request.web_socket_key = "a2V5";
  request.protocols = {"v5.channel.k8s.io", "base64url.bearer.authorization.k8s.io.c2VjcmV0", "v4.channel.k8s.io"};
  EXPECT_EQ(passed_on_request(request, {"fd00::2", 1}, "n1"),
            "GET /x HTTP/1.1\r\nHost: [fd00::2]:1\r\nBerth-Passed-On-By: n1\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a2V5\r\n"
            "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\nConnection: Upgrade, close\r\n\r\n");
  request.method = Method::Post;
  request.upgrade = Upgrade::Spdy;
  EXPECT_EQ(passed_on_request(request, {"10.0.0.2", 1}, "n1"),
            "POST /x HTTP/1.1\r\nHost: 10.0.0.2:1\r\nBerth-Passed-On-By: n1\r\nContent-Length: 0\r\n"
            "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v5.channel.k8s.io\r\n"
            "X-Stream-Protocol-Version: v4.channel.k8s.io\r\nConnection: Upgrade, close\r\n\r\n");
}

TEST(UsageList, IsReadItemByItemOrNotAtAll) {
  const auto items = read_usage_list(
      R"({"kind":"PodMetricsList","items":[{"metadata":{"name":"b","namespace":"a"},"x":1},{"metadata":{"name":"n"}}]})");
  ASSERT_TRUE(items);
  ASSERT_EQ(items->size(), 2U);
  EXPECT_EQ((*items)[0].ns + "/" + (*items)[0].name, "a/b");
  EXPECT_EQ((*items)[0].text, R"({"metadata":{"name":"b","namespace":"a"},"x":1})");
  EXPECT_EQ((*items)[1].ns, "");
  for (const auto* wrong : {"", "[]", "{}", R"({"items":[1]})", "{\"items\":["}) {
    EXPECT_FALSE(read_usage_list(wrong)) << wrong;
  }
}

/// A socket that listens on a free port of 127.0.0.1.
std::pair<UniqueFd, std::uint16_t> listen_anywhere() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(fd.get(), 256), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return {std::move(fd), ntohs(address.sin_port)};
}

/// One host: its agent's API, with a certificate of the cluster's CA.
struct Host {
  std::string name;
  std::string organization = kHostsGroup;  ///< Of the certificate that it shows to others.
  std::string address = "127.0.0.1";       ///< That its server's certificate is for.
  ApiConfig config{};
  runtime::ExecRuntime runtime{};
  runtime::FakeLogReader logs{};
  std::mutex mutex{};
  std::condition_variable changed{};
  std::deque<UniqueFd> dialled{};  ///< The pods' ends of what was forwarded to them.
  std::unique_ptr<ApiServer> server{};
};

class FarHost : public testing::Test {
 protected:
  void SetUp() override {
    ca_ = ca("cluster");
    put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
  }
  void TearDown() override {
    a_.server.reset();
    b_.server.reset();
  }

  Pair ca(const std::string& name) {
    auto made = issue({.use = Use::Authority, .name = name}, nullptr, now_, hours(24));
    EXPECT_TRUE(made);
    write(directory_ / (name + ".crt"), *to_pem(made->certificate.get()));
    return *std::move(made);
  }
  static void write(const std::filesystem::path& file, const std::string& text) {
    ASSERT_TRUE(write_file(file, text, 0600));
  }
  void certify(const Subject& subject, const std::string& file) {
    const auto made = issue(subject, &ca_, now_, hours(24));
    ASSERT_TRUE(made);
    write(directory_ / (file + ".crt"), *to_pem(made->certificate.get()));
    write(directory_ / (file + ".key"), *to_pem(made->key.get()));
  }

  /// Serves, and says on its Node where.
  void start(Host& host) {
    const auto& name = host.name;
    certify({.use = Use::Server, .name = name, .names = {host.address}}, name + "-server");
    certify({.use = Use::Client, .name = name, .organization = host.organization}, name + "-client");
    auto [listener, port] = listen_anywhere();
    auto& config = host.config;
    config.socket = directory_ / (name + ".sock");
    config.node_name = name;
    config.usage_window = std::chrono::milliseconds(1);
    config.dial_pod = [&host](const std::string&, std::uint16_t) -> Result<UniqueFd> {
      int ends[2] = {-1, -1};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      const std::scoped_lock lock(host.mutex);
      host.dialled.emplace_back(ends[0]);
      host.changed.notify_all();
      return UniqueFd(ends[1]);
    };
    auto& tls = config.tls.emplace();
    tls.listen = {{"127.0.0.1", port}};
    tls.certificate_file = directory_ / (name + "-server.crt");
    tls.key_file = directory_ / (name + "-server.key");
    tls.pki_directory = directory_ / (name + "-pki");
    tls.hosts = HostCertificates{directory_ / "cluster.crt", directory_ / (name + "-client.crt"),
                                 directory_ / (name + "-client.key")};
    const auto held = std::make_shared<UniqueFd>(std::move(listener));
    tls.kept.take = [held](const std::string&) { return std::move(*held); };
    auto server = start_api_server(config, *store_, host.runtime, host.logs,
                                   [] { return std::vector<std::pair<std::string, Status>>(); });
    ASSERT_TRUE(server) << server.error().message();
    host.server = *std::move(server);
    put_node(name, port);
  }
  void start_both() {
    start(a_);
    start(b_);
  }

  model::ObjectPtr put(std::string_view text) {
    auto made = model::make_object(object(text));
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    auto done = store_->get(made->key()) ? store::update_and_wait(*store_, *std::move(made), 0)
                                         : store::create_and_wait(*store_, *std::move(made));
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
    return done ? *done : nullptr;
  }
  void put_node(const std::string& name, int port, std::string_view ready = "True") {
    put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}},"status":{{
        "addresses":[{{"type":"InternalIP","address":"127.0.0.1"}}],"conditions":[{{"type":"Ready","status":"{}"}}],
        "daemonEndpoints":{{"kubeletEndpoint":{{"Port":{}}}}}}}}})",
                    name, ready, port));
  }
  model::ObjectPtr put_pod(const std::string& name, const std::string& node) {
    return put(fmt::format(
        R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default"}},
        "spec":{{"nodeName":"{}","containers":[{{"name":"c","image":"busybox"}}]}},
        "status":{{"phase":"Running","podIP":"10.98.0.2","containerStatuses":[{{"name":"c","ready":true,
        "containerID":"containerd://{}-c","state":{{"running":{{"startedAt":"2026-11-21T10:00:00Z"}}}}}}]}}}})",
        name, node, name));
  }
  void say(Host& host, const std::string& pod, const std::string& text) {
    const auto uid = store_->get({model::Kind::Pod, "default", pod})->meta.uid;
    host.logs.append(
        uid, "c", 0,
        {.time = *parse_rfc3339("2026-11-21T10:00:00Z"), .is_stderr = false, .partial = false, .text = text});
  }

  static std::string path(std::string_view pod, std::string_view rest) {
    return fmt::format("/api/v1/namespaces/default/pods/{}/{}", pod, rest);
  }
  static std::string get(std::string_view target, std::string_view more = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", target, more);
  }
  /// The whole answer, of a connection for it alone.
  std::string ask(const Host& host, std::string_view target, std::string_view more = "") {
    RawClient client(host.config.socket);
    client.send(get(target, fmt::format("{}Connection: close\r\n", more)));
    return client.read_all();
  }
  void expect_lives(const Host& host) { EXPECT_THAT(ask(host, "/version"), StartsWith("HTTP/1.1 200 ")); }

  TempDir temp_;
  const std::filesystem::path directory_ = temp_.path();
  const WallTime now_ = std::chrono::system_clock::now();
  Pair ca_;
  std::unique_ptr<store::Store> store_ = store::make_memory_store({.object_bytes = 1536 * 1024, .history = 5000});
  Host a_{.name = "n1"};
  Host b_{.name = "n2"};
};

TEST_F(FarHost, ALogIsReadAndFollowedThroughTheHostThatWasAsked) {
  start_both();
  put_pod("web-0", "n2");
  say(b_, "web-0", "one");
  EXPECT_THAT(ask(a_, path("web-0", "log")), AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("one\n")));
  RawClient client(a_.config.socket);
  client.send(get(path("web-0", "log?follow=true")));
  client.read_until("one\n");
  say(b_, "web-0", "two");
  EXPECT_THAT(client.read_until("two\n"), HasSubstr("Content-Type: text/plain\r\n"));
  // And as it was for one's own pods, with one hop less.
  put_pod("web-1", "n1");
  say(a_, "web-1", "here");
  EXPECT_THAT(ask(a_, path("web-1", "log")), HasSubstr("here\n"));
}

TEST_F(FarHost, MistakesAreAnsweredInTheWordsOfThePodsHost) {
  start_both();
  put_pod("web-0", "n2");
  EXPECT_THAT(ask(a_, path("web-0", "log?container=x")),
              AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("container x is not valid for pod web-0")));
  EXPECT_THAT(ask(a_, path("none", "log")), StartsWith("HTTP/1.1 404 "));
  // What was sent behind it stays ours, and is asked in the client's name.
  RawClient client(a_.config.socket);
  client.send(web_socket_upgrade(path("web-0", "exec?command=ls&stdout=true&container=x"), "v4.channel.k8s.io") +
              get("/version"));
  client.take_until("container x is not valid");
  EXPECT_THAT(client.read_until("gitVersion"), HasSubstr("HTTP/1.1 200 OK"));
}

TEST_F(FarHost, ExecSpeaksWebSocketThroughIt) {
  start_both();
  put_pod("web-0", "n2");
  RawClient client(a_.config.socket);
  client.send(web_socket_upgrade(path("web-0", "exec?command=sh&stdin=true&stdout=true"), "v5.channel.k8s.io"));
  EXPECT_THAT(client.read_until("\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 101 "), HasSubstr("Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"),
                    HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")));
  client.take_until("\r\n\r\n");
  const auto process = b_.runtime.started();
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(process->id, "web-0-c");
  client.send(web_socket_frame(std::string("\0hello", 6)));
  char buffer[16] = {};
  EXPECT_EQ(::read(process->in.get(), buffer, sizeof(buffer)), 5);
  EXPECT_STREQ(buffer, "hello");
  EXPECT_EQ(::write(process->out.get(), "out", 3), 3);
  EXPECT_EQ(read_web_socket_frame(client).payload, "\1out");
  client.send(web_socket_frame(std::string("\xff\0", 2)));
  EXPECT_TRUE(process->wait([&] { return process->stdin_closed; }));
  process->exit(3);
  EXPECT_THAT(read_web_socket_frame(client).payload, HasSubstr(R"("reason":"NonZeroExitCode")"));
  EXPECT_EQ(read_web_socket_frame(client).opcode, 8);
  client.send(web_socket_frame("\x03\xe8", 8));
  EXPECT_EQ(client.read_all(), "") << "its end comes through, too";
}

TEST_F(FarHost, ExecSpeaksSpdyThroughItAndAClientThatLeavesKillsItsProcess) {
  start_both();
  put_pod("web-0", "n2");
  auto client = std::make_unique<RawClient>(a_.config.socket);
  client->send(SpdyClient::upgrade(path("web-0", "exec?command=sh&stdin=true&stdout=true"),
                                   "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n"));
  EXPECT_THAT(client->read_until("\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 101 "), HasSubstr("X-Stream-Protocol-Version: v4.channel.k8s.io\r\n")));
  client->take_until("\r\n\r\n");
  SpdyClient spdy(*client);
  spdy.open({{"streamtype", "error"}});
  const auto in = spdy.open({{"streamtype", "stdin"}});
  const auto out = spdy.open({{"streamtype", "stdout"}});
  EXPECT_TRUE(spdy.until([&] { return spdy.replied[in] && spdy.replied[out]; }));
  const auto process = b_.runtime.started();
  ASSERT_NE(process, nullptr);
  // More than is held on the way, in both directions.
  const std::string much(48 * 1024, 'x');
  std::string seen(much.size(), '\0');
  std::thread pod([&] {
    for (std::size_t got = 0; got < seen.size();) {
      const auto more = ::read(process->in.get(), seen.data() + got, seen.size() - got);
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    for (std::size_t put = 0; put < seen.size();) {
      const auto more = ::write(process->out.get(), seen.data() + put, seen.size() - put);
      if (more <= 0) break;
      put += static_cast<std::size_t>(more);
    }
  });
  spdy.data(in, much);
  EXPECT_TRUE(spdy.until([&] { return spdy.received[out].size() == much.size(); }));
  pod.join();
  EXPECT_TRUE(spdy.received[out] == much);
  client.reset();
  EXPECT_TRUE(process->wait([&] { return process->killed; }));
}

TEST_F(FarHost, PortsAreForwardedThroughItAndHalfClosesToo) {
  start_both();
  put_pod("web-0", "n2");
  RawClient client(a_.config.socket);
  client.send(SpdyClient::upgrade(path("web-0", "portforward"), "X-Stream-Protocol-Version: portforward.k8s.io\r\n"));
  client.take_until("\r\n\r\n");
  SpdyClient spdy(client);
  const auto error = spdy.open({{"streamtype", "error"}, {"port", "80"}, {"requestid", "0"}});
  spdy.data(error, "", /*fin=*/true);
  const auto data = spdy.open({{"streamtype", "data"}, {"port", "80"}, {"requestid", "0"}});
  EXPECT_TRUE(spdy.until([&] { return spdy.replied[error] && spdy.replied[data]; }));
  spdy.data(data, "GET /");
  spdy.data(data, "", /*fin=*/true);
  UniqueFd pod;
  {
    std::unique_lock lock(b_.mutex);
    ASSERT_TRUE(b_.changed.wait_for(lock, std::chrono::seconds(20), [&] { return !b_.dialled.empty(); }));
    pod = std::move(b_.dialled.front());
  }
  char buffer[16] = {};
  EXPECT_EQ(::recv(pod.get(), buffer, 5, MSG_WAITALL), 5);
  EXPECT_EQ(::recv(pod.get(), buffer, 1, 0), 0) << "the client's half is closed";
  EXPECT_EQ(::send(pod.get(), "200 OK", 6, MSG_NOSIGNAL), 6);
  pod.reset();
  EXPECT_TRUE(spdy.until_end(data));
  EXPECT_EQ(spdy.received[data], "200 OK");
  EXPECT_TRUE(a_.dialled.empty());
}

TEST_F(FarHost, WhatWasPassedOnIsNotPassedOnTwice) {
  start_both();
  put_pod("web-0", "n2");
  put_node("n2", a_.config.tls->listen[0].port);  // as if a Node said a wrong address: A asks itself
  EXPECT_THAT(
      ask(a_, path("web-0", "log")),
      AllOf(StartsWith("HTTP/1.1 508 "),
            HasSubstr("pod web-0 is on node n2, and this is n1: host n1 passed the request on to here, and it is "
                      "not passed on twice")));
  expect_lives(a_);
}

TEST_F(FarHost, WhyAHostIsNotAskedIsSaidInASentence) {
  start_both();
  const auto why = [&](const std::string& node) {
    put_pod("web-" + node, node);
    return ask(a_, path("web-" + node, "log"));
  };
  EXPECT_THAT(why("n3"),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\"message\":\"pod web-n3 is on node n3, of which "
                                                           "there is no Node object\"")));
  put_node("n4", 0);
  EXPECT_THAT(why("n4"), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("node n4 does not say where its API is")));
  const auto port = listen_anywhere().second;  // closed again
  put_node("n5", port);
  EXPECT_THAT(why("n5"), AllOf(StartsWith("HTTP/1.1 503 "),
                               HasSubstr(fmt::format("pod web-n5 is on node n5, whose API at 127.0.0.1:{} cannot be "
                                                     "asked: connect: connection refused",
                                                     port))));
  for (const auto* rest : {"exec?command=ls&stdout=true", "attach?stdout=true", "portforward?ports=80"}) {
    RawClient client(a_.config.socket);
    client.send(web_socket_upgrade(path("web-n5", rest), "v4.channel.k8s.io"));
    EXPECT_THAT(client.read_until("connection refused"), StartsWith("HTTP/1.1 503 ")) << rest;
  }
}

TEST_F(FarHost, AHostIsOnlyBelievedWithACertificateForItsAddress) {
  b_.address = "127.0.0.2";
  start_both();
  put_pod("web-0", "n2");
  EXPECT_THAT(ask(a_, path("web-0", "log")),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("cannot be asked: tls: certificate: IP address mismatch")));
}

TEST_F(FarHost, AHostOfAnotherCaIsNotBelieved) {
  start(a_);
  ca_ = ca("other");
  start(b_);
  put_pod("web-0", "n2");
  EXPECT_THAT(ask(a_, path("web-0", "log")), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("cannot be asked: tls: ")));
}

TEST_F(FarHost, WhoAsksWithoutTheHostsOrganizationMayNothing) {
  a_.organization = "berth:guests";
  start_both();
  put_pod("web-0", "n2");
  EXPECT_THAT(
      ask(a_, path("web-0", "log")),
      AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("does not take this host for one of its cluster (status 403)")));
}

TEST_F(FarHost, AHostThatDiesEndsTheStreamsThroughItAndNothingElse) {
  start_both();
  put_pod("web-0", "n2");
  say(b_, "web-0", "one");
  RawClient log(a_.config.socket);
  log.send(get(path("web-0", "log?follow=true")));
  log.read_until("one\n");
  RawClient exec(a_.config.socket);
  exec.send(web_socket_upgrade(path("web-0", "exec?command=sh&stdout=true"), "v4.channel.k8s.io"));
  exec.take_until("\r\n\r\n");
  ASSERT_NE(b_.runtime.started(), nullptr);
  b_.server.reset();
  EXPECT_THAT(log.read_all(), Not(HasSubstr("\r\n0\r\n"))) << "the body breaks off, it does not end";
  EXPECT_EQ(exec.read_all(), "") << "no close frame: a client takes that for an error";
  expect_lives(a_);
  EXPECT_THAT(ask(a_, path("web-0", "log")), StartsWith("HTTP/1.1 503 "));
}

TEST_F(FarHost, ManyStreamsGoThroughAtOnce) {
  start_both();
  std::deque<RawClient> clients;
  for (int i = 0; i < 100; ++i) {
    const auto pod = fmt::format("web-{}", i);
    put_pod(pod, "n2");
    clients.emplace_back(a_.config.socket).send(get(path(pod, "log?follow=true")));
  }
  for (int i = 0; i < 100; ++i) say(b_, fmt::format("web-{}", i), fmt::format("line of {}", i));
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i].read_until(fmt::format("line of {}\n", i));
  // More of them than may be are refused, and short questions are not.
  for (int i = 0; i < 28; ++i) clients.emplace_back(a_.config.socket).send(get(path("web-0", "log?follow=true")));
  for (std::size_t i = 100; i < clients.size(); ++i) clients[i].read_until("line of 0\n");
  EXPECT_THAT(ask(a_, path("web-0", "log?follow=true")), StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(ask(a_, path("web-0", "log")), HasSubstr("line of 0\n"));
  EXPECT_THAT(ask(b_, path("web-0", "log")), HasSubstr("line of 0\n")) << "B's own clients keep their places";
}

TEST_F(FarHost, WhoReadsNothingHoldsNobodyElseUp) {
  start_both();
  put_pod("web-0", "n2");
  put_pod("web-1", "n2");
  const std::string line(16 * 1024, 'x');
  for (int i = 0; i < 600; ++i) say(b_, "web-0", line);
  RawClient slow(a_.config.socket, /*receive_buffer=*/4096);
  slow.send(get(path("web-0", "log"), "Connection: close\r\n"));
  slow.read_until("xxx");
  RawClient other(a_.config.socket);
  other.send(get(path("web-1", "log?follow=true")));
  for (int i = 0; i < 20; ++i) {
    say(b_, "web-1", fmt::format("line {}", i));
    other.read_until(fmt::format("line {}\n", i));
  }
  const auto all = slow.read_all();
  const auto body = all.begin() + static_cast<std::ptrdiff_t>(all.find("\r\n\r\n"));
  EXPECT_EQ(std::count(body, all.end(), 'x'), 600 * 16 * 1024);
}

TEST_F(FarHost, UsageIsToldOfEveryHostThatAnswers) {
  start_both();
  const auto usage = [](const std::string& id) {
    return runtime::ContainerUsage{.id = id,
                                   .pod_uid = "uid",
                                   .at = std::chrono::system_clock::now(),
                                   .measured_at = std::chrono::steady_clock::now(),
                                   .cpu_nanoseconds = 1,
                                   .memory_bytes = 7 << 20};
  };
  a_.runtime.set_usage({usage("a-c")});
  b_.runtime.set_usage({usage("b-c"), usage("d-c")});
  put_pod("a", "n1");
  put_pod("b", "n2");
  put_pod("c", "n3");
  put_pod("d", "n2");
  put_node("n3", listen_anywhere().second);            // nobody is there
  const auto silent = listen_anywhere();               // takes connections, and says nothing
  put_node("n4", silent.second, /*ready=*/"Unknown");  // is known for it, and not asked
  const std::string group = "/apis/metrics.k8s.io/v1beta1/";
  const auto names = [&](const Host& host, const std::string& rest, std::string_view more = "") {
    const auto answer = ask(host, group + rest, more);
    const auto body = parse_json(answer.substr(answer.find("\r\n\r\n") + 4));
    EXPECT_TRUE(body) << answer;
    std::string out;
    for (const auto& item : body ? body->at("items").as_array() : json::array()) {
      out += std::string(find_string(item, {"metadata", "name"})) + " ";
    }
    return out;
  };
  EXPECT_EQ(names(a_, "pods"), "a b d ");
  EXPECT_EQ(names(b_, "namespaces/default/pods"), "a b d ");
  EXPECT_EQ(names(a_, "nodes"), "n1 n2 ");
  EXPECT_EQ(names(b_, "pods", "Berth-Passed-On-By: n1\r\n"), "b d ") << "what it measures itself";
  EXPECT_THAT(ask(a_, group + "namespaces/default/pods/b"), HasSubstr("\"memory\":\"7168Ki\""));
  EXPECT_THAT(ask(a_, group + "nodes/n2"), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("\"name\":\"n2\"")));
  EXPECT_THAT(ask(a_, group + "nodes/n3"), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("node n3 is measured by")));
}

TEST_F(FarHost, WhoDoesNotTellItsUsageInTimeIsMissing) {
  a_.config.usage_patience = std::chrono::milliseconds(20);
  start(a_);
  const auto silent = listen_anywhere();
  put_node("n2", silent.second);
  EXPECT_THAT(ask(a_, "/apis/metrics.k8s.io/v1beta1/nodes"),
              AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr(R"("name":"n1")"), Not(HasSubstr(R"("name":"n2")"))));
}

TEST_F(FarHost, AnAgentStopsWhileAnotherKeepsItWaiting) {
  start(a_);
  const auto silent = listen_anywhere();
  put_node("n2", silent.second);
  put_pod("web-0", "n2");
  RawClient client(a_.config.socket);
  client.send(get(path("web-0", "log")));
  client.send(get("/apis/metrics.k8s.io/v1beta1/pods"));
  expect_lives(a_);
  a_.server.reset();
}

}  // namespace
}  // namespace berth::api
