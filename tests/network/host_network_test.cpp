// tests/network/host_network_test.cpp - which routes clash, which is the default; names and records of pods.
#include "network/host_network.hpp"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "network/pod_paths.hpp"
#include "network/pod_record.hpp"

namespace berth::network {
namespace {

Route route(std::string_view to, int link, std::uint32_t priority = 0, std::uint32_t table = RT_TABLE_MAIN) {
  Route made;
  made.to = *Cidr::parse(to);
  made.link = link;
  made.priority = priority;
  made.table = table;
  return made;
}

const Cidr kPods = *Cidr::parse("10.98.0.0/24");

TEST(Overlap, AWiderOrNarrowerRouteClashes) {
  const std::vector<Route> routes = {route("192.0.2.0/24", 2), route("10.0.0.0/8", 3)};
  const auto* clash = find_overlap(kPods, routes, 0);
  ASSERT_NE(clash, nullptr);
  EXPECT_EQ(clash->link, 3);
  EXPECT_NE(find_overlap(kPods, {route("10.98.0.64/26", 3)}, 0), nullptr);
  EXPECT_EQ(find_overlap(kPods, {route("10.98.1.0/24", 3)}, 0), nullptr);
}

TEST(Overlap, OurBridgeAndRoutesToEverywhereDoNotClash) {
  EXPECT_EQ(find_overlap(kPods, {route("0.0.0.0/0", 2), route("0.0.0.0/1", 2), route("10.98.0.0/24", 5)}, 5), nullptr);
  EXPECT_NE(find_overlap(kPods, {route("10.98.0.0/24", 5)}, 6), nullptr);
  // A route without device (blackhole) is nobody's bridge.
  EXPECT_NE(find_overlap(kPods, {route("10.98.0.0/24", 0)}, 0), nullptr);
}

TEST(DefaultRoute, TheLeastPriorityOfTheMainTableWins) {
  const std::vector<Route> routes = {route("0.0.0.0/0", 1, 5, 100), route("0.0.0.0/0", 2, 600),
                                     route("0.0.0.0/0", 3, 100), route("10.0.0.0/8", 4, 0)};
  const auto* found = find_default(routes);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->link, 3);
  EXPECT_EQ(find_default({route("10.0.0.0/8", 4)}), nullptr);
}

std::optional<Link> link_of(unsigned mtu, std::string kind = {}, bool loopback = false) {
  Link link;
  link.mtu = mtu;
  link.kind = std::move(kind);
  link.loopback = loopback;
  return link;
}

TEST(UplinkMtu, IsTheLeastOfTheLinksThatPacketsLeaveBy) {
  EXPECT_EQ(uplink_mtu(link_of(9000), link_of(1500)), 1500U);
  EXPECT_EQ(uplink_mtu(link_of(1400, "vlan"), link_of(9000)), 1400U);
  EXPECT_EQ(uplink_mtu(link_of(9000), std::nullopt), 9000U);
  EXPECT_EQ(uplink_mtu(std::nullopt, link_of(9000)), 9000U);
  EXPECT_EQ(uplink_mtu(std::nullopt, std::nullopt), 1500U);
  EXPECT_EQ(uplink_mtu(link_of(1279), link_of(9000)), 9000U);
  // Routers and hosts with several uplinks have their address on such links.
  EXPECT_EQ(uplink_mtu(link_of(65536, {}, /*loopback=*/true), link_of(9000)), 9000U);
  EXPECT_EQ(uplink_mtu(link_of(65536, "dummy"), link_of(1500)), 1500U);
  EXPECT_EQ(uplink_mtu(link_of(65536, {}, /*loopback=*/true), std::nullopt), 1500U);
}

std::vector<std::string> left(bool cluster, const std::vector<std::string>& sources) {
  FirewallPlan plan{.bridge = "br7", .pods = kPods, .gateway = *IpAddress::parse("10.98.0.1"), .dns = {}};
  if (cluster) plan.cluster = ClusterPlan{*Cidr::parse("10.98.0.0/16")};
  std::vector<LinkAddress> on_bridge;
  for (const auto& [address, prefix] : std::vector<std::pair<const char*, unsigned>>{
           {"10.98.0.1", 24}, {"10.98.0.1", 20}, {"10.98.3.1", 24}, {"10.97.0.1", 24}, {"192.0.2.1", 24}})
    on_bridge.push_back({7, *IpAddress::parse(address), prefix, true});
  std::vector<Route> overlay;
  for (const auto& source : sources) {
    overlay.push_back(route("10.98.9.0/24", 2));
    overlay.back().source = *IpAddress::parse(source);
  }
  std::vector<std::string> found;
  for (const auto& each : left_addresses(plan, on_bridge, overlay))
    found.push_back(each.address.text() + "/" + std::to_string(each.prefix));
  return found;
}

TEST(LeftAddresses, AreThoseOfTheClusterAndThoseThatPacketsToOtherHostsStartFrom) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(left(/*cluster=*/false, {}), Texts());
  EXPECT_EQ(left(/*cluster=*/false, {"10.98.3.1", "10.96.0.1"}), Texts({"10.98.3.1/24"}));
  EXPECT_EQ(left(/*cluster=*/true, {}), Texts({"10.98.0.1/20", "10.98.3.1/24"}));
  EXPECT_EQ(left(/*cluster=*/true, {"10.97.0.1"}), Texts({"10.98.0.1/20", "10.98.3.1/24", "10.97.0.1/24"}));
}

