// tests/model/service_addresses_test.cpp - which addresses and node ports services get, keep and are refused.
#include "model/service_addresses.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "model/model.hpp"

namespace berth::model {
namespace {

json::object service(const std::string& name, const std::string& spec) {
  return parse_json(fmt::format(R"({{"metadata":{{"name":"{}","namespace":"default"}},"spec":{}}})", name, spec))
      ->get_object();
}

class ServiceAddresses : public testing::Test {
 protected:
  /// The service as it would be stored; what is refused is in `error`.
  json::object give(json::object raw, const json::object* old = nullptr) {
    std::vector<const json::object*> others;
    for (const auto& each : stored) others.push_back(&each);
    const auto done = allocate_service(range, raw, old, others);
    error = done ? "" : done.error().message();
    return raw;
  }
  json::object add(const std::string& name, const std::string& spec) {
    auto raw = give(service(name, spec));
    EXPECT_EQ(error, "");
    stored.push_back(raw);
    return raw;
  }
  static std::string address(const json::object& raw) {
    return std::string(find_string(json::value(raw), {"spec", "clusterIP"}));
  }
  static std::int64_t node_port(const json::object& raw, std::size_t index = 0) {
    const auto* port = raw.at("spec").at("ports").as_array().at(index).as_object().if_contains("nodePort");
    return port == nullptr ? 0 : port->to_number<std::int64_t>();
  }

