// tests/network/service_rules_test.cpp - the services' nftables table, whole and as a change.
#include "network/service_rules.hpp"

#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "network/conntrack.hpp"

namespace berth::network {
namespace {

FirewallPlan plan() { return {"br7", *Cidr::parse("10.98.0.0/24"), IpAddress::v4(0x0a620001), {}, 53}; }

std::shared_ptr<const ServiceRoute> route(ServiceRoute made) {
  return std::make_shared<const ServiceRoute>(std::move(made));
}

ServiceRoutes two_services() {
  return {{"default/dns", route({.cluster_ip = "10.96.0.10",
                                 .ports = {{.protocol = "udp", .port = 53, .inside = {{"10.98.0.9", 5353}}}}})},
          {"default/web", route({.cluster_ip = "10.96.3.7",
                                 .ports = {{.protocol = "tcp",
                                            .port = 80,
                                            .node_port = 30080,
                                            .inside = {{"10.98.0.4", 8080}, {"10.98.0.5", 8080}},
                                            .outside = {{"10.98.0.4", 8080}, {"10.98.0.5", 8080}}}}})}};
}

std::string change_text(const ServiceRoutes& before, const ServiceRoutes& after) {
  return text_of(change_of(plan(), before, after));
}

TEST(ServiceRules, TheWholeTable) {
  EXPECT_EQ(services_text(plan(), two_services()), R"(add table ip berth-br7-services
delete table ip berth-br7-services
table ip berth-br7-services {
 set service_addresses {
  type ipv4_addr
  elements = { 10.96.0.10, 10.96.3.7 }
 }
 map cluster_ports {
  type ipv4_addr . inet_proto . inet_service : verdict
  elements = { 10.96.0.10 . udp . 53 : goto in-default/dns/udp/53, 10.96.3.7 . tcp . 80 : goto in-default/web/tcp/80 }
 }
 map other_ports {
  type ipv4_addr : verdict
 }
 map node_ports {
  type inet_proto . inet_service : verdict
  elements = { tcp . 30080 : goto out-default/web/tcp/80 }
 }
 map balancer_ports {
  type inet_proto . inet_service : verdict
 }
 chain in-default/dns/udp/53 {
  meta l4proto udp dnat ip to 10.98.0.9:5353
 }
 chain in-default/web/tcp/80 {
  meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.98.0.4 . 8080, 1 : 10.98.0.5 . 8080 }
 }
 chain out-default/web/tcp/80 {
  meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.98.0.4 . 8080, 1 : 10.98.0.5 . 8080 }
 }
 chain prerouting {
  type nat hook prerouting priority dstnat + 5; policy accept;
  iifname "br7" ip daddr . meta l4proto . th dport vmap @cluster_ports
  iifname "br7" ip daddr vmap @other_ports
  fib daddr type local jump to_host
 }
 chain output {
  type nat hook output priority -95; policy accept;
  ip daddr . meta l4proto . th dport vmap @cluster_ports
  ip daddr vmap @other_ports
  fib daddr type local jump to_host
 }
 chain to_host {
  ip daddr { 10.98.0.1 } meta l4proto { tcp, udp } th dport 53 return
  meta l4proto . th dport vmap @node_ports
  ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @balancer_ports
 }
 chain postrouting {
  type nat hook postrouting priority srcnat - 5; policy accept;
  ct mark and 0x00004000 != 0 ct status dnat oifname != { "lo", "br7" } masquerade
 }
 chain refuse {
  type filter hook prerouting priority dstnat + 10; policy accept;
  ip daddr @service_addresses meta l4proto tcp reject with tcp reset
  ip daddr @service_addresses reject
 }
 chain refuse_own {
  type filter hook output priority filter - 5; policy accept;
  ip daddr @service_addresses meta l4proto tcp reject with tcp reset
  ip daddr @service_addresses reject
 }
}
)");
}

