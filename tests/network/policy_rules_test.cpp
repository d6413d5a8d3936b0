// tests/network/policy_rules_test.cpp - the policies' nftables tables, whole and as a change.
#include "network/policy_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::network {
namespace {

using testing::HasSubstr;
using testing::Not;

FirewallPlan plan() { return {"br7", *Cidr::parse("10.98.0.0/24"), IpAddress::v4(0x0a620001), {}, 53}; }
const Mac kBridge{0x0a, 0x58, 10, 98, 0, 1};

Cables cables() {
  return {{"10.98.0.4", {"btha", mac_of(IpAddress::v4(0x0a620004))}},
          {"10.98.0.5", {"bthb", mac_of(IpAddress::v4(0x0a620005))}}};
}

template <typename T>
std::shared_ptr<const T> made(T value) {
  return std::make_shared<const T>(std::move(value));
}

/// Web is closed but for clients at port 80 and a port by name; the client may talk to web only.
PodPolicies policies() {
  PodPolicies out;
  out.pods["10.98.0.4"] = made(PolicedPod{.ingress = std::vector<std::string>{"in/default/web"}, .egress = {}});
  out.pods["10.98.0.5"] = made(PolicedPod{.ingress = {}, .egress = std::vector<std::string>{"out/default/client"}});
  out.chains["in/default/web"] =
      made(PolicyChain{.ingress = true,
                       .allows = {{.peers = {"peers-client"},
                                   .blocks = {{0x0a000000, 0x0affffff}, {0xc0000201, 0xc0000201}},
                                   .ports = {{"tcp", 80, 80}, {"tcp", 82, 90}, {"tcp", 85, 95}, {"udp", 0, 0}},
                                   .named_ports = {"ports-http"}}}});
  out.chains["out/default/client"] =
      made(PolicyChain{.ingress = false, .allows = {{.peers = {"peers-web"}, .every_port = true}}});
  out.peers["peers-client"] = made(PodPolicies::Elements{"10.98.0.5"});
  out.peers["peers-web"] = made(PodPolicies::Elements{});
  out.ports["ports-http"] = made(PodPolicies::Elements{"10.98.0.4 . tcp . 8080"});
  return out;
}

TEST(PolicyRules, TheWholeTables) {
  EXPECT_EQ(policies_text(plan(), kBridge, cables(), policies(), /*from_before=*/true),
            R"(add table ip berth-br7-policies
delete table ip berth-br7-policies
add table bridge berth-br7-policies
delete table bridge berth-br7-policies
table ip berth-br7-policies {
 set from_before { type inet_proto; flags timeout; elements = { tcp timeout 60s } }
 set peers-client { type ipv4_addr; elements = { 10.98.0.5 } }
 set peers-web { type ipv4_addr;  }
 set ports-http { type ipv4_addr . inet_proto . inet_service; elements = { 10.98.0.4 . tcp . 8080 } }
 map pods_in { type ipv4_addr : verdict; elements = { 10.98.0.4 : jump pod-in-10.98.0.4 } }
 map pods_out { type ipv4_addr : verdict; elements = { 10.98.0.5 : jump pod-out-10.98.0.5 } }
 chain in/default/web {
  ip saddr @peers-client meta l4proto tcp th dport { 80, 82-95 } accept
  ip saddr @peers-client meta l4proto udp accept
  ip saddr @peers-client ip daddr . meta l4proto . th dport @ports-http accept
  ip saddr { 10.0.0.0-10.255.255.255, 192.0.2.1 } meta l4proto tcp th dport { 80, 82-95 } accept
  ip saddr { 10.0.0.0-10.255.255.255, 192.0.2.1 } meta l4proto udp accept
  ip saddr { 10.0.0.0-10.255.255.255, 192.0.2.1 } ip daddr . meta l4proto . th dport @ports-http accept
 }
 chain out/default/client {
  ip daddr @peers-web accept
 }
 chain pod-in-10.98.0.4 {
  ip saddr 10.98.0.4 accept
  jump in/default/web
  drop
 }
 chain pod-out-10.98.0.5 {
  ip daddr 10.98.0.5 accept
  jump out/default/client
  drop
 }
 chain known {
  ct state related accept
  ct state established ct direction reply accept
  ct state established meta l4proto tcp accept
 }
 chain egress {
  type filter hook forward priority filter - 2; policy accept;
  iifname != "br7" accept
  jump known
  oifname "br7" meta l4proto @from_before tcp flags & (fin | syn | rst | ack) == ack accept
  ip saddr vmap @pods_out
 }
 chain ingress {
  type filter hook forward priority filter - 1; policy accept;
  oifname != "br7" accept
  jump known
  iifname "br7" meta l4proto @from_before tcp flags & (fin | syn | rst | ack) == ack accept
  ip daddr vmap @pods_in
 }
 chain to_host {
  type filter hook input priority filter - 1; policy accept;
  iifname != "br7" accept
  jump known
  ip daddr { 10.98.0.1 } meta l4proto { tcp, udp } th dport 53 accept
  ip saddr vmap @pods_out
 }
 chain no_detours {
  type filter hook output priority filter; policy accept;
  oifname "br7" icmp type redirect drop
 }
}
table bridge berth-br7-policies {
 set links { type ifname; elements = { "btha", "bthb" } }
 set cables { type ifname . ether_addr; elements = { "btha" . 0a:58:0a:62:00:04, "bthb" . 0a:58:0a:62:00:05 } }
 set addresses { type ifname . ipv4_addr; elements = { "btha" . 10.98.0.4, "bthb" . 10.98.0.5 } }
 set closed_in { type ifname; elements = { "btha" } }
 set closed_out { type ifname; elements = { "bthb" } }
 chain prerouting {
  type filter hook prerouting priority -300; policy accept;
  iifname != @links accept
  iifname . ether saddr != @cables drop
  ether type != { ip, ip6, arp } drop
  ether type arp iifname . arp saddr ip != @addresses drop
  ether type ip iifname . ip saddr != @addresses drop
  ether type ip ip daddr != { 224.0.0.0/4, 255.255.255.255, 10.98.0.255 } ether daddr set 0a:58:0a:62:00:01 meta pkttype set host
 }
 chain input {
  type filter hook input priority -300; policy accept;
  ether type != { ip, arp } iifname @closed_out drop
 }
 chain forward {
  type filter hook forward priority -300; policy accept;
  ether type arp accept
  ether type ip ip daddr != { 224.0.0.0/4, 255.255.255.255, 10.98.0.255 } accept
  iifname @closed_out drop
  oifname @closed_in drop
 }
}
)");
}

TEST(PolicyRules, EverybodyNeedsNoSet) {
  auto all = policies();
  all.chains["in/default/web"] =
      made(PolicyChain{.ingress = true, .allows = {{.everybody = true, .every_port = true}}});
  EXPECT_THAT(policies_text(plan(), kBridge, {}, all, false), HasSubstr(" chain in/default/web {\n  accept\n }"));
  all.chains["in/default/web"] =
      made(PolicyChain{.ingress = true, .allows = {{.blocks = {{0, 0xffffffff}}, .ports = {{"tcp", 80, 80}}}}});
  const auto text = policies_text(plan(), kBridge, {}, all, false);
  EXPECT_THAT(text, HasSubstr(" chain in/default/web {\n  meta l4proto tcp th dport { 80 } accept\n }"));
  EXPECT_THAT(text, HasSubstr("set from_before { type inet_proto; flags timeout;  }"));
}

TEST(PolicyRules, AChangeTouchesOnlyWhatDiffers) {
  const auto before = policies();
  EXPECT_EQ(change_text(plan(), cables(), before, before), "");
  auto after = before;
  after.chains["in/default/web"] = made(*before.chains.at("in/default/web"));
  EXPECT_EQ(change_text(plan(), cables(), before, after), "") << "another object that says the same";

  // A pod that a set takes in: one element.
  after.peers["peers-client"] = made(PodPolicies::Elements{"10.98.0.5", "10.98.0.6"});
  EXPECT_EQ(change_text(plan(), cables(), before, after),
            "add element ip berth-br7-policies peers-client { 10.98.0.6 }\n");
  EXPECT_EQ(change_text(plan(), cables(), after, before),
            "delete element ip berth-br7-policies peers-client { 10.98.0.6 }\n");

  // A policy that changes: its chain.
  after = before;
  after.chains["out/default/client"] = made(PolicyChain{.ingress = false, .allows = {}});
  EXPECT_EQ(change_text(plan(), cables(), before, after), "flush chain ip berth-br7-policies out/default/client\n");

  // One that comes with a set of its own, for a pod that was open towards outside.
  after = before;
  after.peers["peers-new"] = made(PodPolicies::Elements{"10.98.0.5"});
  after.chains["out/default/new"] =
      made(PolicyChain{.ingress = false, .allows = {{.peers = {"peers-new"}, .every_port = true}}});
  after.pods["10.98.0.4"] = made(PolicedPod{.ingress = std::vector<std::string>{"in/default/web"},
                                            .egress = std::vector<std::string>{"out/default/new"}});
  EXPECT_EQ(change_text(plan(), cables(), before, after), R"(add set ip berth-br7-policies peers-new { type ipv4_addr; }
add chain ip berth-br7-policies out/default/new
add chain ip berth-br7-policies pod-out-10.98.0.4
add rule ip berth-br7-policies out/default/new ip daddr @peers-new accept
add rule ip berth-br7-policies pod-out-10.98.0.4 ip daddr 10.98.0.4 accept
add rule ip berth-br7-policies pod-out-10.98.0.4 jump out/default/new
add rule ip berth-br7-policies pod-out-10.98.0.4 drop
add element ip berth-br7-policies peers-new { 10.98.0.5 }
add element ip berth-br7-policies pods_out { 10.98.0.4 : jump pod-out-10.98.0.4 }
add element bridge berth-br7-policies closed_out { "btha" }
)");
  EXPECT_EQ(change_text(plan(), cables(), after, before),
            R"(delete element ip berth-br7-policies pods_out { 10.98.0.4 }
delete element bridge berth-br7-policies closed_out { "btha" }
flush chain ip berth-br7-policies out/default/new
flush chain ip berth-br7-policies pod-out-10.98.0.4
delete chain ip berth-br7-policies out/default/new
delete chain ip berth-br7-policies pod-out-10.98.0.4
delete set ip berth-br7-policies peers-new
)");
}

TEST(PolicyRules, PodsThatComeToSetsNeedNoText) {
  const auto before = policies();
  auto after = before;
  after.peers["peers-client"] = made(PodPolicies::Elements{"10.98.0.6"});
  after.ports["ports-http"] = made(PodPolicies::Elements{"10.98.0.4 . tcp . 8080", "10.98.0.6 . tcp . 80"});
  EXPECT_TRUE(batch_of(plan(), before, after).has_value());
  after.peers.erase("peers-client");
  EXPECT_FALSE(batch_of(plan(), before, after).has_value()) << "a set that goes";
  after = before;
  after.pods.erase("10.98.0.4");
  EXPECT_FALSE(batch_of(plan(), before, after).has_value());
}

TEST(PolicyRules, APodThatIsPluggedInIsKnownAndThenNot) {
  const auto cable = cables().at("10.98.0.4");
  const auto policed = policies().pods.at("10.98.0.4");
  EXPECT_EQ(plug_text("br7", "10.98.0.4", cable, policed.get()),
            R"(add element bridge berth-br7-policies links { "btha" }
add element bridge berth-br7-policies cables { "btha" . 0a:58:0a:62:00:04 }
add element bridge berth-br7-policies addresses { "btha" . 10.98.0.4 }
add element bridge berth-br7-policies closed_in { "btha" }
)");
  EXPECT_THAT(unplug_text("br7", "10.98.0.4", cable, nullptr),
              testing::AllOf(HasSubstr("delete element bridge berth-br7-policies links"), Not(HasSubstr("closed_in"))));
}

}  // namespace
}  // namespace berth::network
