// tests/network/host_ports_test.cpp - who has which host port, and the firewall's text.
#include "network/host_ports.hpp"

#include <gtest/gtest.h>

#include "network/conntrack.hpp"
#include "network/firewall.hpp"

namespace berth::network {
namespace {

const IpAddress kPodIp = IpAddress::v4(0x0a620007);
const FirewallPlan kPlan{
    "br7", *Cidr::parse("10.98.0.0/24"), IpAddress::v4(0x0a620001), {IpAddress::v4(0xc0000201)}, 53};

std::vector<PortMapping> mappings(const std::vector<HostPort>& ports) {
  auto result = port_mappings(ports, kPodIp);
  EXPECT_TRUE(result.ok());
  return result.value_or({});
}

TEST(HostPorts, PortsWithoutHostPortAreLeftOutAndWildcardsAreOne) {
  const auto list =
      mappings({{0, 80, "TCP", ""}, {8080, 80, "TCP", "0.0.0.0"}, {8080, 80, "TCP", ""}, {53, 53, "UDP", "::"}});
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].protocol, "tcp");
  EXPECT_TRUE(list[0].host_ip.is_unspecified());
  EXPECT_EQ(list[1].protocol, "udp");
}

TEST(HostPorts, WrongPortsAreRefused) {
  const auto refused = [](const HostPort& port) { return port_mappings({port}, kPodIp); };
  EXPECT_TRUE(failed_with(refused({80, 80, "ICMP", ""}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(refused({80, 0, "TCP", ""}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(refused({80, 80, "TCP", "localhost"}), ErrorCode::InvalidArgument));
  EXPECT_TRUE(failed_with(refused({80, 80, "TCP", "fd00::1"}), ErrorCode::Unimplemented));
  EXPECT_TRUE(
      failed_with(port_mappings({{80, 80, "TCP", ""}, {80, 81, "TCP", ""}}, kPodIp), ErrorCode::InvalidArgument));
  EXPECT_TRUE(
      failed_with(port_mappings(std::vector<HostPort>(1001, {80, 80, "TCP", ""}), kPodIp), ErrorCode::InvalidArgument));
}

TEST(HostPorts, AConflictNamesThePodThatHasThePort) {
  HostPorts ports;
  ASSERT_TRUE(ports.claim("a", "default/web-0", mappings({{80, 8080, "TCP", ""}})).ok());
  const auto refused = ports.claim("b", "default/web-1", mappings({{81, 81, "TCP", ""}, {80, 80, "TCP", ""}}));
  ASSERT_TRUE(failed_with(refused, ErrorCode::FailedPrecondition));
  EXPECT_NE(refused.error().message().find("default/web-0"), std::string::npos);
  EXPECT_TRUE(ports.of("b").empty());
  ports.release("a");
  EXPECT_TRUE(ports.claim("b", "default/web-1", mappings({{80, 80, "TCP", ""}})).ok());
}

TEST(HostPorts, OtherProtocolsAndOtherAddressesDoNotConflictButEveryAddressDoes) {
  HostPorts ports;
  ASSERT_TRUE(ports.claim("a", "a", mappings({{80, 80, "TCP", "192.0.2.1"}})).ok());
  EXPECT_TRUE(ports.claim("b", "b", mappings({{80, 80, "UDP", "192.0.2.1"}})).ok());
  EXPECT_TRUE(ports.claim("c", "c", mappings({{80, 80, "TCP", "192.0.2.2"}})).ok());
  EXPECT_TRUE(
      failed_with(ports.claim("d", "d", mappings({{80, 80, "TCP", "192.0.2.1"}})), ErrorCode::FailedPrecondition));
  EXPECT_TRUE(failed_with(ports.claim("d", "d", mappings({{80, 80, "TCP", ""}})), ErrorCode::FailedPrecondition));
  EXPECT_EQ(ports.all().size(), 3U);
}

TEST(HostPorts, ClaimingAgainReplacesAndAnEmptyClaimForgets) {
  HostPorts ports;
  ASSERT_TRUE(ports.claim("a", "a", mappings({{80, 80, "TCP", ""}})).ok());
  ASSERT_TRUE(ports.claim("a", "a", mappings({{81, 80, "TCP", ""}})).ok());
  ASSERT_EQ(ports.all().size(), 1U);
  EXPECT_EQ(ports.all()[0].host_port, 81);
  ASSERT_TRUE(ports.claim("a", "a", {}).ok());
  EXPECT_TRUE(ports.all().empty());
}

TEST(Firewall, TheRulesetReplacesItsOwnTableAndNamesBridgeBlockAndPorts) {
  const auto text = ruleset_text(kPlan, mappings({{80, 8080, "TCP", ""}, {53, 5353, "UDP", "192.0.2.1"}}));
  EXPECT_EQ(text.find("add table ip berth-br7\ndelete table ip berth-br7\ntable ip berth-br7 {"), 0U);
  EXPECT_NE(text.find("elements = { tcp . 80 : 10.98.0.7 . 8080 }"), std::string::npos) << text;
  EXPECT_NE(text.find("elements = { 192.0.2.1 . udp . 53 : 10.98.0.7 . 5353 }"), std::string::npos);
  EXPECT_NE(text.find("ip saddr 10.98.0.0/24 ip daddr != 224.0.0.0/4 oifname != { \"lo\", \"br7\" } masquerade"),
            std::string::npos);
  EXPECT_EQ(text.find("flush ruleset"), std::string::npos);
}

TEST(Firewall, WithoutPortsTheMapsAreEmptyAndThereIsNothingToChange) {
  EXPECT_EQ(ruleset_text(kPlan, {}).find("elements"), std::string::npos);
  EXPECT_TRUE(add_text("br7", {}).empty());
  EXPECT_TRUE(remove_text("br7", {}).empty());
}

TEST(Firewall, ElementsOfOnePodGoInOneCommandPerMap) {
  const auto list = mappings({{80, 8080, "TCP", ""}, {81, 8081, "TCP", ""}, {53, 53, "UDP", "192.0.2.1"}});
  EXPECT_EQ(add_text("br7", list),
            "add element ip berth-br7 host_ports { tcp . 80 : 10.98.0.7 . 8080, tcp . 81 : 10.98.0.7 . 8081 }\n"
            "add element ip berth-br7 host_address_ports { 192.0.2.1 . udp . 53 : 10.98.0.7 . 53 }\n");
  EXPECT_EQ(remove_text("br7", list),
            "delete element ip berth-br7 host_ports { tcp . 80, tcp . 81 }\n"
            "delete element ip berth-br7 host_address_ports { 192.0.2.1 . udp . 53 }\n");
}

TEST(Firewall, TheDnsServersPortIsNobodysHostPort) {
  EXPECT_NE(
      ruleset_text(kPlan, {}).find("ip daddr { 10.98.0.1, 192.0.2.1 } meta l4proto { tcp, udp } th dport 53 return\n"
                                   "  dnat"),
      std::string::npos);
}

// Who gets a flow that was sent to 192.0.2.1:514, and is that right?
TEST(StaleFlows, AreThoseToAChangedPortThatGoElsewhere) {
  const auto host = IpAddress::v4(0xc0000201);
  const auto old_pod = IpAddress::v4(0x0a620008);
  const auto port = mappings({{514, 1514, "UDP", ""}});
  const auto to_pod = [&](const IpAddress& pod, std::uint16_t at) { return UdpFlow{host, 514, pod, at}; };
  EXPECT_TRUE(is_stale(to_pod(old_pod, 1514), true, port, port));
  EXPECT_TRUE(is_stale(to_pod(host, 514), true, port, port));  // sent before there was a pod
  EXPECT_TRUE(is_stale(to_pod(kPodIp, 514), true, port, port));
  EXPECT_FALSE(is_stale(to_pod(kPodIp, 1514), true, port, port));
  EXPECT_TRUE(is_stale(to_pod(kPodIp, 1514), true, port, {}));  // the pod is gone
  EXPECT_FALSE(is_stale(to_pod(host, 514), true, port, {}));
  EXPECT_FALSE(is_stale({host, 515, old_pod, 515}, true, port, port));
  EXPECT_FALSE(is_stale({host, 514, host, 514}, false, port, port));  // somebody else's syslog, on its way through
  const auto tcp = mappings({{514, 1514, "TCP", ""}});
  EXPECT_FALSE(is_stale(to_pod(old_pod, 1514), true, tcp, tcp));
  const auto one = mappings({{514, 1514, "UDP", "192.0.2.9"}});
  EXPECT_FALSE(is_stale(to_pod(old_pod, 1514), true, one, one));
}

}  // namespace
}  // namespace berth::network