TEST(ServiceRules, AnEndpointMoreRewritesOnlyItsChains) {
  const auto before = two_services();
  auto after = before;
  auto web = *before.at("default/web");
  web.ports[0].inside.push_back({"10.98.0.6", 8080});
  after["default/web"] = route(web);
  EXPECT_EQ(
      change_text(before, after),
      "flush chain ip berth-br7-services in-default/web/tcp/80\n"
      "add rule ip berth-br7-services in-default/web/tcp/80 meta l4proto tcp dnat ip to numgen random mod 3 map { "
      "0 : 10.98.0.4 . 8080, 1 : 10.98.0.5 . 8080, 2 : 10.98.0.6 . 8080 }\n");
  EXPECT_EQ(change_text(before, before), "");
  auto copied = before;
  copied["default/web"] = route(*before.at("default/web"));
  EXPECT_EQ(change_text(before, copied), "") << "another object that says the same";
}

TEST(ServiceRules, WithoutEndpointsOnlyTheAddressStaysWhichIsRefused) {
  const auto before = two_services();
  auto after = before;
  auto dns = *before.at("default/dns");
  dns.ports[0].inside.clear();
  after["default/dns"] = route(dns);
  EXPECT_EQ(change_text(before, after),
            "delete element ip berth-br7-services cluster_ports { 10.96.0.10 . udp . 53 }\n"
            "flush chain ip berth-br7-services in-default/dns/udp/53\n"
            "delete chain ip berth-br7-services in-default/dns/udp/53\n");
  after.erase("default/dns");
  EXPECT_EQ(change_text(before, after),
            "delete element ip berth-br7-services service_addresses { 10.96.0.10 }\n"
            "delete element ip berth-br7-services cluster_ports { 10.96.0.10 . udp . 53 }\n"
            "flush chain ip berth-br7-services in-default/dns/udp/53\n"
            "delete chain ip berth-br7-services in-default/dns/udp/53\n");
}

TEST(ServiceRules, WithAffinityEachBackendRemembersItsClients) {
  const ServiceRoutes none;
  const ServiceRoutes one{
      {"a/db", route({.cluster_ip = "10.96.0.9",
                      .ports = {{.protocol = "tcp", .port = 5, .inside = {{"10.98.0.4", 6}, {"10.98.0.5", 6}}}},
                      .affinity_seconds = 60})}};
  EXPECT_EQ(
      change_text(none, one),
      R"(add set ip berth-br7-services in-a/db/tcp/5/10.98.0.4/6/60 { type ipv4_addr; flags dynamic,timeout; timeout 60s; }
add set ip berth-br7-services in-a/db/tcp/5/10.98.0.5/6/60 { type ipv4_addr; flags dynamic,timeout; timeout 60s; }
add chain ip berth-br7-services in-a/db/tcp/5
add chain ip berth-br7-services in-a/db/tcp/5/10.98.0.4/6
add chain ip berth-br7-services in-a/db/tcp/5/10.98.0.5/6
add rule ip berth-br7-services in-a/db/tcp/5 ip saddr @in-a/db/tcp/5/10.98.0.4/6/60 goto in-a/db/tcp/5/10.98.0.4/6
add rule ip berth-br7-services in-a/db/tcp/5 ip saddr @in-a/db/tcp/5/10.98.0.5/6/60 goto in-a/db/tcp/5/10.98.0.5/6
add rule ip berth-br7-services in-a/db/tcp/5 numgen random mod 2 vmap { 0 : goto in-a/db/tcp/5/10.98.0.4/6, 1 : goto in-a/db/tcp/5/10.98.0.5/6 }
add rule ip berth-br7-services in-a/db/tcp/5/10.98.0.4/6 update @in-a/db/tcp/5/10.98.0.4/6/60 { ip saddr }
add rule ip berth-br7-services in-a/db/tcp/5/10.98.0.4/6 meta l4proto tcp dnat ip to 10.98.0.4:6
add rule ip berth-br7-services in-a/db/tcp/5/10.98.0.5/6 update @in-a/db/tcp/5/10.98.0.5/6/60 { ip saddr }
add rule ip berth-br7-services in-a/db/tcp/5/10.98.0.5/6 meta l4proto tcp dnat ip to 10.98.0.5:6
add element ip berth-br7-services service_addresses { 10.96.0.9 }
add element ip berth-br7-services cluster_ports { 10.96.0.9 . tcp . 5 : goto in-a/db/tcp/5 }
)");
}

