// tests/api/request_head_test.cpp - what a request's head says, and every doubt about it is a refusal.
#include "api/http/request_head.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "api/http/head_scanner.hpp"

namespace berth::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kLimit = 1024;

/// As the connection reads it: the scanner's verdict first. `at_once` bytes at a time.
ApiResult<RequestHead> read(std::string_view text, std::size_t at_once) {
  HeadScanner scanner(kLimit);
  for (std::size_t size = 0; size < text.size();) {
    size = std::min(size + at_once, text.size());
    const auto end = scanner.look(text.substr(0, size));
    if (!end) return end.error();
    if (*end) return parse_head(text.substr(0, **end));
  }
  return ApiError{0, "Incomplete", "no end came"};
}

unsigned code_of(std::string_view text) {
  const auto whole = read(text, text.size());
  const auto in_pieces = read(text, 1);
  EXPECT_EQ(whole.ok(), in_pieces.ok()) << text;
  if (whole) return 200;
  EXPECT_EQ(whole.error().message, in_pieces.error().message) << text;
  return whole.error().code;
}

/// A request with these headers besides Host.
std::string with(std::string_view headers) { return "POST /a HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n"; }

TEST(RequestHead, SaysWhatIsAskedAndHow) {
  const auto head = parse_head(
      "HEAD http://[::1]:80/api?x=%20 HTTP/1.1\r\nhost: [::1]:80\r\nAccept:application/json \t\r\nUSER-AGENT:  a b\r\n"
      "Content-Type: text/plain\r\nauthorization: BEARER  abc== \r\nimpersonate-User: jane\r\nContent-Length: 12\r\n"
      "Expect: 100-Continue\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->request.method, Method::Get);
  EXPECT_TRUE(head->is_head);
  EXPECT_EQ(head->request.target, "/api?x=%20");
  EXPECT_EQ(head->request.accept, "application/json");
  EXPECT_EQ(head->request.user_agent, "a b");
  EXPECT_EQ(head->request.content_type, "text/plain");
  EXPECT_EQ(head->bearer_token, "abc==");
  EXPECT_EQ(head->impersonates, "jane");
  EXPECT_EQ(head->content_length, 12U);
  EXPECT_FALSE(head->chunked);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_EQ(head->version, 11U);
}

TEST(RequestHead, AConnectionIsKeptAsItsVersionHasIt) {
  EXPECT_TRUE(parse_head("GET / HTTP/1.1\r\nHost: x\r\n\r\n")->keep_alive);
  EXPECT_FALSE(parse_head("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade,  Close\r\n\r\n")->keep_alive);
  EXPECT_FALSE(parse_head("GET / HTTP/1.0\r\n\r\n")->keep_alive);
  EXPECT_TRUE(parse_head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")->keep_alive);
  EXPECT_FALSE(parse_head("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")->expects_continue);
}

/// A request that a browser sends, with these headers.
bool is_for_other_site(std::string_view method, std::string_view headers) {
  const auto text =
      fmt::format("{} /a HTTP/1.1\r\nHost: host:6443\r\nUser-Agent: Mozilla/5.0 (X11)\r\n{}\r\n", method, headers);
  const auto head = parse_head(text);
  return !head || head->for_other_site;
}

TEST(RequestHead, ABrowserThatWritesForAPageOfAnotherSiteSaysSo) {
  EXPECT_TRUE(is_for_other_site("POST", "Sec-Fetch-Site: cross-site\r\n"));
  EXPECT_TRUE(is_for_other_site("POST", "Sec-Fetch-Site: same-site\r\n")) << "another port of this host is not us";
  EXPECT_TRUE(is_for_other_site("POST", "Origin: https://evil.example\r\n"));
  EXPECT_TRUE(is_for_other_site("POST", "Origin: null\r\n"));
  EXPECT_FALSE(is_for_other_site("POST", "Sec-Fetch-Site: same-origin\r\nOrigin: https://host:6443\r\n"));
  EXPECT_FALSE(is_for_other_site("POST", "Sec-Fetch-Site: none\r\n"));
  EXPECT_FALSE(is_for_other_site("POST", ""));
  EXPECT_FALSE(is_for_other_site("GET", "Sec-Fetch-Site: cross-site\r\n")) << "a link on a page elsewhere";
}

TEST(RequestHead, AStreamForAPageOfAnotherSiteIsNoLook) {
  const std::string upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
      "AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  EXPECT_TRUE(is_for_other_site("GET", upgrade + "Origin: https://evil.example\r\n"));
  EXPECT_FALSE(is_for_other_site("GET", upgrade + "Origin: https://HOST:6443\r\n"));
  EXPECT_FALSE(
      parse_head("GET /a HTTP/1.1\r\nHost: x\r\nOrigin: http://localhost\r\n" + upgrade + "\r\n")->for_other_site)
      << "libraries that are no browsers make an Origin up";
}

TEST(RequestHead, UpgradesComeWithWhatIsOffered) {
  const auto socket = parse_head(
      "GET /a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n"
      "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\nSec-WebSocket-Protocol: a\r\n\r\n");
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->request.upgrade, Upgrade::WebSocket);
  EXPECT_EQ(socket->request.web_socket_key, "k");
  EXPECT_THAT(socket->request.protocols, ElementsAre("v5.channel.k8s.io", "v4.channel.k8s.io", "a"));
  const auto spdy = parse_head(
      "POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
      "X-Stream-Protocol-Version: SPDY/3.1+portforward.k8s.io\r\n\r\n");
  ASSERT_TRUE(spdy);
  EXPECT_EQ(spdy->request.upgrade, Upgrade::Spdy);
  EXPECT_THAT(spdy->request.protocols, ElementsAre("SPDY/3.1+portforward.k8s.io"));
  for (const std::string_view none :
       {"POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        "GET /a HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"}) {
    EXPECT_EQ(parse_head(none)->request.upgrade, Upgrade::None) << none;
  }
}

/// What one server takes for the end of a body and another does not lets a request hide in another's body.
TEST(RequestHead, WhereTheBodyEndsIsExactlyUnderstoodOrRefused) {
  EXPECT_TRUE(parse_head(with("Transfer-Encoding: chunked\r\n"))->chunked);
  EXPECT_TRUE(parse_head(with("Transfer-Encoding:CHUNKED \r\n"))->chunked);
  EXPECT_EQ(parse_head(with("Content-Length: 007\r\n"))->content_length, 7U);
  EXPECT_FALSE(parse_head(with(""))->has_body());
  for (const std::string_view headers : {"Transfer-Encoding: xchunked\r\n",
                                         "Transfer-Encoding: chunked, identity\r\n",
                                         "Transfer-Encoding: gzip, chunked\r\n",
                                         "Transfer-Encoding: identity\r\n",
                                         "Transfer-Encoding: \r\n",
                                         "Transfer-Encoding: chunked;a=b\r\n",
                                         "Transfer-Encoding: \"chunked\"\r\n",
                                         "Transfer-Encoding: chunked,\r\n",
                                         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                         "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                                         "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
                                         "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                                         "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                                         "Content-Length: 3\r\nContent-Length: 3\r\n",
                                         "Content-Length: 3\r\nContent-Length: 4\r\n",
                                         "Content-Length: 3, 3\r\n",
                                         "Content-Length: +3\r\n",
                                         "Content-Length: -3\r\n",
                                         "Content-Length: 0x3\r\n",
                                         "Content-Length: 3 \v\r\n",
                                         "Content-Length: 3;\r\n",
                                         "Content-Length: \r\n",
                                         "Content-Length: 99999999999999999999999\r\n",
                                         "Transfer-Encoding : chunked\r\n",
                                         "Content-Length : 3\r\n",
                                         "Transfer-Encoding\r\n : chunked\r\n",
                                         "X: y\r\n Transfer-Encoding: chunked\r\n",
                                         "Transfer-Encoding:\r\n chunked\r\n",
                                         "X: y\nTransfer-Encoding: chunked\r\n",
                                         "X: y\rTransfer-Encoding: a\r\n",
                                         "Transfer-Encoding: chunked\r\r\n",
                                         ": x\r\n",
                                         "no colon\r\n",
                                         "\tX: y\r\n",
                                         "X@: y\r\n",
                                         "X\x80: y\r\n"}) {
    EXPECT_EQ(code_of(with(headers)), 400U) << headers;
  }
  EXPECT_EQ(code_of(with(std::string_view("X: a\0b\r\n", 8))), 400U);
  EXPECT_EQ(code_of("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400U);
}

TEST(RequestHead, ThereIsOneHost) {
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n\r\n"), 400U);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400U);
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"), 400U);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400U);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400U);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), 400U);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 200U);
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\nHost: berth.example:6550\r\n\r\n"), 200U);
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\n\r\n"), 200U);
}

TEST(RequestHead, TheFirstLineHasThreeParts) {
  for (const std::string_view line :
       {"GET /", "GET / HTTP/2.0", "GET / HTTP/9.9", "GET / HTTP/1.2", "GET / http/1.1", "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ", "GET /a b HTTP/1.1", " / HTTP/1.1", "G(T / HTTP/1.1", "GET", ""}) {
    EXPECT_EQ(code_of(std::string(line) + "\r\nHost: x\r\n\r\n"), 400U) << line;
  }
}

TEST(RequestHead, ItsSizeHasALimit) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
  const auto room = kLimit - begin.size() - 4;
  EXPECT_EQ(code_of(begin + std::string(room, 'a') + "\r\n\r\n"), 200U);
  EXPECT_EQ(code_of(begin + std::string(room + 1, 'a') + "\r\n\r\n"), 431U);
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 300; ++i) many += "a:\r\n";
  EXPECT_THAT(parse_head(many + "\r\n").error().message, HasSubstr("more than 256 headers"));
}

TEST(RequestHead, TheScannerStopsBehindTheEmptyLine) {
  HeadScanner scanner(kLimit);
  EXPECT_EQ(*scanner.look("GET / HTTP/1.1\r"), std::nullopt);
  EXPECT_EQ(*scanner.look("GET / HTTP/1.1\r\n\r"), std::nullopt);
  EXPECT_EQ(*scanner.look("GET / HTTP/1.1\r\n\r\n\n\n\0"), 18U);
}

}  // namespace
}  // namespace berth::api