  ServiceRange range = *ServiceRange::parse("10.96.0.0/16");
  std::vector<json::object> stored;
  std::string error;
};

TEST(ServiceRangeTest, IsABlockThatServicesFitInto) {
  EXPECT_EQ(ServiceRange::parse("10.96.0.0/12")->text(), "10.96.0.0/12");
  for (const auto* wrong : {"", "10.96.0.0", "10.96.0.0/11", "10.96.0.0/30", "10.96.0.1/16", "fd00::/112", "10.96/16x"})
    EXPECT_FALSE(ServiceRange::parse(wrong).ok()) << wrong;
  const auto range = *ServiceRange::parse("10.96.0.0/29");
  EXPECT_FALSE(range.contains("10.96.0.0"));
  EXPECT_TRUE(range.contains("10.96.0.1"));
  EXPECT_TRUE(range.contains("10.96.0.6"));
  EXPECT_FALSE(range.contains("10.96.0.7")) << "the last";
  EXPECT_FALSE(range.contains("None"));
  EXPECT_TRUE(ServiceRange::parse("10.96.0.0/16")->overlaps("10.96.7.0/24"));
  EXPECT_TRUE(ServiceRange::parse("10.96.0.0/16")->overlaps("10.0.0.0/8"));
  EXPECT_FALSE(ServiceRange::parse("10.96.0.0/16")->overlaps("10.98.0.0/24"));
}

TEST_F(ServiceAddresses, EveryServiceGetsOneOfItsOwnAndTheSameWhenItIsMadeAgain) {
  std::set<std::string> seen;
  for (int i = 0; i < 500; ++i) {
    const auto raw = add(fmt::format("s{}", i), R"({"ports":[{"port":80}]})");
    EXPECT_TRUE(range.contains(address(raw))) << address(raw);
    EXPECT_TRUE(seen.insert(address(raw)).second) << address(raw);
    EXPECT_EQ(raw.at("spec").at("clusterIPs"), (json::array{json::value(address(raw))}));
  }
  const auto before = address(stored[17]);
  stored.erase(stored.begin() + 17);
  EXPECT_EQ(address(add("s17", R"({"ports":[{"port":80}]})")), before);
}

TEST_F(ServiceAddresses, TheFirstPartOfTheRangeIsLeftForThoseWhoChooseUntilAllElseIsGiven) {
  range = *ServiceRange::parse("10.96.0.0/26");  // 62 addresses, of which .1 is the API's
  std::set<std::string> seen;
  for (int i = 0; i < 47; ++i) seen.insert(address(add(fmt::format("s{}", i), R"({})")));
  EXPECT_FALSE(seen.contains("10.96.0.15"));
  for (int i = 47; i < 61; ++i) seen.insert(address(add(fmt::format("s{}", i), R"({})")));
  EXPECT_EQ(seen.size(), 61U);
  EXPECT_FALSE(seen.contains("10.96.0.1"));
  give(service("more", "{}"));
  EXPECT_EQ(error, "spec.clusterIPs: invalid value: []: failed to allocate a serviceIP: range is full (10.96.0.0/26)");
  // One that was stored without goes on without.
  const auto old = service("old", "{}");
  EXPECT_EQ(address(give(service("old", "{}"), &old)), "");
  EXPECT_EQ(error, "");
}

TEST_F(ServiceAddresses, AChosenOneIsHonouredAndGuarded) {
  EXPECT_EQ(address(add("dns", R"({"clusterIP":"10.96.0.10"})")), "10.96.0.10");
  give(service("other", R"({"clusterIP":"10.96.0.10"})"));
  EXPECT_EQ(error,
            "spec.clusterIPs: invalid value: [\"10.96.0.10\"]: failed to allocate IP 10.96.0.10: provided IP is "
            "already allocated");
  give(service("other", R"({"clusterIP":"192.0.2.1"})"));
  EXPECT_EQ(error,
            "spec.clusterIPs: invalid value: [\"192.0.2.1\"]: failed to allocate IP 192.0.2.1: the provided IP "
            "(192.0.2.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16");
  // What was stored before there was a range is not judged again.
  const auto old = service("old", R"({"clusterIP":"192.0.2.1"})");
  give(old, &old);
  EXPECT_EQ(error, "");
}

TEST_F(ServiceAddresses, HeadlessAndExternalOnesHaveNone) {
  EXPECT_EQ(address(add("headless", R"({"clusterIP":"None"})")), "None");
  EXPECT_EQ(address(add("alias", R"({"type":"ExternalName","externalName":"example.org"})")), "");
  EXPECT_EQ(node_port(add("plain", R"({"ports":[{"port":80}]})")), 0);
}

TEST_F(ServiceAddresses, NodePortsAreGivenSharedByProtocolsOfOnePortAndGuarded) {
  const auto dns = add("dns", R"({"type":"NodePort","ports":[{"port":53,"protocol":"UDP","name":"u"},
      {"port":53,"protocol":"TCP","name":"t"},{"port":80,"name":"h"}]})");
  EXPECT_GE(node_port(dns, 0), kFirstNodePort);
  EXPECT_LE(node_port(dns, 0), kLastNodePort);
  EXPECT_EQ(node_port(dns, 0), node_port(dns, 1));
  EXPECT_NE(node_port(dns, 0), node_port(dns, 2));
  add("fixed", R"({"type":"NodePort","ports":[{"port":80,"nodePort":30080}]})");
  give(service("other", R"({"type":"NodePort","ports":[{"port":80,"nodePort":30080}]})"));
  EXPECT_EQ(error, "spec.ports[0].nodePort: invalid value: 30080: provided port is already allocated");
  give(service("other", R"({"type":"NodePort","ports":[{"port":81},{"port":80,"nodePort":8080}]})"));
  EXPECT_EQ(error,
            "spec.ports[1].nodePort: invalid value: 8080: provided port is not in the valid range. The range of valid "
            "ports is 30000-32767");
  EXPECT_NE(node_port(add("balanced", R"({"type":"LoadBalancer","ports":[{"port":80}]})")), 0);
  EXPECT_EQ(node_port(add("no-ports", R"({"type":"LoadBalancer","allocateLoadBalancerNodePorts":false,
                                          "ports":[{"port":80}]})")),
            0);
}

TEST_F(ServiceAddresses, AWriteThatLeavesThemOutKeepsThem) {
  const auto old = add("web", R"({"type":"NodePort","ports":[{"name":"a","port":80},{"name":"b","port":81}]})");
  auto next = service("web", R"({"type":"NodePort","ports":[{"name":"b","port":82},{"name":"c","port":83}]})");
  keep_filled(Kind::Service, next, old);
  stored.clear();
  next = give(next, &old);
  EXPECT_EQ(error, "");
  EXPECT_EQ(address(next), address(old));
  EXPECT_EQ(node_port(next, 0), node_port(old, 1)) << "told apart by name";
  EXPECT_NE(node_port(next, 1), node_port(next, 0));
}

