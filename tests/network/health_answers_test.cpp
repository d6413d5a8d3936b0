// tests/network/health_answers_test.cpp - what load balancers hear of services, over real sockets on loopback.
#include "network/health_answers.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/json.hpp"
#include "tests/network/dns_sockets.hpp"

namespace berth::network {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kPatience = std::chrono::seconds(20);

/// A port that nobody has at the moment.
std::uint16_t free_port() {
  const auto fd = dns::blocking_socket(SOCK_STREAM);
  const auto any = dns::loopback(0);
  EXPECT_EQ(::bind(fd.get(), any.get(), any.size), 0);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
  return ntohs(bound.sin_port);
}

UniqueFd dial(std::uint16_t port) {
  auto fd = dns::blocking_socket(SOCK_STREAM);
  const auto server = dns::loopback(port);
  if (::connect(fd.get(), server.get(), server.size) != 0) fd.reset();
  return fd;
}

/// The whole answer to `request`; empty when nobody listens.
std::string ask(std::uint16_t port, const std::string& request = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n") {
  const auto fd = dial(port);
  if (!fd) return {};
  EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// Until it says that, or for as long as anybody waits.
template <typename Matcher>
void expect_soon(std::uint16_t port, const Matcher& matcher) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  auto answer = ask(port);
  while (!testing::Matches(matcher)(answer) && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
    answer = ask(port);
  }
  EXPECT_THAT(answer, matcher);
}

ServiceRoutes routes_of(std::uint16_t port, std::uint32_t ready) {
  ServiceRoute route;
  route.cluster_ip = "10.96.0.9";
  route.health_port = port;
  route.ready_here = ready;
  return {{"shop/web", std::make_shared<const ServiceRoute>(route)},
          {"shop/other", std::make_shared<const ServiceRoute>(ServiceRoute{.cluster_ip = "10.96.0.10"})}};
}

TEST(HealthAnswers, AreThoseOfKubeProxy) {
  const auto ports = health_ports(routes_of(30100, 2), /*in_force=*/true);
  ASSERT_EQ(ports.size(), 1U) << "others have no such port";
  EXPECT_EQ(health_text(ports.at(30100)),
            "{\n\t\"service\": {\n\t\t\"namespace\": \"shop\",\n\t\t\"name\": \"web\"\n\t},\n\t\"localEndpoints\": 2,\n"
            "\t\"serviceProxyHealthy\": true\n}");
  EXPECT_TRUE(parse_json(health_text(ports.at(30100))).ok());
}

TEST(HealthAnswers, FollowThePodsAndEndWithThePort) {
  const auto port = free_port();
  HealthAnswers answers("127.0.0.1");
  EXPECT_EQ(ask(port), "");
  answers.set(health_ports(routes_of(port, 2), true));
  expect_soon(port,
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("\r\nX-Load-Balancing-Endpoint-Weight: 2\r\n"),
                    HasSubstr("\r\nContent-Type: application/json\r\n"), EndsWith("\"serviceProxyHealthy\": true\n}")));
  answers.set(health_ports(routes_of(port, 0), true));
  expect_soon(port, AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"), HasSubstr("\"localEndpoints\": 0")));
  answers.set(health_ports(routes_of(port, 2), false));
  expect_soon(port, AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("\"serviceProxyHealthy\": false")));
  answers.set(health_ports(routes_of(0, 2), true));
  EXPECT_EQ(ask(port), "") << "nobody listens: the last one waits until all is closed";
}

TEST(HealthAnswers, OthersGoOnWhenOnePortGoes) {
  const auto first = free_port();
  HealthAnswers answers("127.0.0.1");
  answers.set({{first, {"shop/web", 1}}});
  expect_soon(first, StartsWith("HTTP/1.1 200"));
  const auto second = free_port();
  answers.set({{first, {"shop/web", 1}}, {second, {"shop/db", 1}}});
  expect_soon(second, HasSubstr("\"name\": \"db\""));
  answers.set({{second, {"shop/db", 1}}});
  expect_soon(first, testing::IsEmpty());
  expect_soon(second, HasSubstr("\"name\": \"db\""));
}

TEST(HealthAnswers, WhatIsNoQuestionIsClosedAndHoldsNobodyUp) {
  const auto port = free_port();
  HealthAnswers answers("127.0.0.1");
  answers.set({{port, {"shop/web", 1}}});
  expect_soon(port, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(ask(port, "\x16\x03\x01\x02 hello\r\n\r\n"), "");
  EXPECT_EQ(ask(port, "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x')), "");
  EXPECT_THAT(ask(port, "HEAD / HTTP/1.0\r\n\r\n"), AllOf(StartsWith("HTTP/1.0 200"), EndsWith("\r\n\r\n")));
  // Those that connect and say nothing: 64 of them are borne, and they have to go for those that ask.
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(dial(port));
  for (int i = 0; i < 5; ++i) EXPECT_THAT(ask(port, "GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST(HealthAnswers, APortThatSomebodyHasIsTriedAgain) {
  const auto [taken, free] = std::minmax({free_port(), free_port()});
  auto thief = dns::blocking_socket(SOCK_STREAM);
  const int yes = 1;
  ::setsockopt(thief.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const auto at = dns::loopback(taken);
  ASSERT_EQ(::bind(thief.get(), at.get(), at.size), 0);
  ASSERT_EQ(::listen(thief.get(), 1), 0);
  HealthAnswers answers("127.0.0.1");
  answers.set({{taken, {"shop/web", 1}}, {free, {"shop/db", 1}}});
  expect_soon(free, StartsWith("HTTP/1.1 200"));  // they are opened in order: the other one was tried
  thief.reset();
  expect_soon(taken, StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace berth::network