TEST(PodPaths, TheVethNameFitsIsStableAndDiffersByBridge) {
  const auto name = veth_name("berth0", "6f1c7a52-3c2e-4f0e-9a53-0b8f2d7c1e55");
  EXPECT_EQ(name.size(), 15U);
  EXPECT_EQ(name.substr(0, 3), "bth");
  EXPECT_EQ(name, veth_name("berth0", "6f1c7a52-3c2e-4f0e-9a53-0b8f2d7c1e55"));
  EXPECT_EQ(veth_name("berth0", "a"), "bth6315bb41d576");  // Stable over builds: a name of a running pod's cable.
  EXPECT_NE(veth_name("berth0", "a"), veth_name("berth1", "a"));
  EXPECT_NE(veth_name("berth0", "a"), veth_name("berth0", "b"));
}

TEST(PodRecord, SurvivesARoundTrip) {
  PodRecord record{
      "default/web-0", false, "10.98.0.7", 4026532301, {{80, 8080, "TCP", ""}, {53, 53, "UDP", "192.0.2.1"}}};
  const auto again = read_record_text(record_text(record));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(record_text(*again), record_text(record));
  EXPECT_EQ(again->netns_inode, 4026532301U);
  ASSERT_EQ(again->host_ports.size(), 2U);
  EXPECT_EQ(again->host_ports[1].host_ip, "192.0.2.1");
}

TEST(PodRecord, WhatIsDamagedIsDataLoss) {
  const auto good = record_text({"a/b", false, "10.98.0.7", 1, {{80, 80, "TCP", ""}}});
  for (std::size_t length = 0; length + 2 < good.size(); ++length) {
    EXPECT_TRUE(failed_with(read_record_text(good.substr(0, length)), ErrorCode::DataLoss)) << length;
  }
  for (const auto* text :
       {"[]", "{}", R"({"pod":1,"hostNetwork":false,"address":"","netns":1,"hostPorts":[]})",
        R"({"pod":"a","hostNetwork":false,"address":"","netns":-1,"hostPorts":[]})",
        R"({"pod":"a","hostNetwork":false,"address":"","netns":1,"hostPorts":[{"hostPort":65536}]})"}) {
    EXPECT_TRUE(failed_with(read_record_text(text), ErrorCode::DataLoss)) << text;
  }
}

}  // namespace
}  // namespace berth::network
