// tests/network/dns_zone_test.cpp - questions and the answers they get from the zone, without a socket.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "network/dns/responder.hpp"
#include "tests/network/dns_text.hpp"

namespace berth::network::dns {
namespace {

DnsNames some_names() {
  DnsNames names;
  auto& mongo = names.services.emplace_back();
  mongo.ns = "default";
  mongo.name = "mongo";
  mongo.ports = {{"client", "TCP", 27017}, {"", "TCP", 28017}};
  mongo.endpoints = {{"10.98.0.2", "mongo-0", true}, {"10.98.0.3", "mongo-1", true}, {"10.98.0.4", "mongo-2", false}};

  auto& web = names.services.emplace_back();
  web.ns = "prod";
  web.name = "web";
  web.cluster_ip = "10.99.0.1";
  web.ports = {{"http", "TCP", 80}};
  web.endpoints = {{"10.98.0.9", "", true}};

  auto& queue = names.services.emplace_back();
  queue.ns = "prod";
  queue.name = "queue";
  queue.cluster_ip = "None";
  queue.publish_not_ready = true;
  queue.ports = {{"amqp", "TCP", 5672}};
  queue.endpoints = {{"10.98.0.20", "queue-0", false}, {"fd00::20", "queue-1", true}};

  auto& second = names.services.emplace_back();  // the same service name in two other namespaces
  second.ns = "blue";
  second.name = "twin";
  second.endpoints = {{"10.98.0.30", "twin-0", true}};
  auto& third = names.services.emplace_back();
  third.ns = "green";
  third.name = "twin";
  third.endpoints = {{"10.98.0.31", "twin-0", true}};

  auto& outside = names.services.emplace_back();
  outside.ns = "default";
  outside.name = "mail";
  outside.external_name = "mx.example.org";
  auto& inside = names.services.emplace_back();
  inside.ns = "default";
  inside.name = "alias";
  inside.external_name = "web.prod.svc.cluster.local";
  auto& loop = names.services.emplace_back();
  loop.ns = "default";
  loop.name = "loop";
  loop.external_name = "loop.default.svc.cluster.local";

  auto& empty = names.services.emplace_back();
  empty.ns = "default";
  empty.name = "empty";
  empty.endpoints = {{"10.98.0.40", "empty-0", false}};

  for (const auto* headless : {"app", "dev"}) {  // called like top-level domains; another pod of mongo is in both
    auto& tld = names.services.emplace_back();
    tld.ns = "default";
    tld.name = headless;
    tld.endpoints = {{"10.98.0.50", headless == std::string("app") ? "app-0" : "", true}};
  }

  names.servers = {"10.98.0.1"};
  names.pod_namespaces = {{"10.98.0.2", "default"}, {"10.98.0.9", "prod"}, {"10.98.0.31", "green"}};
  return names;
}

struct Case {
  const char* source;
  const char* name;
  const char* type;
  const char* answer;  ///< "RCODE records...", names in full; see text_of().
};

class ZoneAnswers : public ::testing::TestWithParam<Case> {};

std::string ask(const Zone& zone, const std::string& source, const std::string& name, const std::string& type,
                std::uint32_t turn = 0, bool may_recurse = false) {
  std::vector<std::uint8_t> out(kUdpLimit);
  const Asker asker{*IpAddress::parse(source), /*tcp=*/false, may_recurse};
  const auto outcome = respond(zone, make_query(name, type), asker, turn, out);
  if (outcome.verdict == Verdict::Forward) return "forward " + outcome.outside.to_text();
  if (outcome.verdict == Verdict::Drop) return "drop";
  return text_of({out.data(), outcome.size});
}

TEST_P(ZoneAnswers, AreAsTheTableSays) {
  static const auto zone = Zone::build(some_names());
  const auto& row = GetParam();
  EXPECT_EQ(ask(*zone, row.source, row.name, row.type), row.answer);
}

constexpr const char* kPod = "10.98.0.2";    // in default
constexpr const char* kProd = "10.98.0.9";   // in prod
constexpr const char* kHost = "192.0.2.77";  // no pod of ours

INSTANTIATE_TEST_SUITE_P(
    FullNames, ZoneAnswers,
    ::testing::Values(Case{kPod, "mongo-0.mongo.default.svc.cluster.local", "A", "NOERROR A=10.98.0.2"},
                      Case{kPod, "MONGO-0.Mongo.default.SVC.cluster.local", "A", "NOERROR A=10.98.0.2"},
                      Case{kPod, "mongo-0.mongo.default.svc.cluster.local", "AAAA", "NOERROR | SOA"},
                      Case{kPod, "mongo-2.mongo.default.svc.cluster.local", "A", "NXDOMAIN | SOA"},
                      Case{kPod, "mongo.default.svc.cluster.local", "A", "NOERROR A=10.98.0.2 A=10.98.0.3"},
                      Case{kPod, "nobody.default.svc.cluster.local", "A", "NXDOMAIN | SOA"},
                      Case{kPod, "empty.default.svc.cluster.local", "A", "NOERROR | SOA"},
                      Case{kPod, "web.prod.svc.cluster.local", "A", "NOERROR A=10.99.0.1"},
                      Case{kPod, "10-98-0-9.web.prod.svc.cluster.local", "A", "NOERROR A=10.98.0.9"},
                      Case{kPod, "queue.prod.svc.cluster.local", "A", "NOERROR A=10.98.0.20"},
                      Case{kPod, "queue.prod.svc.cluster.local", "AAAA", "NOERROR AAAA=fd00::20"},
                      Case{kPod, "queue-0.queue.prod.svc.cluster.local", "A", "NOERROR A=10.98.0.20"},
                      Case{kPod, "queue-1.queue.prod.svc.cluster.local", "AAAA", "NOERROR AAAA=fd00::20"},
                      Case{kPod, "10-98-0-9.prod.pod.cluster.local", "A", "NOERROR A=10.98.0.9"},
                      Case{kPod, "10-98-0-9.prod.pod.cluster.local", "AAAA", "NOERROR | SOA"},
                      Case{kPod, "10-98-0-9.default.pod.cluster.local", "A", "NXDOMAIN | SOA"},
                      Case{kPod, "prod.pod.cluster.local", "A", "NOERROR | SOA"},
                      Case{kPod, "svc.cluster.local", "A", "NOERROR | SOA"},
                      Case{kPod, "default.svc.cluster.local", "A", "NOERROR | SOA"},
                      Case{kPod, "_tcp.mongo.default.svc.cluster.local", "SRV", "NOERROR | SOA"},
                      Case{kPod, "cluster.local", "SOA", "NOERROR SOA"},
                      Case{kPod, "cluster.local", "NS",
                           "NOERROR NS=ns.dns.cluster.local. + ns.dns.cluster.local.:A=10.98.0.1"},
                      Case{kPod, "ns.dns.cluster.local", "A", "NOERROR A=10.98.0.1"},
                      Case{kPod, "dns.cluster.local", "A", "NOERROR | SOA"},
                      Case{kPod, "svc.cluster.local", "NS", "NOERROR | SOA"},
                      Case{kPod, "dns-version.cluster.local", "TXT", "NOERROR TXT=1.1.0"},
                      Case{kPod, "xcluster.local", "A", "REFUSED"},
                      Case{kPod, "mongo-0.mongo.default.svc.cluster.local", "ANY", "NOERROR HINFO"},
                      Case{kPod, "nobody.default.svc.cluster.local", "ANY", "NXDOMAIN | SOA"},
                      Case{kPod, "cluster.local", "AXFR", "REFUSED"}));

INSTANTIATE_TEST_SUITE_P(
    Services, ZoneAnswers,
    ::testing::Values(
        Case{kPod, "_client._tcp.mongo.default.svc.cluster.local", "SRV",
             "NOERROR SRV=0,50,27017,mongo-0.mongo.default.svc.cluster.local. "
             "SRV=0,50,27017,mongo-1.mongo.default.svc.cluster.local."
             " + mongo-0.mongo.default.svc.cluster.local.:A=10.98.0.2 "
             "mongo-1.mongo.default.svc.cluster.local.:A=10.98.0.3"},
        Case{kPod, "_http._tcp.web.prod.svc.cluster.local", "SRV",
             "NOERROR SRV=0,100,80,web.prod.svc.cluster.local. + web.prod.svc.cluster.local.:A=10.99.0.1"},
        Case{kProd, "_amqp._tcp.queue", "SRV",
             "NOERROR SRV=0,50,5672,queue-0.queue.prod.svc.cluster.local. "
             "SRV=0,50,5672,queue-1.queue.prod.svc.cluster.local."
             " + queue-0.queue.prod.svc.cluster.local.:A=10.98.0.20 "
             "queue-1.queue.prod.svc.cluster.local.:AAAA=fd00::20"},
        Case{kPod, "_client._udp.mongo.default.svc.cluster.local", "SRV", "NXDOMAIN | SOA"},
        Case{kPod, "2.0.98.10.in-addr.arpa", "PTR", "NOERROR PTR=mongo-0.mongo.default.svc.cluster.local."},
        Case{kPod, "1.0.99.10.in-addr.arpa", "PTR", "NOERROR PTR=web.prod.svc.cluster.local."},
        Case{kPod, "9.0.98.10.in-addr.arpa", "PTR", "NOERROR PTR=10-98-0-9.web.prod.svc.cluster.local."},
        Case{kPod, "0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "PTR",
             "NOERROR PTR=queue-1.queue.prod.svc.cluster.local."},
        Case{kPod, "4.0.98.10.in-addr.arpa", "PTR", "REFUSED"},
        Case{kPod, "mail.default.svc.cluster.local", "CNAME", "NOERROR CNAME=mx.example.org."},
        Case{kPod, "mail.default.svc.cluster.local", "A", "NOERROR CNAME=mx.example.org."},
        Case{kPod, "alias.default.svc.cluster.local", "A",
             "NOERROR CNAME=web.prod.svc.cluster.local. web.prod.svc.cluster.local.:A=10.99.0.1"},
        Case{kPod, "alias", "A", "NOERROR CNAME=web.prod.svc.cluster.local. web.prod.svc.cluster.local.:A=10.99.0.1"}));

INSTANTIATE_TEST_SUITE_P(
    ShortNames, ZoneAnswers,
    ::testing::Values(Case{kPod, "mongo-0.mongo", "A", "NOERROR A=10.98.0.2"},
                      Case{kPod, "Mongo", "A", "NOERROR A=10.98.0.2 A=10.98.0.3"},
                      Case{kPod, "mongo", "AAAA", "NOERROR"},  // no SOA: its owner would be no parent of the name
                      Case{kPod, "mongo-2.mongo", "A", "NXDOMAIN"},
                      Case{kPod, "mongo-7.mongo.default", "A", "NXDOMAIN"}, Case{kPod, "web", "A", "REFUSED"},
                      Case{kPod, "web.prod", "A", "NOERROR A=10.99.0.1"},
                      Case{kPod, "web.prod.svc", "A", "NOERROR A=10.99.0.1"},
                      Case{kPod, "mongo-1.mongo.default", "A", "NOERROR A=10.98.0.3"},
                      Case{kPod, "mongo-1.mongo.default.svc", "A", "NOERROR A=10.98.0.3"},
                      Case{kPod, "_client._tcp.mongo.default.svc", "SRV",
                           "NOERROR SRV=0,50,27017,mongo-0.mongo.default.svc.cluster.local. "
                           "SRV=0,50,27017,mongo-1.mongo.default.svc.cluster.local."
                           " + mongo-0.mongo.default.svc.cluster.local.:A=10.98.0.2 "
                           "mongo-1.mongo.default.svc.cluster.local.:A=10.98.0.3"},
                      Case{kProd, "mongo", "A", "REFUSED"}, Case{kProd, "web", "A", "NOERROR A=10.99.0.1"},
                      Case{kPod, "default", "A", "REFUSED"}, Case{kPod, "svc", "A", "REFUSED"},
                      Case{kPod, "example.com", "A", "REFUSED"},
                      Case{"10.98.0.31", "twin-0.twin", "A", "NOERROR A=10.98.0.31"},
                      Case{kHost, "mongo-0.mongo", "A", "NOERROR A=10.98.0.2"},        // default comes first
                      Case{kHost, "queue-0.queue.prod", "A", "NOERROR A=10.98.0.20"},  // the three-label form
                      Case{kHost, "queue-0.queue", "A", "NOERROR A=10.98.0.20"},       // only one namespace has it
                      Case{kHost, "queue-9.queue", "A", "NXDOMAIN"},  // and so the rest of it is ours too
                      Case{kHost, "twin-0.twin", "A", "REFUSED"},     // two have it
                      Case{kHost, "twin-0.twin.blue", "A", "NOERROR A=10.98.0.30"}));

// REFUSED: belongs to the upstreams, which the asker of these tests may not use.
INSTANTIATE_TEST_SUITE_P(
    ServicesCalledLikeTopLevelDomains, ZoneAnswers,
    ::testing::Values(Case{kPod, "app-0.app", "A", "NOERROR A=10.98.0.50"}, Case{kPod, "app-1.app", "A", "NXDOMAIN"},
                      Case{kPod, "x.y.app", "A", "REFUSED"}, Case{kPod, "www.example.dev", "A", "REFUSED"},
                      Case{kPod, "a.b.c.app", "A", "REFUSED"}, Case{kPod, "app-1.app.default", "A", "NXDOMAIN"},
                      Case{kPod, "x.y.app.default.svc", "A", "REFUSED"}, Case{kHost, "x.y.app", "A", "REFUSED"},
                      Case{kHost, "x.y.queue", "A", "REFUSED"}, Case{kProd, "x.y.app", "A", "REFUSED"}));

INSTANTIATE_TEST_SUITE_P(PodsOfSeveralServices, ZoneAnswers,
                         ::testing::Values(Case{kPod, "50.0.98.10.in-addr.arpa", "PTR",
                                                "NOERROR PTR=app-0.app.default.svc.cluster.local."},
                                           Case{kPod, "10-98-0-50.dev", "A", "NOERROR A=10.98.0.50"}));

/// Pods of every age: ready, with an address, without one, and one that publishes what is not ready.
DnsNames awaited_names() {
  DnsNames names;
  const std::vector<DnsPort> ports{{"client", "TCP", 27017}};
  names.services = {
      {"default", "mongo", "", "", false, ports, {{"10.98.0.2", "mongo-0", true}, {"", "mongo-1", false, true}}},
      {"default", "new", "", "", false, ports, {{"10.98.0.4", "new-0", false, true}}},
      {"default", "early", "", "", true, ports, {{"10.98.0.5", "early-0", false, true}, {"", "early-1", false, true}}},
      {"default", "web", "10.99.0.1", "", false, ports, {{"", "", false, true}}},
      {"default", "gone", "", "", false, ports, {{"10.98.0.6", "gone-0", false, false}}},
      {"default", "alias", "", "mongo-1.mongo.default.svc.cluster.local", false, {}, {}},
  };
  return names;
}

/// Its answer, and " awaited" when that may change in a moment.
std::string ask_awaited(const Zone& zone, const std::string& name, const std::string& type) {
  std::vector<std::uint8_t> out(kUdpLimit);
  const auto outcome = respond(zone, make_query(name, type), {*IpAddress::parse("10.98.0.2")}, 0, out);
  return text_of({out.data(), outcome.size}) + (outcome.awaited ? " awaited" : "");
}

TEST(Zone, NamesOfPodsThatAreNotReadyAreAwaited) {
  const auto zone = Zone::build(awaited_names());
  const std::pair<const char*, const char*> cases[] = {
      {"mongo-0.mongo.default.svc.cluster.local", "NOERROR A=10.98.0.2"},
      {"mongo-1.mongo.default.svc.cluster.local", "NXDOMAIN | SOA awaited"},
      {"mongo-1.mongo", "NXDOMAIN awaited"},
      {"MONGO-1.mongo.default", "NXDOMAIN awaited"},
      {"mongo-2.mongo.default.svc.cluster.local", "NXDOMAIN | SOA"},  // no such pod
      {"x.mongo-1.mongo.default.svc.cluster.local", "NXDOMAIN | SOA"},
      {"mongo", "NOERROR A=10.98.0.2"},  // somebody answers already
      {"new-0.new", "NXDOMAIN awaited"},
      {"new", "NOERROR awaited"},
      {"early-0.early", "NOERROR A=10.98.0.5"},
      {"early-1.early", "NXDOMAIN awaited"},
      {"early", "NOERROR A=10.98.0.5"},
      {"web", "NOERROR A=10.99.0.1"},  // its address is there from the beginning
      {"gone-0.gone", "NXDOMAIN"},     // on its way out
      {"gone", "NOERROR"},
      {"alias", "NXDOMAIN CNAME=mongo-1.mongo.default.svc.cluster.local."},
  };
  for (const auto& [name, answer] : cases) EXPECT_EQ(ask_awaited(*zone, name, "A"), answer) << name;
  EXPECT_EQ(ask_awaited(*zone, "mongo-0.mongo", "AAAA"), "NOERROR");
  EXPECT_EQ(ask_awaited(*zone, "mongo-1.mongo", "AAAA"), "NXDOMAIN awaited") << "asked together with A";
  EXPECT_EQ(ask_awaited(*zone, "_client._tcp.new.default.svc.cluster.local", "SRV"), "NXDOMAIN | SOA awaited");
  EXPECT_EQ(ask_awaited(*zone, "_other._tcp.new.default.svc.cluster.local", "SRV"), "NXDOMAIN | SOA");
  EXPECT_EQ(ask_awaited(*zone, "_tcp.new.default.svc.cluster.local", "SRV"), "NXDOMAIN | SOA");
}

TEST(Zone, QuestionKeepsItsSpellingAndItsId) {
  const auto zone = Zone::build(some_names());
  const auto query = make_query("mOnGo-0.MoNgO", "A");
  std::vector<std::uint8_t> out(kUdpLimit);
  const auto outcome = respond(*zone, query, {*IpAddress::parse(kPod)}, 0, out);
  ASSERT_EQ(outcome.verdict, Verdict::Reply);
  EXPECT_TRUE(std::equal(query.begin(), query.begin() + 2, out.begin()));
  EXPECT_TRUE(std::equal(query.begin() + 12, query.end(), out.begin() + 12));
}

TEST(Zone, AddressesTakeTurns) {
  const auto zone = Zone::build(some_names());
  EXPECT_EQ(ask(*zone, kPod, "mongo", "A", 0), "NOERROR A=10.98.0.2 A=10.98.0.3");
  EXPECT_EQ(ask(*zone, kPod, "mongo", "A", 1), "NOERROR A=10.98.0.3 A=10.98.0.2");
}

TEST(Zone, AliasOfItselfEnds) {
  const auto zone = Zone::build(some_names());
  EXPECT_TRUE(ask(*zone, kPod, "loop", "A").starts_with("NOERROR CNAME=loop.default.svc.cluster.local."));
}

TEST(Zone, OutsideNamesAreForwardedForThoseWhoMay) {
  const auto zone = Zone::build(some_names());
  EXPECT_EQ(ask(*zone, kPod, "example.com", "A", 0, /*may_recurse=*/true), "forward example.com.");
  EXPECT_EQ(ask(*zone, kPod, "mail", "A", 0, /*may_recurse=*/true), "forward mx.example.org.");
  EXPECT_EQ(ask(*zone, kPod, "nobody.default.svc.cluster.local", "A", 0, /*may_recurse=*/true), "NXDOMAIN | SOA");
  EXPECT_EQ(ask(*zone, kPod, "mongo-2.mongo", "A", 0, /*may_recurse=*/true), "NXDOMAIN");
  EXPECT_EQ(ask(*zone, kPod, "example.com", "ANY", 0, /*may_recurse=*/true), "NOTIMP");
}

TEST(Zone, NegativeAnswersMayNotBeKept) {
  const auto zone = Zone::build(some_names());
  const auto soa = zone->negative_soa();
  const auto record = read_record(soa, 0);
  ASSERT_EQ(record.end, soa.size());
  EXPECT_EQ(get_u32(soa, record.ttl_at), 0U);
  EXPECT_EQ(get_u32(soa, record.end - 4), 0U);
}

TEST(Zone, TooManyAddressesAreTruncatedAtTheClientsSize) {
  DnsNames names;
  auto& service = names.services.emplace_back();
  service.ns = "default";
  service.name = "big";
  for (int i = 0; i < 200; ++i)
    service.endpoints.push_back({fmt::format("10.1.0.{}", i + 1), fmt::format("big-{}", i), true});
  const auto zone = Zone::build(names);
  std::vector<std::uint8_t> out(kTcpLimit);
  const auto size_for = [&](Octets query, bool tcp) {
    return respond(*zone, query, {*IpAddress::parse(kHost), tcp}, 3, out).size;
  };
  const auto plain = make_query("big.default.svc.cluster.local", "A");
  const auto edns = make_query("big.default.svc.cluster.local", "A", /*edns_payload=*/4096);
  const auto tiny = make_query("big.default.svc.cluster.local", "A", /*edns_payload=*/100);
  for (const auto& [query, limit] :
       {std::pair{plain, kPlainUdpLimit}, std::pair{edns, kUdpLimit}, std::pair{tiny, kPlainUdpLimit}}) {
    const auto size = size_for(query, /*tcp=*/false);
    EXPECT_LE(size, limit);
    EXPECT_GT(size, limit - 16);
    EXPECT_NE(get_u16(out, 2) & flag::kTruncated, 0);
    EXPECT_EQ(text_of({out.data(), size}).find("bad"), std::string::npos);
  }
  const auto whole = size_for(plain, /*tcp=*/true);
  EXPECT_EQ(get_u16(out, 2) & flag::kTruncated, 0);
  EXPECT_EQ(get_u16(out, 6), 200);
  EXPECT_GT(whole, 200U * 16);
}

TEST(Zone, NamesThatAreNoneAreLeftOut) {
  DnsNames names;
  names.services.resize(3);
  names.services[0] = {
      "default", "ok", "", "", false, {}, {{"nonsense", "x", true}, {"10.0.0.1", std::string(64, 'a'), true}}};
  names.services[1] = {"default", "", "", "", false, {}, {}};
  names.services[2] = {"default", std::string(64, 'b'), "", "", false, {}, {}};
  const auto zone = Zone::build(names);
  EXPECT_EQ(ask(*zone, kHost, "ok", "A"), "NOERROR A=10.0.0.1");
}

TEST(Zone, AnotherClusterDomainIsServed) {
  auto names = some_names();
  names.cluster_domain = "edge.example.net";
  const auto zone = Zone::build(names);
  EXPECT_EQ(ask(*zone, kPod, "mongo-0.mongo.default.svc.edge.example.net", "A"), "NOERROR A=10.98.0.2");
  EXPECT_EQ(ask(*zone, kPod, "mongo-0.mongo.default.svc.cluster.local", "A"), "REFUSED");
}

}  // namespace
}  // namespace berth::network::dns
