// tests/fuzz/fuzz_dns.cpp - any octets as a query, as an upstream's reply, and relayed behind an alias.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "network/dns/cache.hpp"
#include "network/dns/reply.hpp"
#include "network/dns/responder.hpp"
#include "network/dns/scrub.hpp"

namespace {

using namespace berth::network;
using namespace berth::network::dns;

std::shared_ptr<const Zone> make_zone() {
  DnsNames names;
  names.services.push_back({"default",
                            "mongo",
                            "",
                            "",
                            false,
                            {{"client", "TCP", 27017}},
                            {{"10.98.0.2", "mongo-0", true}, {"fd00::2", "mongo-1", true}}});
  names.services.push_back({"default", "mail", "", "mx.example.org", false, {}, {}});
  names.services.push_back({"prod", "web", "10.99.0.1", "", false, {{"http", "TCP", 80}}, {{"10.98.0.9", "", true}}});
  names.pod_namespaces = {{"10.98.0.2", "default"}};
  return Zone::build(names);
}

void expect(bool holds) {
  if (!holds) std::abort();
}

/// What we send is well formed whatever came in.
void check_sent(Octets message) {
  auto at = kHeaderSize;
  expect(message.size() >= at && (message[2] & 0x80) != 0);
  for (auto questions = get_u16(message, 4); questions > 0; --questions) {
    const auto name = skip_name(message, at);
    expect(name != 0);
    at = name + 4;
  }
  const auto records = std::size_t{get_u16(message, 6)} + get_u16(message, 8) + get_u16(message, 10);
  for (std::size_t i = 0; i < records; ++i) {
    const auto record = read_record(message, at);
    expect(record.end != 0);
    at = record.end;
  }
  expect(at == message.size());
}

void as_reply(Octets input, const Outcome& outcome, std::vector<std::uint8_t> out) {
  const Question question{outcome.outside, outcome.query.type, false, false};
  std::vector<std::uint8_t> message(input.begin(), input.end());
  const auto reply = check_reply(message, question, 0x1234, /*edns=*/true);
  if (reply.state != ReplyState::Good && reply.state != ReplyState::Failing) return;
  message = scrub(Octets(message).first(reply.size), question);
  check_sent(message);
  Cache cache;
  const auto ttl = check_reply(message, question, 0x1234, /*edns=*/true).ttl;
  cache.put(question.key(), message, ttl, berth::SteadyTime{});
  const auto hit = cache.get(question.key(), berth::SteadyTime{});
  expect(hit.size() == (ttl == 0 ? 0 : message.size()));
  const auto size = relay(outcome.query, message, outcome.size, outcome.limit, out);
  expect(size <= outcome.limit);
  check_sent({out.data(), size});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto zone = make_zone();
  static const auto pod = *IpAddress::parse("10.98.0.2");
  if (size < 1) return 0;
  const auto choice = data[0];
  const Octets packet(data + 1, size - 1);
  const Asker asker{pod, /*tcp=*/(choice & 1) != 0, /*may_recurse=*/(choice & 2) != 0};
  std::vector<std::uint8_t> out(asker.tcp ? kTcpLimit : kUdpLimit);
  auto outcome = respond(*zone, packet, asker, choice, out);
  if (outcome.verdict == Verdict::Reply) {
    expect(outcome.size <= outcome.limit);
    check_sent({out.data(), outcome.size});
  }
  if (outcome.verdict == Verdict::Forward) as_reply(packet, outcome, out);

  // The same octets as the reply to a question of ours: for a name outside, and for our alias that leads there.
  for (const auto* name : {"mx.example.org", "mail.default.svc.cluster.local"}) {
    const auto question = Name::from_text(name);
    const auto query = encode_question({*question, 1, false, false}, 0x1234, (choice & 4) != 0);
    const auto asked = respond(*zone, query, {pod, asker.tcp, /*may_recurse=*/true}, choice, out);
    expect(asked.verdict == Verdict::Forward);
    as_reply(packet, asked, out);
  }
  return 0;
}
