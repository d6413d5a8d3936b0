// tests/agent/probe_http_test.cpp - requests, statuses, redirects and broken servers, on loopback.
#include "agent/probes/probe_http.hpp"

#include <gtest/gtest.h>

#include "tests/agent/loopback_server.hpp"
#include "tests/agent/run_probe.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

HttpTarget target_at(std::uint16_t port, const std::string& path = "/healthz") {
  return {false, {"127.0.0.1", port}, "127.0.0.1", path};
}

ProbeOutcome get(const HttpTarget& target, const std::vector<model::HttpHeader>& headers = {},
                 milliseconds timeout = milliseconds(10'000)) {
  return run_probe(*make_http_probe(target, headers), timeout);
}

ProbeOutcome answered(const std::string& response, milliseconds timeout = milliseconds(10'000)) {
  const LoopbackServer server([&](const std::string&) { return response; });
  return get(target_at(server.port()), {}, timeout);
}

TEST(HttpProbe, StatusesFrom200To399SucceedOthersFailWithTheirNumber) {
  for (const auto status : {200, 204, 299, 304, 399}) {
    const auto outcome = answered("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(outcome.answer, ProbeAnswer::Success) << status << outcome.message;
  }
  for (const auto status : {400, 404, 500, 503}) {
    const auto outcome = answered("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(outcome.answer, ProbeAnswer::Failure) << status;
    EXPECT_EQ(outcome.message, "HTTP probe failed with statuscode: " + std::to_string(status));
  }
}

TEST(HttpProbe, InterimResponseIsNotTheAnswer) {
  const auto outcome = answered("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 500 No\r\n\r\n");
  EXPECT_EQ(outcome.answer, ProbeAnswer::Failure);
}

TEST(HttpProbe, LargeBodyIsNotReadToItsEnd) {
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\n\r\n" + std::string(200'000, 'x')).answer, ProbeAnswer::Success);
}

TEST(HttpProbe, RequestHasHostAgentPathAndTheManifestsHeaders) {
  const LoopbackServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\n\r\n"; });
  EXPECT_EQ(get(target_at(server.port(), "/ready?full=1"), {{"X-Token", "t"}}).answer, ProbeAnswer::Success);
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.rfind("GET /ready?full=1 HTTP/1.1\r\n", 0), 0U);
  EXPECT_NE(request.find("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"), std::string::npos);
  EXPECT_NE(request.find("\r\nUser-Agent: kube-probe/berth\r\n"), std::string::npos);
  EXPECT_NE(request.find("\r\nX-Token: t\r\n"), std::string::npos);
  EXPECT_EQ(request.substr(request.size() - 4), "\r\n\r\n");
}

TEST(HttpProbe, RedirectOnTheSameHostIsFollowed) {
  const LoopbackServer server([](const std::string& request) {
    return request.find("GET /healthz ") == 0 ? "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
                                              : "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
  });
  EXPECT_EQ(get(target_at(server.port())).answer, ProbeAnswer::Failure);
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_EQ(server.requests()[1].rfind("GET /other HTTP/1.1\r\n", 0), 0U);
}

TEST(HttpProbe, RedirectToAnotherHostIsSuccessAndNotFollowed) {
  const auto outcome = answered("HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(outcome.answer, ProbeAnswer::Success);
}

TEST(HttpProbe, RedirectsInACircleEnd) {
  const LoopbackServer server(
      [](const std::string&) { return "HTTP/1.1 301 Moved\r\nLocation: /healthz\r\nContent-Length: 0\r\n\r\n"; });
  const auto outcome = get(target_at(server.port()));
  EXPECT_EQ(outcome.answer, ProbeAnswer::Failure);
  EXPECT_NE(outcome.message.find("10 redirects"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 11U);
}

TEST(HttpProbe, NobodyListeningFailsAndSaysSo) {
  const auto outcome = get(target_at(closed_port()));
  EXPECT_EQ(outcome.answer, ProbeAnswer::Failure);
  EXPECT_NE(outcome.message.find("Connection refused"), std::string::npos) << outcome.message;
}

TEST(HttpProbe, SilentServerIsATimeout) {
  const LoopbackServer silent;
  const auto outcome = get(target_at(silent.port()), {}, milliseconds(50));
  EXPECT_EQ(outcome.answer, ProbeAnswer::Failure);
  EXPECT_NE(outcome.message.find("timeout"), std::string::npos) << outcome.message;
}

TEST(HttpProbe, GarbageEmptyAnswerAndEndlessHeadersFail) {
  EXPECT_EQ(answered("SSH-2.0-OpenSSH_9.2\r\n").answer, ProbeAnswer::Failure);
  EXPECT_EQ(answered("").answer, ProbeAnswer::Failure);
  EXPECT_EQ(answered("HTTP/1.1 abc\r\n\r\n").answer, ProbeAnswer::Failure);
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nX: " + std::string(80'000, 'x')).answer, ProbeAnswer::Failure);
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nX: " + std::string(66'000, 'x') + "\r\n\r\n").answer, ProbeAnswer::Failure);
}

TEST(HttpRequest, HeadersOfTheManifestReplaceOursAndNoLineBreakGetsThrough) {
  const auto target = target_at(80);
  const auto request =
      http_request(target, {{"host", "db.example"}, {"User-Agent", "me"}, {"Accept", ""}}).value_or("");
  EXPECT_NE(request.find("\r\nHost: db.example\r\n"), std::string::npos);
  EXPECT_NE(request.find("\r\nUser-Agent: me\r\n"), std::string::npos);
  EXPECT_EQ(request.find("Accept"), std::string::npos);
  EXPECT_NE(http_request(target, {}).value_or("").find("\r\nHost: 127.0.0.1\r\n"), std::string::npos);
  EXPECT_FALSE(http_request(target, {{"X", "a\r\nEvil: 1"}}).ok());
  EXPECT_FALSE(http_request(target, {{"X\r\nEvil", "a"}}).ok());
  EXPECT_FALSE(http_request(target, {{"X", std::string(70'000, 'x')}}).ok());
  EXPECT_FALSE(http_request(target_at(80, "/ HTTP/1.1\r\nEvil: 1"), {}).ok());
}

TEST(FollowRedirect, ResolvesAgainstTheRequestAndStaysOnTheHost) {
  const auto from = target_at(8080, "/a/b?x=1");
  EXPECT_EQ(follow_redirect(from, "/c")->url(), "http://127.0.0.1:8080/c");
  EXPECT_EQ(follow_redirect(from, "c#top")->url(), "http://127.0.0.1:8080/a/c");
  EXPECT_EQ(follow_redirect(from, "?y=2")->url(), "http://127.0.0.1:8080/a/b?y=2");
  EXPECT_EQ(follow_redirect(from, "https://127.0.0.1/c")->url(), "https://127.0.0.1:443/c");
  EXPECT_EQ(follow_redirect(from, "//127.0.0.1:9090?z")->url(), "http://127.0.0.1:9090/?z");
  for (const auto* other : {"http://192.0.2.1/", "http://127.0.0.1.evil.example/", "ftp://127.0.0.1/", "javascript:x",
                            "http://127.0.0.1@192.0.2.1/", "http://127.0.0.1:99999/", "", "a b"}) {
    EXPECT_FALSE(follow_redirect(from, other).has_value()) << other;
  }
}

TEST(HttpHead, IsTakenWholeAndWrittenAsItShouldBe) {
  for (const auto* part : {"", "HTT", "HTTP/1.1 200 OK\r\nA: b\r\n"}) {
    std::string received = part;
    EXPECT_FALSE(take_http_head(received)) << part;
    EXPECT_EQ(received, part);
  }
  std::string received = "HTTP/1.0 301\nlocation:  /x \n\nbody\n";
  EXPECT_EQ(take_http_head(received).value_or(""), "HTTP/1.0 301 \r\nlocation:  /x \r\n\r\n");
  EXPECT_EQ(received, "body\n");
}

TEST(HttpProbe, ServersWithBareLinesAndWithoutReasonsAreUnderstood) {
  EXPECT_EQ(answered("HTTP/1.0 200\n\nok\n").answer, ProbeAnswer::Success);
  EXPECT_EQ(answered("HTTP/1.0 503\n\n").answer, ProbeAnswer::Failure);
}

TEST(HttpProbe, BodiesOfEveryLengthAreReadOrPassedOver) {
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").answer,
            ProbeAnswer::Success);
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nContent-Length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").answer,
            ProbeAnswer::Success);
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbroken").answer, ProbeAnswer::Success);
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\nok").answer, ProbeAnswer::Success);
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello").answer,
            ProbeAnswer::Failure);
}

}  // namespace
}  // namespace berth::agent
