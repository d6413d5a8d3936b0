// tests/network/overlay_state_test.cpp - which peers are taken, what the kernel is told of them, and what changes.
#include "network/overlay_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/atomic_file.hpp"
#include "tests/temp_dir.hpp"

namespace berth::network {
namespace {

using testing::HasSubstr;
using testing::Not;

FirewallPlan plan(OverlayMode mode = OverlayMode::Vxlan) {
  return {"br7",
          *Cidr::parse("10.98.1.0/24"),
          *IpAddress::parse("10.98.1.1"),
          {},
          53,
          ClusterPlan{*Cidr::parse("10.98.0.0/16"), mode}};
}

const Peer kTwo{"two", "192.0.2.2", "10.98.2.0/24"};
const Peer kThree{"three", "192.0.2.3", "10.98.3.0/24"};

PeerHosts hosts_of(const std::vector<Peer>& peers) {
  auto checked = check_peers(plan(), "192.0.2.1", peers);
  EXPECT_TRUE(checked.refused.empty());
  return checked.hosts;
}

TEST(Overlay, NamesAndNumbersAreDerived) {
  EXPECT_EQ(vxlan_name("berth0"), "berth0-vx");
  EXPECT_EQ(vxlan_name("a-longer-name"), vxlan_name("a-longer-name"));
  EXPECT_EQ(vxlan_name("a-longer-name").size(), 15U);
  EXPECT_NE(vxlan_name("a-longer-name"), vxlan_name("another-name0"));
  EXPECT_EQ(vxlan_id(*Cidr::parse("10.98.0.0/16")), 0x0a6200U);
}

TEST(Overlay, WhoCannotBeAPeerIsRefusedByNameAndTheOthersAreTaken) {
  const std::vector<std::pair<Peer, const char*>> bad = {
      {{"x", "somewhere", "10.98.9.0/24"}, "not an IP address"},
      {{"x", "2001:db8::1", "10.98.9.0/24"}, "no IPv4 address of a host"},
      {{"x", "0.0.0.0", "10.98.9.0/24"}, "no IPv4 address of a host"},
      {{"x", "127.0.0.1", "10.98.9.0/24"}, "no IPv4 address of a host"},
      {{"x", "192.0.2.1", "10.98.9.0/24"}, "is ours"},
      {{"x", "10.98.9.1", "10.98.9.0/24"}, "is in the pods' 10.98.0.0/16"},
      {{"x", "192.0.2.9", "10.98.9.0"}, "not an address block"},
      {{"x", "192.0.2.9", "10.98.9.1/24"}, "has bits below the prefix"},
      {{"x", "192.0.2.9", "10.99.9.0/24"}, "is no part of 10.98.0.0/16"},
      {{"x", "192.0.2.9", "10.98.0.0/16"}, "is no part of 10.98.0.0/16"},
      {{"x", "192.0.2.9", "10.0.0.0/8"}, "is no part of 10.98.0.0/16"},
      {{"x", "192.0.2.9", "10.98.1.0/24"}, "overlaps ours"},
      {{"x", "192.0.2.9", "10.98.0.0/20"}, "overlaps ours"},
      {{"x", "192.0.2.9", "10.98.2.0/24"}, "overlaps 10.98.2.0/24 of host 192.0.2.2"},
      {{"x", "192.0.2.9", "10.98.2.128/25"}, "overlaps 10.98.2.0/24 of host 192.0.2.2"},
      {{"x", "192.0.2.9", "10.98.2.0/23"}, "overlaps 10.98.2.0/24 of host 192.0.2.2"},
  };
  for (const auto& [peer, why] : bad) {
    const auto checked = check_peers(plan(), "192.0.2.1", {kTwo, peer, kThree});
    EXPECT_EQ(checked.hosts, hosts_of({kTwo, kThree})) << peer.address << " " << peer.pod_cidr;
    ASSERT_EQ(checked.refused.size(), 1U) << peer.address << " " << peer.pod_cidr;
    EXPECT_THAT(checked.refused[0], testing::AllOf(HasSubstr("node x: "), HasSubstr(why)));
  }
}

TEST(Overlay, OfTwoThatWantTheSameBlockTheFirstHasIt) {
  const auto checked = check_peers(plan(), "192.0.2.1", {kTwo, {"x", "192.0.2.9", "10.98.2.0/24"}});
  EXPECT_EQ(checked.hosts, (PeerHosts{{*Cidr::parse("10.98.2.0/24"), {*IpAddress::parse("192.0.2.2")}}}));
}

TEST(Overlay, ByTunnelTheRouterOfABlockIsItsFirstAddress) {
  const auto state = state_of(plan(), hosts_of({kTwo}), 7);
  Route to_two;
  to_two.to = *Cidr::parse("10.98.2.0/24");
  to_two.gateway = *IpAddress::parse("10.98.2.0");
  to_two.source = *IpAddress::parse("10.98.1.1");
  to_two.link = 7;
  to_two.table = RT_TABLE_MAIN;
  to_two.protocol = 190;
  to_two.onlink = true;
  Route to_nobody;
  to_nobody.to = *Cidr::parse("10.98.0.0/16");
  to_nobody.source = to_two.source;
  to_nobody.table = RT_TABLE_MAIN;
  to_nobody.protocol = 190;
  to_nobody.unreachable = true;
  const Mac mac{0x0a, 0x58, 10, 98, 2, 0};
  EXPECT_EQ(state.routes, (std::set<Route>{to_two, to_nobody}));
  EXPECT_EQ(state.neighbours, (std::set<Neighbour>{{*IpAddress::parse("10.98.2.0"), mac}}));
  EXPECT_EQ(state.hosts, (std::set<Neighbour>{{*IpAddress::parse("192.0.2.2"), mac}}));
  EXPECT_TRUE(is_overlay_route(to_two) && is_overlay_route(to_nobody));
  EXPECT_FALSE(is_overlay_route(Route{}));
}

TEST(Overlay, WithoutATunnelTheRouterIsTheHost) {
  const auto state = state_of(plan(OverlayMode::Routes), hosts_of({kTwo}), 0);
  ASSERT_EQ(state.routes.size(), 2U);
  const auto& to_two =
      *std::find_if(state.routes.begin(), state.routes.end(), [](const auto& r) { return !r.unreachable; });
  EXPECT_EQ(to_two.gateway, *IpAddress::parse("192.0.2.2"));
  EXPECT_EQ(to_two.link, 0);
  EXPECT_FALSE(to_two.onlink);
  EXPECT_TRUE(state.neighbours.empty() && state.hosts.empty());
}

std::string key_of(std::uint8_t byte) {
  WireGuardKey key{};
  key.fill(byte);
  return text_of(key);
}

Peer with_key(Peer peer, std::string key) {
  peer.wireguard_key = std::move(key);
  return peer;
}

TEST(Overlay, ByWireGuardAHostIsKnownByItsKeyAndItsPodsAreAllThatItMaySendFor) {
  const auto encrypted = plan(OverlayMode::WireGuard);
  const auto checked = check_peers(encrypted, "192.0.2.1", {with_key(kTwo, key_of(2)), with_key(kThree, key_of(3))});
  ASSERT_TRUE(checked.refused.empty()) << checked.refused[0];
  const auto state = state_of(encrypted, checked.hosts, 7);
  ASSERT_EQ(state.routes.size(), 3U);
  for (const auto& route : state.routes) {
    if (route.unreachable) continue;
    EXPECT_EQ(route.link, 7);
    EXPECT_FALSE(route.gateway);
    EXPECT_FALSE(route.onlink);
    EXPECT_EQ(route.source, *IpAddress::parse("10.98.1.1"));
  }
  EXPECT_TRUE(state.neighbours.empty() && state.hosts.empty());
  EXPECT_EQ(state.wireguard,
            (std::set<WireGuardPeer>{
                {*parse_wireguard_key(key_of(2)), *IpAddress::parse("192.0.2.2"), *Cidr::parse("10.98.2.0/24")},
                {*parse_wireguard_key(key_of(3)), *IpAddress::parse("192.0.2.3"), *Cidr::parse("10.98.3.0/24")}}));
}

TEST(Overlay, ByWireGuardANewKeyChangesThatHostAndNoRoute) {
  const auto encrypted = plan(OverlayMode::WireGuard);
  const auto state = [&](std::uint8_t key) {
    return state_of(
        encrypted,
        check_peers(encrypted, "192.0.2.1", {with_key(kTwo, key_of(key)), with_key(kThree, key_of(3))}).hosts, 7);
  };
  const auto fresh = only_in(state(9), state(2));
  EXPECT_TRUE(fresh.routes.empty());
  ASSERT_EQ(fresh.wireguard.size(), 1U);
  EXPECT_EQ(text_of(fresh.wireguard.begin()->key), key_of(9));
  const auto gone = only_in(state(2), state(9));
  ASSERT_EQ(gone.wireguard.size(), 1U);
  EXPECT_EQ(text_of(gone.wireguard.begin()->key), key_of(2));
  EXPECT_TRUE(only_in(state(2), state(2)).wireguard.empty());
}

TEST(Overlay, WhoseModeIsAnotherOrWhoseKeyIsBadIsRefusedByName) {
  const auto why = [](OverlayMode mode, const Peer& peer) {
    const auto checked = check_peers(
        plan(mode), "192.0.2.1", {with_key(kTwo, mode == OverlayMode::WireGuard ? key_of(2) : ""), peer}, key_of(1));
    EXPECT_EQ(checked.hosts.size(), checked.refused.empty() ? 2U : 1U);
    return checked.refused.empty() ? std::string() : checked.refused[0];
  };
  EXPECT_EQ(why(OverlayMode::WireGuard, with_key(kThree, key_of(3))), "");
  EXPECT_EQ(why(OverlayMode::Vxlan, kThree), "");
  for (const auto mode : {OverlayMode::Vxlan, OverlayMode::Routes}) {
    EXPECT_EQ(why(mode, with_key(kThree, key_of(3))), "node three: its network.mode is wireguard, and ours is not");
  }
  EXPECT_EQ(why(OverlayMode::WireGuard, kThree),
            "node three: it has no WireGuard key: its network.mode is another, and ours is wireguard");
  EXPECT_THAT(why(OverlayMode::WireGuard, with_key(kThree, "nonsense")), HasSubstr("not a WireGuard key"));
  EXPECT_THAT(why(OverlayMode::WireGuard, with_key(kThree, key_of(3).substr(4))), HasSubstr("not a WireGuard key"));
  EXPECT_THAT(why(OverlayMode::WireGuard, with_key(kThree, key_of(1))), HasSubstr("its WireGuard key is ours"));
  EXPECT_THAT(why(OverlayMode::WireGuard, with_key(kThree, key_of(2))),
              HasSubstr("its WireGuard key is that of host 192.0.2.2, too"));
}

TEST(Overlay, APrivateKeyIsMadeOnceForRootAlone) {
  const TempDir dir;
  const auto file = dir.path() / "wireguard.key";
  const auto made = private_key_in(file);
  ASSERT_TRUE(made.ok());
  EXPECT_NE(*made, WireGuardKey{});
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(*private_key_in(file), *made);
  ASSERT_TRUE(write_file(file, "AAAA\n", 0600).ok());
  const auto bad = private_key_in(file);
  ASSERT_TRUE(failed_with(bad, ErrorCode::InvalidArgument));
  EXPECT_THAT(bad.error().message(), testing::AllOf(HasSubstr(file.native()), testing::Not(HasSubstr("AAAA"))));
}

TEST(Overlay, EachModeHasItsLinkAndItsOverhead) {
  EXPECT_EQ(tunnel_name(plan(OverlayMode::WireGuard)), "br7-wg");
  EXPECT_EQ(tunnel_name(plan(OverlayMode::Vxlan)), "br7-vx");
  EXPECT_EQ(tunnel_name(plan(OverlayMode::Routes)), "");
  EXPECT_EQ(overhead_of(plan(OverlayMode::WireGuard)), 60U);
  EXPECT_EQ(overhead_of(plan(OverlayMode::Vxlan)), 50U);
  EXPECT_EQ(overhead_of(plan(OverlayMode::Routes)), 0U);
  Link link;
  link.kind = "wireguard";
  link.name = "wg0";
  EXPECT_FALSE(is_tunnel(plan(), link)) << "somebody's VPN";
  link.name = "br7-wg";
  EXPECT_TRUE(is_tunnel(plan(), link));
}

TEST(Overlay, ALinkIsOurTunnelByItsNumberOrItsMacAndNotByItsName) {
  Link link;
  link.name = vxlan_name(plan().bridge);
  link.kind = "vxlan";
  EXPECT_FALSE(is_tunnel(plan(), link));
  link.vni = vxlan_id(plan().cluster->pods);
  EXPECT_TRUE(is_tunnel(plan(), link));
  auto alone = plan();
  alone.cluster.reset();
  EXPECT_FALSE(is_tunnel(alone, link));
  link.mac = mac_of(*IpAddress::parse("10.98.3.0"));
  EXPECT_TRUE(is_tunnel(alone, link));
  link.kind = "dummy";
  EXPECT_FALSE(is_tunnel(plan(), link));
}

TEST(Overlay, OnlyWhatDiffersChanges) {
  auto moved = kThree;
  moved.address = "192.0.2.33";
  const auto before = state_of(plan(), hosts_of({kTwo, kThree}), 7);
  const auto after = state_of(plan(), hosts_of({moved, {"four", "192.0.2.4", "10.98.4.0/24"}}), 7);
  const auto fresh = only_in(after, before);
  const auto gone = only_in(before, after);
  // By tunnel the route to a host that moved stays as it is.
  ASSERT_EQ(fresh.routes.size(), 1U);
  EXPECT_EQ(fresh.routes.begin()->to.text(), "10.98.4.0/24");
  ASSERT_EQ(gone.routes.size(), 1U);
  EXPECT_EQ(gone.routes.begin()->to.text(), "10.98.2.0/24");
  EXPECT_EQ(fresh.hosts.size(), 2U);
  EXPECT_EQ(gone.hosts.size(), 2U);
  const auto nothing = only_in(before, before);
  EXPECT_TRUE(nothing.routes.empty() && nothing.neighbours.empty() && nothing.hosts.empty());
}

TEST(ClusterRules, BetweenPodsNobodysAddressChangesAndEverybodyElseGetsTheGateways) {
  const auto text = ruleset_text(plan(), {});
  EXPECT_THAT(text, HasSubstr("  ip saddr != 10.98.0.0/16 ip daddr 10.98.0.0/16 oifname != { \"lo\", \"br7\" } snat to "
                              "10.98.1.1\n"
                              "  ip saddr 10.98.1.0/24 ip daddr != { 224.0.0.0/4, 10.98.0.0/16 } oifname != { \"lo\", "
                              "\"br7\" } masquerade\n"));
  EXPECT_THAT(text, HasSubstr("  oifname \"br7\" ip saddr 10.98.0.0/16 accept\n  oifname \"br7\" drop\n"));
}

TEST(ClusterRules, APodsPacketComesFromWhereItsRouteLeads) {
  const auto text = ruleset_text(plan(), {});
  EXPECT_THAT(text, HasSubstr("  iifname { \"br7\", \"br7-vx\" } ip daddr 127.0.0.0/8 drop\n"
                              "  iifname != { \"br7\", \"lo\" } ip saddr 10.98.1.0/24 drop\n"
                              "  iifname != \"lo\" ip saddr 10.98.0.0/16 fib saddr . iif oif missing drop\n"));
  EXPECT_THAT(text, HasSubstr("  iifname != { \"br7\", \"lo\" } ip daddr 10.98.1.1 jump only_answers\n"));
  EXPECT_THAT(text, HasSubstr("  ip saddr 10.98.0.0/16 icmp type { echo-request, timestamp-request } accept\n"));
  EXPECT_THAT(ruleset_text(plan(OverlayMode::Routes), {}), HasSubstr("  iifname \"br7\" ip daddr 127.0.0.0/8 drop\n"));
  EXPECT_THAT(ruleset_text(plan(OverlayMode::WireGuard), {}),
              HasSubstr("  iifname { \"br7\", \"br7-wg\" } ip daddr 127.0.0.0/8 drop\n"));
}

TEST(ClusterRules, TheTunnelIsOpenToHostsOnly) {
  const std::vector<IpAddress> hosts = {*IpAddress::parse("192.0.2.2"), *IpAddress::parse("192.0.2.3")};
  EXPECT_THAT(ruleset_text(plan(), {}, hosts),
              testing::AllOf(HasSubstr("elements = { 192.0.2.2, 192.0.2.3 }"),
                             HasSubstr("udp dport 4789 @th,96,24 680448 ip saddr != @hosts drop")));
  EXPECT_THAT(ruleset_text(plan(OverlayMode::Routes), {}, hosts), Not(HasSubstr("hosts")));
  EXPECT_THAT(ruleset_text(plan(OverlayMode::WireGuard), {}, hosts), Not(HasSubstr("hosts"))) << "it knows its own";
  EXPECT_EQ(hosts_text("br7", hosts),
            "flush set ip berth-br7 hosts\nadd element ip berth-br7 hosts { 192.0.2.2, 192.0.2.3 }\n");
  EXPECT_EQ(hosts_text("br7", {}), "flush set ip berth-br7 hosts\n");
}

TEST(ClusterRules, AHostThatIsAloneHasNothingOfIt) {
  auto alone = plan();
  alone.cluster.reset();
  for (const auto* word : {"snat", "fib saddr", "4789", "only_answers", "-vx"}) {
    EXPECT_THAT(ruleset_text(alone, {}), Not(HasSubstr(word)));
  }
  EXPECT_THAT(ruleset_text(alone, {}), HasSubstr("  iifname != { \"br7\", \"lo\" } ip daddr 10.98.1.1 drop\n }\n"));
}

}  // namespace
}  // namespace berth::network
