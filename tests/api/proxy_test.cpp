// tests/api/proxy_test.cpp - pods/proxy and services/proxy: whom a path means, and a server that is asked through ours.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "api/streams/proxy_exchange.hpp"
#include "api/streams/proxy_target.hpp"
#include "tests/api/stream_clients.hpp"

namespace berth::api {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::optional<ApiResult<ProxyTarget>> parse(const std::string& path) {
  const auto target = parse_target(path);
  EXPECT_TRUE(target) << path;
  return parse_proxy_target(path, *target);
}

TEST(ProxyTarget, IsReadFromEveryFormThatKubernetesKnows) {
  struct Case {
    std::string name;
    std::string scheme, pod, port;
  };
  for (const auto& [name, scheme, pod, port] :
       {Case{"web-0", "", "web-0", ""}, Case{"web-0:80", "", "web-0", "80"},
        Case{"http:web-0:80", "http", "web-0", "80"}, Case{"https:web-0:", "https", "web-0", ""},
        Case{":web-0:metrics", "", "web-0", "metrics"}}) {
    const auto got = parse("/api/v1/namespaces/a/pods/" + name + "/proxy/x");
    ASSERT_TRUE(got && *got) << name;
    EXPECT_EQ((*got)->scheme, scheme) << name;
    EXPECT_EQ((*got)->name, pod) << name;
    EXPECT_EQ((*got)->port, port) << name;
    EXPECT_EQ((*got)->ns, "a");
  }
  for (const auto* name : {":80", "a:b:c:d", "ftp:web-0:80", "web-0:"}) {
    const auto got = parse(std::string("/api/v1/namespaces/a/pods/") + name + "/proxy/");
    ASSERT_TRUE(got) << name;
    EXPECT_FALSE(*got) << name;
  }
  for (const auto* path : {"/api/v1/namespaces/a/pods/web-0/log", "/api/v1/namespaces/a/secrets/s/proxy",
                           "/apis/apps/v1/namespaces/a/pods/x/proxy", "/api/v1/nodes/bed/proxy/metrics"}) {
    EXPECT_FALSE(parse(path)) << path;
  }
}

TEST(ProxyTarget, TheRestIsPassedOnAsItWasWritten) {
  const std::string base = "/api/v1/namespaces/a/services/web/proxy";
  for (const auto* rest : {"", "/", "/a//b/", "/a%20b?x=%2F&y", "/proxy/proxy?proxy"}) {
    const auto got = parse(base + rest);
    ASSERT_TRUE(got && *got) << rest;
    EXPECT_EQ((*got)->rest, rest);
    EXPECT_EQ((*got)->kind, model::Kind::Service);
  }
  EXPECT_EQ((*parse(base + "?x=1"))->rest, "/?x=1");
}

json::object object(std::string_view text) { return json::parse(text).as_object(); }

TEST(ProxyTarget, APodIsAskedAtItsAddressAndAtNoAddressOfTheHost) {
  const auto at = [](const char* port, const char* pod) {
    const auto got = pod_address({.name = "p", .port = port}, object(pod));
    return got ? got->text() : got.error().message;
  };
  constexpr auto kPod = R"({"spec":{"containers":[{},{"ports":[{"containerPort":8080},{"containerPort":81}]}]},
                            "status":{"podIP":"10.98.0.2"}})";
  EXPECT_EQ(at("", kPod), "10.98.0.2:8080");
  EXPECT_EQ(at("81", kPod), "10.98.0.2:81");
  EXPECT_EQ(at("", R"({"status":{"podIP":"fd00::2"}})"), "[fd00::2]:80");
  EXPECT_EQ(at("web", kPod), "invalid port \"web\" of pod \"p\"");
  EXPECT_EQ(at("0", kPod), "invalid port \"0\" of pod \"p\"");
  for (const auto* address : {"", "127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::1", "fe80::1",
                              "::", "::ffff:127.0.0.1", "localhost"}) {
    EXPECT_EQ(at("80", fmt::format(R"({{"status":{{"podIP":"{}"}}}})", address).c_str()), "address not allowed")
        << address;
  }
}