TEST(ServiceRules, OutsideClientsOfWhatIsNoPodAreMarkedAndALoadBalancerMayBeForSome) {
  const ServiceRoutes routes{{"a/db", route({.cluster_ip = "10.96.0.9",
                                             .ports = {{.protocol = "tcp",
                                                        .port = 5,
                                                        .host_port = 5,
                                                        .inside = {{"192.0.2.7", 6}},
                                                        .outside = {{"192.0.2.7", 6}}}},
                                             .source_ranges = {"198.51.100.0/24", "203.0.113.0/24"}})}};
  const auto rules = rules_of(plan(), routes);
  EXPECT_EQ(rules.chains.at("lb-a/db/tcp/5").text,
            "ip saddr != { 198.51.100.0/24, 203.0.113.0/24 } drop\n"
            "ct mark set ct mark or 0x00004000\n"
            "meta l4proto tcp dnat ip to 192.0.2.7:6\n");
  EXPECT_EQ(rules.chains.at("in-a/db/tcp/5").text, "meta l4proto tcp dnat ip to 192.0.2.7:6\n");
}

TEST(ServiceRules, APodOfAnotherHostIsAPod) {
  auto shared = plan();
  shared.cluster = ClusterPlan{*Cidr::parse("10.98.0.0/16")};
  const ServiceRoutes routes{{"a/db", route({.cluster_ip = "10.96.0.9",
                                             .ports = {{.protocol = "tcp",
                                                        .port = 5,
                                                        .node_port = 30005,
                                                        .inside = {{"10.98.7.7", 6}},
                                                        .outside = {{"10.98.7.7", 6}}}}})}};
  EXPECT_EQ(rules_of(shared, routes).chains.at("out-a/db/tcp/5").text, "meta l4proto tcp dnat ip to 10.98.7.7:6\n");
  EXPECT_NE(rules_of(plan(), routes).chains.at("out-a/db/tcp/5").text.find("ct mark set"), std::string::npos);
}

TEST(ServiceRules, PortsThatAServiceOfAnEarlierVersionDoesNotNameKeepTheirNumber) {
  const auto text = [](std::vector<std::string> pods) {
    return change_text({}, {{"a/db", route({.cluster_ip = "10.96.0.9", .other_ports = std::move(pods)})}});
  };
  EXPECT_EQ(text({}), "add element ip berth-br7-services service_addresses { 10.96.0.9 }\n");
  EXPECT_EQ(text({"10.98.0.4"}),
            "add chain ip berth-br7-services any-a/db\n"
            "add rule ip berth-br7-services any-a/db dnat ip to 10.98.0.4\n"
            "add element ip berth-br7-services service_addresses { 10.96.0.9 }\n"
            "add element ip berth-br7-services other_ports { 10.96.0.9 : goto any-a/db }\n");
  EXPECT_NE(text({"10.98.0.4", "10.98.0.5"})
                .find("any-a/db dnat ip to numgen random mod 2 map { 0 : 10.98.0.4, 1 : 10.98.0.5 }\n"),
            std::string::npos);
}

