// tests/network/dns_forwarder_test.cpp - outside names, against an upstream that the test plays itself.
#include "network/dns/server.hpp"
#include "tests/network/dns_sockets.hpp"
#include "tests/network/dns_text.hpp"

namespace berth::network::dns {
namespace {

class Forwarding : public ::testing::Test {
 protected:
  void start(std::vector<std::string> upstreams, std::vector<std::string> allowed = {"127.0.0.0/8"}) {
    ServerLimits limits;
    limits.forwarder.attempt = attempt_;
    limits.forwarder.attempts = 2;
    auto server = start_server({{"127.0.0.1"}, 0, std::move(upstreams), std::move(allowed)}, limits);
    ASSERT_TRUE(server.ok());
    server_ = std::move(*server);
    DnsNames names;
    names.services.push_back({"default", "mail", "", "mx.example.org", false, {}, {}});
    server_->publish(names);
  }
  UdpClient client() const { return UdpClient(server_->port()); }

  std::chrono::milliseconds attempt_{3'000};
  FakeUpstream upstream_;
  std::unique_ptr<DnsServer> server_;
};

TEST_F(Forwarding, AnswerIsPassedOnAndKept) {
  start({upstream_.address()});
  const auto client = this->client();
  client.send(make_query("WWW.example.org", "A", 0, 77));
  upstream_.reply(make_reply(upstream_.receive(), 0, 2));
  const auto reply = client.receive();
  EXPECT_EQ(text_of(reply), "NOERROR A=192.0.2.1 A=192.0.2.2");
  EXPECT_EQ(get_u16(reply, 0), 77);
  EXPECT_EQ(reply[13], 'W');  // the client's own spelling
  EXPECT_EQ(get_u16(reply, 2) & (flag::kRecursionAvailable | flag::kAuthoritative), flag::kRecursionAvailable);
  EXPECT_EQ(text_of(client.ask(make_query("www.example.org", "A"))),
            "NOERROR A=192.0.2.1 A=192.0.2.2");  // nobody plays upstream now
  EXPECT_EQ(server_->counters().cache_hits, 1U);
  EXPECT_EQ(server_->counters().forwarded, 1U);
}

TEST_F(Forwarding, ForgedRepliesAreIgnored) {
  start({upstream_.address()});
  const auto client = this->client();
  client.send(make_query("www.example.org", "A"));
  const auto query = upstream_.receive();
  auto wrong_id = make_reply(query, 0, 9);
  wrong_id[0] ^= 1;
  upstream_.reply(wrong_id);
  auto wrong_name = make_reply(query, 0, 9);
  wrong_name[13] ^= 1;
  upstream_.reply(wrong_name);
  auto no_response = make_reply(query, 0, 9);
  no_response[2] &= 0x7F;
  upstream_.reply(no_response);
  upstream_.reply(make_reply(query, 0, 1));
  EXPECT_EQ(text_of(client.receive()), "NOERROR A=192.0.2.1");
}

TEST_F(Forwarding, RecordsThatNobodyAskedForAreNeitherPassedOnNorKept) {
  start({upstream_.address()});
  const auto client = this->client();
  client.send(make_query("www.example.org", "A"));
  auto reply = make_reply(upstream_.receive(), 0, 1);
  set_u16(reply.data() + 10, 1);
  for (const auto octet : {4, 98, 97, 110, 107, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 66})
    reply.push_back(static_cast<std::uint8_t>(octet));
  ASSERT_EQ(text_of(reply), "NOERROR A=192.0.2.1 + bank.:A=192.0.2.66");
  upstream_.reply(reply);
  EXPECT_EQ(text_of(client.receive()), "NOERROR A=192.0.2.1");
  EXPECT_EQ(text_of(client.ask(make_query("www.example.org", "A"))), "NOERROR A=192.0.2.1");  // from the cache
}

TEST_F(Forwarding, EachQuestionHasItsOwnPort) {
  start({upstream_.address()});
  const auto client = this->client();
  client.send(make_query("a.example.org", "A"));
  upstream_.receive();
  const auto first = upstream_.peer_port();
  client.send(make_query("b.example.org", "A"));
  upstream_.receive();
  EXPECT_NE(first, upstream_.peer_port());
}

TEST_F(Forwarding, EqualQuestionsAreAskedOnce) {
  start({upstream_.address()});
  const auto one = client();
  const auto two = client();
  one.send(make_query("www.example.org", "A", 0, 1));
  const auto query = upstream_.receive();
  two.send(make_query("www.example.org", "A", 0, 2));
  EXPECT_EQ(text_of(two.ask(make_query("nobody.default.svc.cluster.local", "A"))),
            "NXDOMAIN | SOA");  // so the second was read
  upstream_.reply(make_reply(query, 0, 1));
  EXPECT_EQ(text_of(one.receive()), "NOERROR A=192.0.2.1");
  const auto reply = two.receive();
  EXPECT_EQ(text_of(reply), "NOERROR A=192.0.2.1");
  EXPECT_EQ(get_u16(reply, 0), 2);
}

TEST_F(Forwarding, SilentUpstreamEndsInServFail) {
  attempt_ = std::chrono::milliseconds(20);
  start({upstream_.address()});
  EXPECT_EQ(text_of(client().ask(make_query("www.example.org", "A"))), "SERVFAIL");
}

TEST_F(Forwarding, NextUpstreamIsAskedWhenOneRefuses) {
  FakeUpstream second;
  start({upstream_.address(), second.address()});
  const auto client = this->client();
  client.send(make_query("www.example.org", "A"));
  upstream_.reply(make_reply(upstream_.receive(), 5, 0));
  second.reply(make_reply(second.receive(), 0, 1));
  EXPECT_EQ(text_of(client.receive()), "NOERROR A=192.0.2.1");
}

TEST_F(Forwarding, NobodyThereIsNoticedAtOnce) {
  auto gone = std::make_unique<FakeUpstream>();
  const auto address = gone->address();
  gone.reset();
  start({address, upstream_.address()});
  const auto client = this->client();
  client.send(make_query("www.example.org", "A"));
  upstream_.reply(make_reply(upstream_.receive(), 0, 1));
  EXPECT_EQ(text_of(client.receive()), "NOERROR A=192.0.2.1");
}

TEST_F(Forwarding, OldUpstreamIsAskedWithoutEdns) {
  start({upstream_.address()});
  const auto client = this->client();
  client.send(make_query("www.example.org", "A"));
  const auto first = upstream_.receive();
  EXPECT_EQ(get_u16(first, 10), 1);
  upstream_.reply(make_reply(first, 1, 0));
  const auto second = upstream_.receive();
  EXPECT_EQ(get_u16(second, 10), 0);
  upstream_.reply(make_reply(second, 0, 1));
  EXPECT_EQ(text_of(client.receive()), "NOERROR A=192.0.2.1");
}

TEST_F(Forwarding, TruncatedReplyIsFetchedOverTcpAndTruncatedForTheClientInTurn) {
  start({upstream_.address()});
  const auto udp = client();
  const auto query = make_query("www.example.org", "A");
  udp.send(query);
  upstream_.reply(make_reply(upstream_.receive(), 0x0200, 0));
  const auto connection = upstream_.accept_tcp();
  const auto whole = framed(make_reply(receive_framed(connection.get()), 0, 90));
  ASSERT_EQ(send(connection.get(), whole.data(), 100, 0), 100);  // in two pieces
  ASSERT_EQ(send(connection.get(), whole.data() + 100, whole.size() - 100, 0),
            static_cast<ssize_t>(whole.size() - 100));
  const auto reply = udp.receive();
  ASSERT_GE(reply.size(), kHeaderSize);
  EXPECT_NE(get_u16(reply, 2) & flag::kTruncated, 0);
  EXPECT_LE(reply.size(), kPlainUdpLimit);
  const TcpClient tcp(server_->port());
  tcp.send(framed(query));
  const auto kept = tcp.receive();
  ASSERT_GE(kept.size(), kHeaderSize);
  EXPECT_EQ(get_u16(kept, 6), 90);
}

TEST_F(Forwarding, ExternalNameIsFollowedToItsAddress) {
  start({upstream_.address()});
  const auto client = this->client();
  client.send(make_query("mail", "A"));
  const auto query = upstream_.receive();
  EXPECT_EQ(read_name(query, 12).name.to_text(), "mx.example.org.");
  upstream_.reply(make_reply(query, 0, 1));
  EXPECT_EQ(text_of(client.receive()), "NOERROR CNAME=mx.example.org. mx.example.org.:A=192.0.2.1");
}

TEST_F(Forwarding, OverTcpToo) {
  start({upstream_.address()});
  const TcpClient client(server_->port());
  client.send(framed(make_query("www.example.org", "A")));
  upstream_.reply(make_reply(upstream_.receive(), 3, 0));
  EXPECT_EQ(text_of(client.receive()), "NXDOMAIN");
}

TEST_F(Forwarding, StrangersAreRefused) {
  start({upstream_.address()}, {"10.98.0.0/24"});
  EXPECT_EQ(text_of(client().ask(make_query("www.example.org", "A"))), "REFUSED");
  EXPECT_EQ(server_->counters().forwarded, 0U);
}

TEST_F(Forwarding, WithoutUpstreamsOutsideNamesFail) {
  start({});
  EXPECT_EQ(text_of(client().ask(make_query("www.example.org", "A"))), "SERVFAIL");
}

}  // namespace
}  // namespace berth::network::dns