TEST(ProxyTarget, AServiceIsAskedAtItsReadyAddressesInTurn) {
  const auto service = object(R"({"spec":{"ports":[{"name":"web","port":80},{"name":"admin","port":81}]}})");
  const auto endpoints = object(R"({"subsets":[
      {"addresses":[{"ip":"10.98.0.2"},{"ip":"10.98.0.3"}],"ports":[{"name":"web","port":8080},{"name":"admin","port":9}]},
      {"notReadyAddresses":[{"ip":"10.98.0.4"}],"ports":[{"name":"web","port":8080}]},
      {"addresses":[{"ip":"10.98.0.5"}],"ports":[{"port":7}]}]})");
  const auto at = [&](const char* port, std::size_t turn) {
    const auto got = service_address({.name = "s", .port = port}, service, &endpoints, turn);
    return got ? got->text() : fmt::format("{}: {}", got.error().code, got.error().message);
  };
  EXPECT_EQ(at("80", 0), "10.98.0.2:8080");
  EXPECT_EQ(at("web", 1), "10.98.0.3:8080");
  EXPECT_EQ(at("web", 2), "10.98.0.2:8080");
  EXPECT_EQ(at("81", 0), "10.98.0.2:9");
  EXPECT_EQ(at("", 0), "10.98.0.5:7");  // The port without a name, as in Kubernetes.
  EXPECT_EQ(at("82", 0), "503: no service port 82 found for service \"s\"");
  EXPECT_EQ(at("x", 0), "503: no endpoints available for service \"s\"");
  EXPECT_EQ(service_address({.name = "s"}, service, nullptr, 0).error().code, 503U);
}

TEST(ProxiedRequest, KeepsWhatWasForUs) {
  HttpRequest request;
  request.target = "/api/v1/namespaces/a/pods/p/proxy/x?y";
  request.body = "abc";
  request.headers = {{"Host", "us"},          {"Authorization", "Bearer t"},    {"Connection", "keep-alive"},
                     {"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}, {"X-Mine", "1"},
                     {"Cookie", "c"}};
  EXPECT_EQ(proxied_request(request, {"10.98.0.2", 80}, "/x?y", "POST"),
            "POST /x?y HTTP/1.1\r\nHost: 10.98.0.2:80\r\nX-Mine: 1\r\nCookie: c\r\nContent-Length: 3\r\n"
            "X-Forwarded-Uri: /api/v1/namespaces/a/pods/p/proxy/x\r\nConnection: close\r\n\r\nabc");
}

class Proxy : public ApiFixture {
 protected:
  void SetUp() override {
    config_.dial_address = [this](const TcpAddress& address) -> Result<UniqueFd> {
      if (address.port == 81)
        return Error(ErrorCode::Unavailable, "dial tcp " + address.text() + ": connect: connection refused");
      int ends[2] = {-1, -1};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      const std::scoped_lock lock(mutex_);
      address_ = address.text();
      dialled_.emplace_back(ends[0]);
      changed_.notify_all();
      return UniqueFd(ends[1]);
    };
    ApiFixture::SetUp();
    put(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"default"},
            "spec":{"nodeName":"n1","containers":[{"name":"c","image":"busybox"}]},
            "status":{"phase":"Running","podIP":"10.98.0.2"}})");
  }
  /// The other server's end.
  RawClient accept() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !dialled_.empty(); }));
    auto out = std::move(dialled_.front());
    dialled_.pop_front();
    return RawClient(std::move(out));
  }
  static std::string get(std::string_view rest, std::string_view more = "") {
    return fmt::format("GET /api/v1/namespaces/default/pods/web-0{} HTTP/1.1\r\nHost: x\r\n{}\r\n", rest, more);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<UniqueFd> dialled_;
  std::string address_;
};

TEST_F(Proxy, PassesARequestOnAndItsAnswerBack) {
  RawClient client(config_.socket);
  client.send(get("/proxy/a/b?c=d", "X-Mine: 1\r\n"));
  auto pod = accept();
  EXPECT_THAT(pod.read_until("\r\n\r\n"),
              AllOf(StartsWith("GET /a/b?c=d HTTP/1.1\r\nHost: 10.98.0.2:80\r\n"), HasSubstr("X-Mine: 1\r\n")));
  pod.send("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nX-Theirs: 2\r\n\r\nhel");
  EXPECT_THAT(client.read_until("hel"),
              AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("X-Theirs: 2\r\n"), HasSubstr("text/plain")));
  pod.send("lo");
  EXPECT_THAT(client.read_until("0\r\n\r\n"), HasSubstr("lo"));
  client.forget();
  client.send(get("/proxy/again"));  // The client's connection is a connection of HTTP still.
  auto second = accept();
  second.read_until("\r\n\r\n");
  second.send("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 204 "));
}

