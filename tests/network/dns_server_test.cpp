// tests/network/dns_server_test.cpp - the server over loopback sockets: UDP, TCP, limits, publishing.
#include <fmt/format.h>

#include <thread>

#include "network/dns/server.hpp"
#include "tests/network/dns_sockets.hpp"
#include "tests/network/dns_text.hpp"

namespace berth::network::dns {
namespace {

std::unique_ptr<DnsServer> start(ServerLimits limits = {}) {
  DnsConfig config;
  config.listen = {"127.0.0.1"};
  config.port = 0;
  auto server = start_server(config, limits);
  EXPECT_TRUE(server.ok());
  return std::move(*server);
}

DnsNames mongo(const std::string& address) {
  DnsNames names;
  names.services.push_back({"default", "mongo", "", "", false, {}, {{address, "mongo-0", true}}});
  for (int i = 0; i < 100; ++i) {
    auto& big = names.services.emplace_back();
    big.ns = "default";
    big.name = "big";
    big.endpoints.push_back({fmt::format("10.1.0.{}", i + 1), "", true});
  }
  return names;
}

TEST(DnsServer, PublishedNameIsAnsweredByTheVeryNextQuery) {
  const auto server = start();
  const UdpClient client(server->port());
  for (int i = 1; i <= 100; ++i) {
    const auto address = fmt::format("10.98.0.{}", i);
    server->publish(mongo(address));
    EXPECT_EQ(text_of(client.ask(make_query("mongo-0.mongo", "A"))), "NOERROR A=" + address);
  }
  EXPECT_EQ(server->counters().queries, 100U);
}

/// An agent that starts answered NXDOMAIN for names of pods that ran on, until it had read its store.
TEST(DnsServer, BeforeTheFirstNamesNothingIsDenied) {
  const auto server = start();
  const UdpClient client(server->port());
  EXPECT_EQ(text_of(client.ask(make_query("mongo-0.mongo", "A"))), "SERVFAIL");
  EXPECT_EQ(text_of(client.ask(make_query("mongo.default.svc.cluster.local", "A"))), "SERVFAIL");
  server->publish(mongo("10.98.0.1"));
  EXPECT_EQ(text_of(client.ask(make_query("mongo-0.mongo", "A"))), "NOERROR A=10.98.0.1");
}

constexpr std::chrono::seconds kLong{60};  // no test waits for it

std::unique_ptr<DnsServer> start_holding(std::chrono::milliseconds hold, ServerLimits limits = {}) {
  DnsConfig config;
  config.listen = {"127.0.0.1"};
  config.port = 0;
  config.hold = hold;
  auto server = start_server(config, limits);
  EXPECT_TRUE(server.ok());
  (*server)->publish(mongo("10.98.0.1"));
  return std::move(*server);
}

/// mongo-0 is ready, mongo-1 is awaited, or ready at `address`.
DnsNames two_of_mongo(const std::string& address = {}) {
  auto names = mongo("10.98.0.1");
  names.services[0].endpoints.push_back({address, "mongo-1", !address.empty(), address.empty()});
  return names;
}

TEST(DnsServer, QuestionForAPodThatIsNotReadyWaitsUntilItIs) {
  const auto server = start_holding(kLong);
  server->publish(two_of_mongo());
  const UdpClient udp(server->port());
  const TcpClient tcp(server->port());
  udp.send(make_query("mongo-1.mongo", "A", 0, 1));
  tcp.send(framed(make_query("mongo-1.mongo", "A", 0, 2)));
  udp.send(make_query("mongo-1.mongo", "AAAA", 0, 3));
  // Others are answered meanwhile, on the same socket and connection; and so those before have been read.
  EXPECT_EQ(text_of(udp.ask(make_query("mongo-0.mongo", "A"))), "NOERROR A=10.98.0.1");
  tcp.send(framed(make_query("mongo-0.mongo", "A")));
  EXPECT_EQ(text_of(tcp.receive()), "NOERROR A=10.98.0.1");
  server->publish(two_of_mongo());  // something else changed
  EXPECT_EQ(text_of(udp.ask(make_query("mongo-0.mongo", "A"))), "NOERROR A=10.98.0.1");
  server->publish(two_of_mongo("10.98.0.9"));
  const auto first = udp.receive();
  EXPECT_EQ(get_u16(first, 0), 1);
  EXPECT_EQ(text_of(first), "NOERROR A=10.98.0.9");
  EXPECT_EQ(text_of(udp.receive()), "NOERROR");  // no address of that family, as before
  const auto over_tcp = tcp.receive();
  EXPECT_EQ(get_u16(over_tcp, 0), 2);
  EXPECT_EQ(text_of(over_tcp), "NOERROR A=10.98.0.9");
  EXPECT_EQ(server->counters().queries, 6U) << "asked once each, however often we look";
}

TEST(DnsServer, QuestionForAPodThatIsGivenUpIsAnsweredAtOnce) {
  const auto server = start_holding(kLong);
  server->publish(two_of_mongo());
  const UdpClient client(server->port());
  client.send(make_query("mongo-1.mongo", "A"));
  EXPECT_EQ(text_of(client.ask(make_query("mongo-0.mongo", "A"))), "NOERROR A=10.98.0.1");
  server->publish(mongo("10.98.0.1"));
  EXPECT_EQ(text_of(client.receive()), "NXDOMAIN");
}

TEST(DnsServer, NoQuestionWaitsForLongerThanIsSaid) {
  const auto server = start_holding(std::chrono::milliseconds(20));
  server->publish(two_of_mongo());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(text_of(UdpClient(server->port()).ask(make_query("mongo-1.mongo", "A"))), "NXDOMAIN");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(20));
}

TEST(DnsServer, WithoutRoomOrWithoutAHoldTheAnswerComesAtOnce) {
  const auto query = make_query("mongo-1.mongo", "A");
  const auto off = start_holding(std::chrono::milliseconds(0));
  off->publish(two_of_mongo());
  EXPECT_EQ(text_of(UdpClient(off->port()).ask(query)), "NXDOMAIN");
  ServerLimits limits;
  limits.hold.per_source = 1;
  const auto server = start_holding(kLong, limits);
  server->publish(two_of_mongo());
  const UdpClient client(server->port());
  client.send(query);
  EXPECT_EQ(text_of(client.ask(query)), "NXDOMAIN");
}

TEST(DnsServer, ClientThatLeavesWhileItsQuestionWaitsHurtsNobody) {
  const auto server = start_holding(kLong);
  server->publish(two_of_mongo());
  const UdpClient client(server->port());
  {
    const TcpClient leaves(server->port());
    leaves.send(framed(make_query("mongo-1.mongo", "A")));
    leaves.send(framed(make_query("mongo-0.mongo", "A")));
    EXPECT_EQ(text_of(leaves.receive()), "NOERROR A=10.98.0.1");
  }
  server->publish(two_of_mongo("10.98.0.9"));
  EXPECT_EQ(text_of(client.ask(make_query("mongo-1.mongo", "A"))), "NOERROR A=10.98.0.9");
}

TEST(DnsServer, OnThePodsOwnAddressOnlyPodsAndTheHostAreAnswered) {
  const auto listening_for = [](const std::string& allowed) {
    auto server = start_server({{"127.0.0.1"}, 0, {}, {allowed}}, {});
    EXPECT_TRUE(server.ok());
    (*server)->publish(mongo("10.98.0.1"));
    return std::move(*server);
  };
  const auto query = make_query("mongo-0.mongo", "A");
  const auto closed = listening_for("127.0.0.1/32");
  EXPECT_EQ(text_of(UdpClient(closed->port()).ask(query)), "NOERROR A=10.98.0.1");
  EXPECT_EQ(text_of(UdpClient(closed->port(), "127.0.0.3").ask(query)), "REFUSED");
  EXPECT_EQ(text_of(UdpClient(closed->port(), "127.0.0.3").ask(make_query("nobody.default.svc.cluster.local", "A"))),
            "REFUSED");
  // An address that others have, too, was named to serve them: local names, and no others.
  const auto open = listening_for("10.98.0.0/24");
  EXPECT_EQ(text_of(UdpClient(open->port(), "127.0.0.3").ask(query)), "NOERROR A=10.98.0.1");
}

TEST(DnsServer, PublishingWhileManyAskNeverGivesAMixedAnswer) {
  const auto server = start();
  server->publish(mongo("10.98.0.1"));
  std::thread publisher([&] {
    for (int i = 0; i < 50; ++i) server->publish(mongo(i % 2 == 0 ? "10.98.0.2" : "10.98.0.1"));
  });
  const UdpClient client(server->port());
  for (int i = 0; i < 300; ++i) {
    const auto text = text_of(client.ask(make_query("mongo-0.mongo", "A")));
    EXPECT_TRUE(text == "NOERROR A=10.98.0.1" || text == "NOERROR A=10.98.0.2") << text;
  }
  publisher.join();
}

TEST(DnsServer, TruncatedAnswerIsWholeOverTcp) {
  const auto server = start();
  server->publish(mongo("10.98.0.1"));
  const auto query = make_query("big", "A");
  const auto udp = UdpClient(server->port()).ask(query);
  ASSERT_GE(udp.size(), kHeaderSize);
  EXPECT_NE(get_u16(udp, 2) & flag::kTruncated, 0);
  EXPECT_LE(udp.size(), kPlainUdpLimit);
  const TcpClient tcp(server->port());
  tcp.send(framed(query));
  const auto whole = tcp.receive();
  ASSERT_GE(whole.size(), kHeaderSize);
  EXPECT_EQ(get_u16(whole, 6), 100);
}

TEST(DnsServer, EdnsIsEchoedAndAnotherVersionIsRefused) {
  const auto server = start();
  server->publish(mongo("10.98.0.1"));
  const UdpClient client(server->port());
  auto query = make_query("mongo-0.mongo", "A", 4096);
  EXPECT_EQ(text_of(client.ask(query)), "NOERROR A=10.98.0.1 + OPT");
  query[query.size() - 5] = 1;  // the version
  const auto reply = client.ask(query);
  EXPECT_EQ(text_of(reply), "NOERROR + OPT");  // the lower four bits of BADVERS
  EXPECT_EQ(reply[reply.size() - 6], 1);       // and the upper ones
}

TEST(DnsServer, MalformedQueriesGetFormErrAndResponsesNothing) {
  const auto server = start();
  server->publish(mongo("10.98.0.1"));
  const UdpClient client(server->port());
  const auto good = make_query("mongo-0.mongo", "A");
  const auto expect_formerr = [&](Message query) {
    const auto reply = client.ask(query);
    EXPECT_EQ(text_of(reply), "FORMERR");
    EXPECT_LE(reply.size(), query.size());  // nothing is amplified
  };
  for (std::size_t size = kHeaderSize; size < good.size(); ++size)
    expect_formerr({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
  auto two_questions = good;
  two_questions[5] = 2;
  expect_formerr(two_questions);
  auto pointer = good;
  pointer[12] = 0xC0;
  expect_formerr(pointer);
  auto trailing = good;
  trailing.push_back(0);
  expect_formerr(trailing);

  auto response = good;
  response[2] |= 0x80;
  client.send(response);
  client.send(Message(5, 1));
  client.send(Message{});
  auto notify = good;
  notify[2] = 0x20;
  EXPECT_EQ(text_of(client.ask(notify)), "NOTIMP");  // and so nothing came for those before
  auto chaos = good;
  chaos.back() = 3;
  EXPECT_EQ(text_of(client.ask(chaos)), "REFUSED");
}

TEST(DnsServer, PipelinedQueriesAreAllAnsweredWhateverTheSegments) {
  const auto server = start();
  server->publish(mongo("10.98.0.1"));
  Message stream;
  constexpr std::uint16_t kCount = 200;
  for (std::uint16_t i = 0; i < kCount; ++i) {
    const auto one = framed(make_query("mongo-0.mongo", "A", 0, i));
    stream.insert(stream.end(), one.begin(), one.end());
  }
  const TcpClient client(server->port());
  for (std::size_t at = 0; at < stream.size(); at += 7)
    client.send(Octets(stream).subspan(at, std::min<std::size_t>(7, stream.size() - at)));
  client.finish_sending();
  for (std::uint16_t i = 0; i < kCount; ++i) {
    const auto reply = client.receive();
    ASSERT_GE(reply.size(), kHeaderSize);
    EXPECT_EQ(get_u16(reply, 0), i);
    EXPECT_EQ(text_of(reply), "NOERROR A=10.98.0.1");
  }
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(DnsServer, ClientThatReadsNothingIsNotBufferedWithoutEnd) {
  const auto server = start();
  server->publish(mongo("10.98.0.1"));
  const TcpClient client(server->port());
  const auto query = framed(make_query("big", "A"));
  constexpr int kCount = 2000;  // 3 MB of replies
  std::thread writer([&] {
    for (int i = 0; i < kCount; ++i) client.send(query);
  });
  int replies = 0;
  while (replies < kCount && !client.receive().empty()) ++replies;
  writer.join();
  EXPECT_EQ(replies, kCount);
}

TEST(DnsServer, SlowTcpClientIsClosed) {
  ServerLimits limits;
  limits.tcp.idle = std::chrono::milliseconds(30);
  const auto server = start(limits);
  const TcpClient client(server->port());
  client.send(Message{0});
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(DnsServer, OneConnectionTooManyClosesTheOldest) {
  ServerLimits limits;
  limits.tcp.connections = 2;
  const auto server = start(limits);
  server->publish(mongo("10.98.0.1"));
  const TcpClient first(server->port());
  const TcpClient second(server->port());
  const TcpClient third(server->port());
  EXPECT_TRUE(first.closed_by_peer());
  third.send(framed(make_query("mongo-0.mongo", "A")));
  EXPECT_EQ(text_of(third.receive()), "NOERROR A=10.98.0.1");
}

TEST(DnsServer, OverlongTcpQueryClosesItsConnection) {
  const auto server = start();
  const TcpClient client(server->port());
  client.send(framed(Message(5000)));
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(DnsServer, TakenPortIsUnavailableAndNamed) {
  const auto server = start();
  DnsConfig config;
  config.listen = {"127.0.0.1"};
  config.port = server->port();
  const auto second = start_dns_server(config);
  ASSERT_TRUE(failed_with(second, ErrorCode::Unavailable));
  EXPECT_NE(second.error().message().find(fmt::format("127.0.0.1:{}", server->port())), std::string::npos);
}

TEST(DnsServer, AddressMayComeLater) {
  DnsConfig config;
  config.listen = {"127.0.0.1", "192.0.2.53"};  // TEST-NET-1: on no interface
  config.port = 0;
  EXPECT_TRUE(start_dns_server(config).ok());
}

TEST(DnsServer, WildcardRepliesFromTheAddressThatWasAsked) {
  DnsConfig config;
  config.listen = {"0.0.0.0"};
  config.port = 0;
  const auto server = start_dns_server(config);
  ASSERT_TRUE(server.ok());
  (*server)->publish(mongo("10.98.0.1"));
  auto fd = blocking_socket(SOCK_DGRAM);
  const auto other = *parse_socket_address("127.0.0.9", (*server)->port());
  ASSERT_EQ(connect(fd.get(), other.get(), other.size), 0);
  const auto query = make_query("mongo-0.mongo", "A");
  ASSERT_GT(send(fd.get(), query.data(), query.size(), 0), 0);
  Message reply(512);
  EXPECT_GT(recv(fd.get(), reply.data(), reply.size(), 0), 0);
}

TEST(DnsServer, BadConfigurationIsNamed) {
  for (const auto& [config, part] :
       {std::pair{DnsConfig{{}, 0, {}, {}}, "no listen address"}, std::pair{DnsConfig{{"here"}, 0, {}, {}}, "\"here\""},
        std::pair{DnsConfig{{"127.0.0.1"}, 0, {"there:x"}, {}}, "\"there:x\""},
        std::pair{DnsConfig{{"127.0.0.1"}, 0, {}, {"10.0.0.0/33"}}, "\"10.0.0.0/33\""}}) {
    const auto server = start_dns_server(config);
    ASSERT_TRUE(failed_with(server, ErrorCode::InvalidArgument));
    EXPECT_NE(server.error().message().find(part), std::string::npos) << server.error().message();
  }
}

}  // namespace
}  // namespace berth::network::dns