TEST(ServiceRules, PodsThatComeAndGoNeedNoWordThatWeDoNotSpeakOurselves) {
  const auto with = [](ServiceRoute made) { return ServiceRoutes{{"a/db", route(std::move(made))}}; };
  const auto spoken = [](const ServiceRoutes& before, const ServiceRoutes& after) {
    return batch_of(change_of(plan(), before, after)).has_value();
  };
  const auto none = with({.cluster_ip = "10.96.0.9", .ports = {{.protocol = "udp", .port = 5}}});
  auto one = *none.at("a/db");
  one.ports[0].inside = {{"10.98.0.4", 6}};
  auto two = one;
  two.ports[0].inside.push_back({"10.98.0.5", 6});
  two.other_ports = {"10.98.0.4"};
  EXPECT_TRUE(spoken({}, none));
  EXPECT_TRUE(spoken(none, with(one)));
  EXPECT_TRUE(spoken(with(one), with(two)));
  EXPECT_TRUE(spoken(with(two), {}));
  auto sticky = two;
  sticky.affinity_seconds = 60;
  EXPECT_FALSE(spoken(with(two), with(sticky)));
  auto guarded = two;
  guarded.ports[0].host_port = 5;
  guarded.ports[0].outside = {{"10.98.0.4", 6}};
  EXPECT_TRUE(spoken(with(two), with(guarded)));
  guarded.source_ranges = {"198.51.100.0/24"};
  EXPECT_FALSE(spoken(with(two), with(guarded)));
}

TEST(NftBatch, KeysOfMapsAreAsTheKernelHasThem) {
  using Bytes = std::vector<std::uint8_t>;
  EXPECT_EQ(map_key("10.96.3.7"), (Bytes{10, 96, 3, 7}));
  EXPECT_EQ(map_key("10.96.3.7 . tcp . 80"), (Bytes{10, 96, 3, 7, 6, 0, 0, 0, 0, 80, 0, 0}));
  EXPECT_EQ(map_key("udp . 30053"), (Bytes{17, 0, 0, 0, 0x75, 0x65, 0, 0}));
  EXPECT_EQ(map_key("sctp . 1"), (Bytes{132, 0, 0, 0, 0, 1, 0, 0}));
  for (const auto* wrong : {"", "tcp . ", "10.96.3 . tcp", "tcp . 65536", "icmp . 1"})
    EXPECT_EQ(map_key(wrong), Bytes{}) << wrong;
}

/// What a table would have after the commands: names only, which is enough to see that no command can fail.
class Kernel {
 public:
  void run(const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) one(line);
  }
  void one(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::string what;
    std::string family;
    std::string table;
    std::string name;
    words >> verb >> what >> family >> table >> name;
    std::string rest;
    std::getline(words, rest);
    if (what == "element") return elements(verb, name, rest);
    auto& names = what == "set" ? sets : chains;
    if (verb == "add" && what != "rule") {
      EXPECT_TRUE(names.emplace(name, "").second) << line;
    } else if (what == "rule") {
      ASSERT_TRUE(chains.contains(name)) << line;
      chains[name] += rest.substr(1) + "\n";
    } else if (verb == "flush") {
      ASSERT_TRUE(chains.contains(name)) << line;
      chains[name].clear();
    } else {
      ASSERT_EQ(names.erase(name), 1U) << line;
      for (const auto& [chain, body] : chains) {
        EXPECT_EQ((body + " ").find(name + " "), std::string::npos) << line << " is still named by " << chain;
        EXPECT_EQ(body.find(name + "\n"), std::string::npos) << line << " is still named by " << chain;
        EXPECT_EQ(body.find(name + ","), std::string::npos) << line << " is still named by " << chain;
      }
      for (const auto& [key, chain] : maps) EXPECT_NE(chain, "goto " + name) << line << " is still named by " << key;
    }
  }
  void elements(const std::string& verb, const std::string& map, const std::string& rest) {
    const auto begin = rest.find('{') + 2;
    std::istringstream list(rest.substr(begin, rest.rfind('}') - begin - 1));
    std::string element;
    while (std::getline(list, element, ',')) {
      if (element.front() == ' ') element.erase(0, 1);
      const auto colon = element.find(" : ");
      const auto key = map + " " + element.substr(0, colon);
      if (verb == "delete") {
        EXPECT_EQ(maps.erase(key), 1U) << key;
      } else {
        EXPECT_TRUE(maps.emplace(key, colon == std::string::npos ? "" : element.substr(colon + 3)).second) << key;
      }
    }
  }
  bool operator==(const Kernel&) const = default;

  std::map<std::string, std::string> sets;
  std::map<std::string, std::string> chains;
  std::map<std::string, std::string> maps;
};