TEST_F(Proxy, ABodyThatEndsWithItsConnectionOrComesInChunksIsWhole) {
  for (const std::string_view answer :
       {"HTTP/1.0 200 OK\r\n\r\nall of it",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n5\r\nof it\r\n0\r\n\r\n"}) {
    RawClient client(config_.socket);
    client.send(get("/proxy/"));
    auto pod = accept();
    pod.read_until("\r\n\r\n");
    pod.send(answer);
    ::shutdown(pod.fd(), SHUT_WR);
    EXPECT_THAT(client.read_until("\r\n0\r\n\r\n"), AllOf(HasSubstr("all "), HasSubstr("of it")));
  }
}

TEST_F(Proxy, AnAnswerThatBreaksOffDoesNotLookWhole) {
  RawClient client(config_.socket);
  client.send(get("/proxy/"));
  {
    auto pod = accept();
    pod.read_until("\r\n\r\n");
    pod.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  }
  EXPECT_THAT(client.read_all(), AllOf(HasSubstr("half"), Not(EndsWith("0\r\n\r\n"))));
}

// The parser of Beast asserts that something came.
TEST_F(Proxy, WhoEndsBeforeItsFirstByteHasNotAnswered) {
  RawClient client(config_.socket);
  client.send(get("/proxy/", "Connection: close\r\n"));
  accept().read_until("\r\n\r\n");
  EXPECT_THAT(client.read_all(), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("unexpected EOF")));
}

TEST_F(Proxy, SaysWhyNobodyAnswers) {
  const auto ask = [&](const std::string& rest) {
    RawClient client(config_.socket);
    client.send(get(rest, "Connection: close\r\n"));
    return client.read_all();
  };
  EXPECT_THAT(ask(":81/proxy/"),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("error trying to reach service: dial tcp 10.98.0.2:81: "
                                                           "connect: connection refused")));
  EXPECT_THAT(ask("9/proxy/"), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("pods \\\"web-09\\\" not found")));
  EXPECT_THAT(ask("/proxy"), AllOf(StartsWith("HTTP/1.1 301 "),
                                   HasSubstr("Location: /api/v1/namespaces/default/pods/web-0/proxy/\r\n")));
  RawClient client(config_.socket);
  client.send(get("/proxy/"));
  auto pod = accept();
  pod.read_until("\r\n\r\n");
  pod.send("SSH-2.0-nonsense\r\n");
  EXPECT_THAT(client.read_until("reach service"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(Proxy, WhatAPodRedirectsToIsBelowTheProxy) {
  RawClient client(config_.socket);
  client.send(get("/proxy/x"));
  auto pod = accept();
  pod.read_until("\r\n\r\n");
  pod.send("HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Location: /api/v1/namespaces/default/pods/web-0/proxy/y\r\n"));
}

TEST_F(Proxy, ALargeBodyComesAtTheClientsPace) {
  RawClient client(config_.socket, /*receive_buffer=*/4096);
  client.send(get("/proxy/"));
  auto pod = accept();
  pod.read_until("\r\n\r\n");
  constexpr std::size_t kSize = 8 * 1024 * 1024;
  pod.send(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", kSize));
  // What is between the two is bounded: kernel buffers, and kMaxQueued. A sender that does not wait is stopped.
  const std::string piece(64 * 1024, 'x');
  std::size_t sent = 0;
  for (int idle = 0; sent < kSize && idle < 50;) {
    const auto put = ::send(pod.fd(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0) {
      sent += static_cast<std::size_t>(put);
      idle = 0;
    } else {
      pollfd writable{pod.fd(), POLLOUT, 0};
      ::poll(&writable, 1, 10);
      ++idle;
    }
  }
  EXPECT_LT(sent, kSize / 2);
}

TEST_F(Proxy, AClientThatLeavesEndsTheOtherConnection) {
  std::optional<RawClient> client(std::in_place, config_.socket);
  client->send(get("/proxy/"));
  auto pod = accept();
  pod.read_until("\r\n\r\n");
  pod.send("HTTP/1.1 200 OK\r\n\r\nforever");
  client->read_until("forever");
  client.reset();
  EXPECT_THAT(pod.read_all(), HasSubstr("GET / HTTP/1.1"));  // It ends.
}

}  // namespace
}  // namespace berth::api
