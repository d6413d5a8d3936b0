// tests/network/dns_message_test.cpp - names, records, upstream replies, the cache and resolv.conf: the pure parts.
#include "network/dns/cache.hpp"
#include "network/dns/reply.hpp"
#include "tests/network/dns_sockets.hpp"
#include "tests/network/dns_text.hpp"

namespace berth::network::dns {
namespace {

using std::chrono::seconds;

TEST(DnsName, TextThatIsNoNameIsRefused) {
  EXPECT_EQ(Name::from_text("Mongo-0.mongo")->to_text(), "mongo-0.mongo.");
  EXPECT_EQ(Name::from_text(".")->to_text(), ".");
  EXPECT_FALSE(Name::from_text("a..b"));
  EXPECT_FALSE(Name::from_text(std::string(64, 'a')));
  std::string longest;
  for (int i = 0; i < 127; ++i) longest += "a.";
  EXPECT_EQ(Name::from_text(longest)->size(), 255U);
  EXPECT_FALSE(Name::from_text(longest + "a"));
}

TEST(DnsName, PointersMustLeadBackwards) {
  const Message message{1, 'a', 0, 1, 'b', 0xC0, 0, 0xC0, 7, 0xC0, 11, 0xC0, 9, 0xC0};
  EXPECT_EQ(read_name(message, 3).name.to_text(), "b.a.");
  EXPECT_EQ(read_name(message, 3).next, 7U);
  EXPECT_EQ(read_name(message, 7).next, 0U);   // itself
  EXPECT_EQ(read_name(message, 9).next, 0U);   // forwards
  EXPECT_EQ(read_name(message, 11).next, 0U);  // and round
  EXPECT_EQ(read_name(message, 13).next, 0U);  // cut
  EXPECT_EQ(read_name(message, 99).next, 0U);
}

TEST(DnsName, EqualOctetsInsideALabelAreNoParent) {
  const auto parent = Name::from_text("local");
  EXPECT_TRUE(is_below(Name::from_text("a.local")->view(), parent->view()));
  EXPECT_TRUE(is_below(parent->view(), parent->view()));
  EXPECT_FALSE(is_below(Name::from_text("xlocal")->view(), parent->view()));
}

TEST(DnsWriter, RepeatsOfANameBecomePointers) {
  std::array<std::uint8_t, 64> buffer{};
  Writer out(buffer, 0);
  ASSERT_TRUE(out.name(Name::from_text("mx.example.org")->view()));
  const auto first = out.size();
  ASSERT_TRUE(out.name(Name::from_text("www.example.org")->view()));
  EXPECT_EQ(out.size() - first, 6U);
  EXPECT_EQ(read_name({buffer.data(), out.size()}, first).name.to_text(), "www.example.org.");
  out.rewind(first);
  ASSERT_TRUE(out.name(Name::from_text("www.example.org")->view()));
  EXPECT_EQ(read_name({buffer.data(), out.size()}, first).name.to_text(), "www.example.org.");
  EXPECT_FALSE(out.octets(Message(64)));
}

Question www() { return {*Name::from_text("www.example.org"), 1, false, false}; }

TEST(DnsReply, OptIsCutOffAndTheLowestTtlCounts) {
  auto message = make_reply(encode_question(www(), 5, /*edns=*/false), 0, 2, 60);
  message[message.size() - 7] = 30;  // the second record's TTL
  const auto plain = message.size();
  set_u16(message.data() + 10, 1);
  for (const auto octet : {0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0}) message.push_back(static_cast<std::uint8_t>(octet));
  const auto reply = check_reply(message, www(), 5, /*edns=*/true);
  EXPECT_EQ(reply.state, ReplyState::Good);
  EXPECT_EQ(reply.size, plain);
  EXPECT_EQ(reply.ttl, 30U);
}

TEST(DnsReply, NegativeAnswerLivesAsLongAsItsSoaSays) {
  auto message = make_reply(encode_question(www(), 5, /*edns=*/false), 3, 0);
  EXPECT_EQ(check_reply(message, www(), 5, true).ttl, 0U);  // no SOA: not kept
  set_u16(message.data() + 8, 1);
  for (const auto octet : {0xC0, 16, 0, 6, 0, 1, 0, 0, 1, 0, 0, 24, 0xC0, 16, 0xC0, 16})
    message.push_back(static_cast<std::uint8_t>(octet));
  for (int i = 0; i < 4; ++i) message.insert(message.end(), {0, 0, 0, 1});
  message.insert(message.end(), {0, 0, 0, 20});
  EXPECT_EQ(check_reply(message, www(), 5, true).ttl, 20U);
  message[message.size() - 2] = 0xFF;
  EXPECT_EQ(check_reply(message, www(), 5, true).ttl, 256U);  // the SOA's own TTL
}

TEST(DnsReply, CutMessageIsMalformed) {
  const auto message = make_reply(encode_question(www(), 5, /*edns=*/false), 0, 2);
  const auto question = skip_name(message, 12) + 4;
  for (auto size = question; size < message.size(); ++size) {
    EXPECT_EQ(check_reply(Octets(message).first(size), www(), 5, true).state, ReplyState::Malformed) << size;
  }
}

TEST(DnsCache, TtlGoesDownAndThenTheEntryIsGone) {
  const auto message = make_reply(encode_question(www(), 5, false), 0, 1, 60);
  Cache cache;
  const SteadyTime start{};
  cache.put("k", message, 60, start);
  const auto later = cache.get("k", start + seconds(25));
  ASSERT_EQ(later.size(), message.size());
  EXPECT_EQ(later[later.size() - 7], 35);
  EXPECT_TRUE(cache.get("k", start + seconds(60)).empty());
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(DnsCache, LeastRecentlyUsedGoesFirst) {
  const auto message = make_reply(encode_question(www(), 5, false), 0, 1, 60);
  Cache cache({.entries = 2, .bytes = 1024});
  const SteadyTime now{};
  cache.put("a", message, 60, now);
  cache.put("b", message, 60, now);
  EXPECT_FALSE(cache.get("a", now).empty());
  cache.put("c", message, 60, now);
  EXPECT_FALSE(cache.get("a", now).empty());
  EXPECT_TRUE(cache.get("b", now).empty());
  Cache small({.entries = 100, .bytes = 10});
  small.put("a", message, 60, now);
  EXPECT_EQ(small.size(), 0U);
}

TEST(DnsSocket, AddressesAreRead) {
  EXPECT_EQ(parse_socket_address("192.0.2.1", 53)->port(), 53);
  EXPECT_EQ(parse_socket_address("192.0.2.1:5353", 53)->port(), 5353);
  EXPECT_EQ(parse_socket_address("[2001:db8::1]:5353", 53)->port(), 5353);
  EXPECT_EQ(parse_socket_address("2001:db8::1", 53)->port(), 53);
  for (const auto* bad : {"", "x", "192.0.2.1:", "192.0.2.1:99999", "[::1", "[::1]x"})
    EXPECT_FALSE(parse_socket_address(bad, 53).ok()) << bad;
}

}  // namespace
}  // namespace berth::network::dns