TEST(ServiceRules, AnyChangeLeadsFromAnyStateToAnyOtherWithoutACommandThatFails) {
  std::mt19937 random(20261129);
  const auto some = [&](unsigned most) { return static_cast<std::uint16_t>(random() % most); };
  const auto backends = [&] {
    std::vector<ServiceBackend> out;
    for (std::uint16_t i = 0; i < 4; ++i) {
      if (some(2) == 0) out.push_back({"10.98.0." + std::to_string(4 + i), static_cast<std::uint16_t>(8080 + some(2))});
    }
    return out;
  };
  const auto state = [&] {
    ServiceRoutes routes;
    for (std::uint16_t i = 0; i < 4; ++i) {
      if (some(4) == 0) continue;
      ServiceRoute made{.cluster_ip = "10.96.0." + std::to_string(10 + i), .affinity_seconds = some(3) * 30U};
      for (std::uint16_t p = 0; p < 3; ++p) {
        if (some(3) == 0) continue;
        made.ports.push_back({.protocol = p == 2 ? "udp" : "tcp",
                              .port = static_cast<std::uint16_t>(80 + p),
                              .node_port = static_cast<std::uint16_t>(some(2) == 0 ? 0 : 30000 + 10 * i + p),
                              .host_port = static_cast<std::uint16_t>(some(2) == 0 ? 0 : 1000 + 10 * i + p),
                              .inside = backends(),
                              .outside = backends()});
      }
      for (int p = some(3); p > 0; --p) made.other_ports.push_back("10.98.0." + std::to_string(3 + p));
      routes["default/s" + std::to_string(i)] = route(std::move(made));
    }
    return routes;
  };
  Kernel kernel;
  ServiceRoutes now;
  for (int i = 0; i < 400; ++i) {
    const auto next = state();
    kernel.run(change_text(now, next));
    Kernel fresh;
    fresh.run(change_text({}, next));
    ASSERT_EQ(kernel, fresh) << "step " << i;
    now = next;
  }
}

TEST(ServiceRules, UdpFlowsGoToAnyOfTheBackendsAndToNoOther) {
  const ServiceRoutes before{{"a/dns", route({.cluster_ip = "10.96.0.10",
                                              .ports = {{.protocol = "udp",
                                                         .port = 53,
                                                         .node_port = 30053,
                                                         .inside = {{"10.98.0.4", 53}, {"10.98.0.5", 53}},
                                                         .outside = {{"10.98.0.4", 53}}}}})}};
  const auto mappings = udp_mappings(before);
  ASSERT_EQ(mappings.size(), 3U);
  const auto address = *IpAddress::parse("10.96.0.10");
  const auto host = *IpAddress::parse("192.0.2.1");
  const auto pod = [](const char* text) { return *IpAddress::parse(text); };
  EXPECT_FALSE(is_stale({address, 53, pod("10.98.0.4"), 53}, false, mappings, mappings));
  EXPECT_FALSE(is_stale({address, 53, pod("10.98.0.5"), 53}, false, mappings, mappings));
  EXPECT_TRUE(is_stale({address, 53, pod("10.98.0.6"), 53}, false, mappings, mappings)) << "a pod that went";
  EXPECT_TRUE(is_stale({address, 53, pod("10.98.0.4"), 53}, false, mappings, {})) << "the service went";
  EXPECT_FALSE(is_stale({host, 30053, pod("10.98.0.4"), 53}, true, mappings, mappings));
  EXPECT_TRUE(is_stale({host, 30053, pod("10.98.0.5"), 53}, true, mappings, mappings));
  EXPECT_FALSE(is_stale({host, 30053, pod("10.98.0.5"), 53}, false, mappings, mappings)) << "on its way through";
}

}  // namespace
}  // namespace berth::network