TEST_F(ServiceAddresses, WhatBelongsToAnotherTypeGoesWithIt) {
  const auto old = add("web", R"({"type":"NodePort","ports":[{"port":80}],"internalTrafficPolicy":"Cluster"})");
  auto plain = old;
  plain["spec"].get_object()["type"] = "ClusterIP";
  keep_filled(Kind::Service, plain, old);
  EXPECT_EQ(node_port(plain), 0);
  EXPECT_EQ(address(plain), address(old));
  auto alias = old;
  alias["spec"].get_object()["type"] = "ExternalName";
  alias["spec"].get_object()["externalName"] = "example.org";
  keep_filled(Kind::Service, alias, old);
  apply_defaults(Kind::Service, alias);
  for (const auto* field : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"})
    EXPECT_FALSE(alias.at("spec").as_object().contains(field)) << field;
  auto back = alias;
  back["spec"].get_object()["type"] = "ClusterIP";
  keep_filled(Kind::Service, back, alias);
  stored.clear();
  EXPECT_EQ(address(give(back, &alias)), address(old));
}

std::int64_t health_port(const json::object& raw) {
  const auto* port = raw.at("spec").as_object().if_contains("healthCheckNodePort");
  return port == nullptr ? 0 : port->to_number<std::int64_t>();
}

TEST_F(ServiceAddresses, ALoadBalancerThatAsksForPodsHereHasAPortToAsk) {
  const std::string local = R"({"type":"LoadBalancer","externalTrafficPolicy":"Local","ports":[{"port":80}]})";
  const auto web = add("web", local);
  EXPECT_GE(health_port(web), kFirstNodePort);
  EXPECT_NE(health_port(web), node_port(web));
  EXPECT_TRUE(has_service_addresses(web, &web));
  const auto again = add("again", local);
  EXPECT_NE(health_port(again), health_port(web));
  EXPECT_EQ(health_port(add("anywhere", R"({"type":"LoadBalancer","ports":[{"port":80}]})")), 0);

  const auto choosing = [&](std::int64_t port) {
    auto raw = service("other", local);
    raw["spec"].get_object()["healthCheckNodePort"] = port;
    give(std::move(raw));
    return error;
  };
  EXPECT_EQ(choosing(health_port(web)), fmt::format("spec.healthCheckNodePort: invalid value: {}: provided port is "
                                                    "already allocated",
                                                    health_port(web)));
  EXPECT_NE(choosing(node_port(web)), "") << "of the same range";
  EXPECT_EQ(choosing(8080),
            "spec.healthCheckNodePort: invalid value: 8080: provided port is not in the valid range. The range of "
            "valid ports is 30000-32767");
  EXPECT_EQ(choosing(30010), "");
  auto twice = service("other", R"({"type":"LoadBalancer","externalTrafficPolicy":"Local","healthCheckNodePort":30010,
                                    "ports":[{"port":80,"nodePort":30010}]})");
  give(std::move(twice));
  EXPECT_NE(error, "") << "its own node port";
}

TEST_F(ServiceAddresses, ThePortToAskStaysAndGoesWithThePolicy) {
  const auto old = add("web", R"({"type":"LoadBalancer","externalTrafficPolicy":"Local","ports":[{"port":80}]})");
  stored.clear();
  auto next = service("web", R"({"type":"LoadBalancer","externalTrafficPolicy":"Local","ports":[{"port":81}]})");
  keep_filled(Kind::Service, next, old);
  next = give(next, &old);
  EXPECT_EQ(error, "");
  EXPECT_EQ(health_port(next), health_port(old));
  auto anywhere = old;
  anywhere["spec"].get_object()["externalTrafficPolicy"] = "Cluster";
  keep_filled(Kind::Service, anywhere, old);
  EXPECT_EQ(health_port(anywhere), 0);
}

}  // namespace
}  // namespace berth::model
