// tests/model/network_policy_test.cpp - NetworkPolicy: what is wrong with one, what it gets, what its blocks mean.
#include "model/network_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "model/model.hpp"

namespace berth::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string manifest(std::string_view spec, std::string_view version = "networking.k8s.io/v1") {
  return "apiVersion: " + std::string(version) +
         "\nkind: NetworkPolicy\nmetadata: {name: web}\nspec: " + std::string(spec) + "\n";
}

std::string complaints(std::string_view spec) {
  std::string text;
  for (const auto& one : read_manifest(manifest(spec), "f.yaml").errors) text += one.text() + "\n";
  return text;
}

std::string from(std::string_view peer) { return "{podSelector: {}, ingress: [{from: [" + std::string(peer) + "]}]}"; }
std::string port(std::string_view one) { return "{podSelector: {}, egress: [{ports: [" + std::string(one) + "]}]}"; }

NetworkPolicy decoded(std::string_view spec, std::string_view version = "networking.k8s.io/v1") {
  const auto read = read_manifest(manifest(spec, version), "f.yaml");
  EXPECT_THAT(read.errors, IsEmpty());
  if (read.objects.empty()) return {};
  auto policy = decode_network_policy(read.objects.front());
  EXPECT_TRUE(policy.ok());
  return policy ? *std::move(policy) : NetworkPolicy();
}

TEST(NetworkPolicy, AWrongManifestIsToldFieldAndCure) {
  struct Wrong {
    const char* what;
    std::string spec;
    const char* complaint;
  };
  const Wrong all[] = {
      {"nobody is named", from("{}"),
       "spec.ingress[0].from[0]: required: must specify a peer: podSelector, namespaceSelector or ipBlock"},
      {"pods and a block", from("{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}"),
       "spec.ingress[0].from[0]: forbidden: may not specify both ipBlock and another peer: write two entries"},
      {"no block", from("{ipBlock: {except: [10.0.0.0/8]}}"), "spec.ingress[0].from[0].ipBlock.cidr: required"},
      {"an address for a block", from("{ipBlock: {cidr: 10.0.0.1}}"),
       "ipBlock.cidr: invalid value: \"10.0.0.1\": must be a valid CIDR value, (e.g. 10.9.8.0/24"},
      {"a block that is too long", from("{ipBlock: {cidr: 10.0.0.0/33}}"), "must be a valid CIDR value"},
      {"an exception from elsewhere", from("{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 11.0.0.0/16]}}"),
       "ipBlock.except[1]: invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr` (10.0.0.0/8)"},
      {"all is excepted", from("{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}"), "must be a strict subset"},
      {"an exception of another family", from("{ipBlock: {cidr: 10.0.0.0/8, except: [\"fd00::/16\"]}}"),
       "must be a strict subset"},
      {"an exception that is none", from("{ipBlock: {cidr: 10.0.0.0/8, except: [some]}}"),
       "ipBlock.except[0]: invalid value: \"some\": must be a valid CIDR value"},
      {"a protocol that has no ports", port("{protocol: ICMP, port: 8}"),
       R"(spec.egress[0].ports[0].protocol: unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP")"},
      {"no port", port("{port: 0}"), "spec.egress[0].ports[0].port: invalid value: 0: must be between 1 and 65535"},
      {"no name of a port", port("{port: HTTP_alt}"),
       "spec.egress[0].ports[0].port: invalid value: \"HTTP_alt\": must"},
      {"a range that ends before it begins", port("{port: 90, endPort: 80}"),
       "spec.egress[0].ports[0].endPort: invalid value: 80: must be greater than or equal to `port`"},
      {"a range of a name", port("{port: http, endPort: 80}"),
       "endPort: invalid value: 80: may not be specified when `port` is non-numeric"},
      {"a range from nowhere", port("{endPort: 80}"), "may not be specified when `port` is not specified"},
      {"a range beyond all ports", port("{port: 1, endPort: 70000}"), "endPort: invalid value: 70000: must be between"},
      {"another direction", "{podSelector: {}, policyTypes: [Ingress, Both]}",
       R"(spec.policyTypes[1]: unsupported value: "Both": supported values: "Egress", "Ingress")"},
      {"three directions", "{podSelector: {}, policyTypes: [Ingress, Egress, Ingress]}",
       "spec.policyTypes: invalid value: may not specify more than two policyTypes"},
      {"a selector that compares", "{podSelector: {matchExpressions: [{key: a, operator: Gt, values: [\"1\"]}]}}",
       "spec.podSelector.matchExpressions[0].operator"},
      {"a selector of a peer", from("{namespaceSelector: {matchLabels: {\"-\": a}}}"),
       "spec.ingress[0].from[0].namespaceSelector.matchLabels"},
      {"nothing", "", "spec: required"},
  };
  for (const auto& one : all) EXPECT_THAT(complaints(one.spec), HasSubstr(one.complaint)) << one.what;
}

TEST(NetworkPolicy, TypesAreIngressAndWithRulesForItEgress) {
  for (const auto* version : {"networking.k8s.io/v1", "extensions/v1beta1"}) {
    const auto closed = decoded("{podSelector: {}}", version);
    EXPECT_TRUE(closed.closes_ingress && !closed.closes_egress) << version;
    const auto both = decoded("{podSelector: {}, egress: [{}]}", version);
    EXPECT_TRUE(both.closes_ingress && both.closes_egress);
    const auto empty = decoded("{podSelector: {}, egress: []}", version);
    EXPECT_TRUE(empty.closes_ingress && !empty.closes_egress);
    const auto egress = decoded("{podSelector: {}, policyTypes: [Egress]}", version);
    EXPECT_TRUE(!egress.closes_ingress && egress.closes_egress);
  }
  const auto read = read_manifest(manifest("{podSelector: {}, egress: [{ports: [{port: 53}]}]}"), "f.yaml");
  ASSERT_EQ(read.objects.size(), 1U);
  const auto& spec = read.objects[0].raw.at("spec").as_object();
  EXPECT_EQ(json::serialize(spec.at("policyTypes")), R"(["Ingress","Egress"])");
  EXPECT_EQ(json::serialize(spec.at("egress")), R"([{"ports":[{"port":53,"protocol":"TCP"}]}])");
}

TEST(NetworkPolicy, WhatWasWrittenIsDecoded) {
  const auto policy = decoded(
      "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {a: b}}, "
      "namespaceSelector: {}}, {namespaceSelector: {matchLabels: {x: z}}}, {ipBlock: {cidr: 10.0.0.0/8, except: "
      "[10.1.0.0/16]}}], ports: [{port: 80, endPort: 90}, {protocol: UDP, port: dns}, {protocol: SCTP}]}, {}]}");
  ASSERT_EQ(policy.ingress.size(), 2U);
  const auto& rule = policy.ingress[0];
  ASSERT_EQ(rule.peers.size(), 3U);
  EXPECT_TRUE(rule.peers[0].pods && rule.peers[0].namespaces && !rule.peers[0].block);
  EXPECT_TRUE(!rule.peers[1].pods && rule.peers[1].namespaces);
  EXPECT_TRUE(rule.peers[2].block && !rule.peers[2].pods);
  ASSERT_EQ(rule.ports.size(), 3U);
  EXPECT_EQ(rule.ports[0].first, 80);
  EXPECT_EQ(rule.ports[0].last, 90);
  EXPECT_EQ(rule.ports[1].name, "dns");
  EXPECT_EQ(rule.ports[1].first, 0);
  EXPECT_EQ(rule.ports[2].protocol, "SCTP");
  EXPECT_THAT(policy.ingress[1].peers, IsEmpty());
  EXPECT_THAT(policy.ingress[1].ports, IsEmpty());
}

TEST(NetworkPolicy, ABlockIsWhatIsLeftOfIt) {
  constexpr std::uint32_t kTen = 10U << 24U;
  EXPECT_THAT(addresses_of({"10.0.0.5/24", {}}), ElementsAre(AddressRange{kTen, kTen + 255}));
  EXPECT_THAT(addresses_of({"0.0.0.0/0", {}}), ElementsAre(AddressRange{0, 0xffffffff}));
  EXPECT_THAT(addresses_of({"0.0.0.0/0", {"128.0.0.0/1"}}), ElementsAre(AddressRange{0, 0x7fffffff}));
  EXPECT_THAT(addresses_of({"10.0.0.0/24", {"10.0.0.0/32", "10.0.0.8/29", "10.0.0.16/29"}}),
              ElementsAre(AddressRange{kTen + 1, kTen + 7}, AddressRange{kTen + 24, kTen + 255}));
  EXPECT_THAT(addresses_of({"fd00::/16", {}}), IsEmpty());
  EXPECT_THAT(joined({{5, 9}, {1, 4}, {11, 12}, {0, 0xffffffff}}), ElementsAre(AddressRange{0, 0xffffffff}));
  EXPECT_THAT(joined({{11, 12}, {5, 9}, {1, 4}, {6, 7}}), ElementsAre(AddressRange{1, 9}, AddressRange{11, 12}));
}

/// By the words: in the block, and in none of the exceptions.
TEST(NetworkPolicy, EveryAddressOfABlockIsInItsRanges) {
  std::mt19937 random(7);
  const auto some = [&](unsigned base, unsigned least) {
    return std::to_string(least + random() % (33 - least)).insert(0, "10.0.0." + std::to_string(base) + "/");
  };
  for (int round = 0; round < 500; ++round) {
    IpBlock block{"10.0.0.0/24", {}};
    for (auto n = random() % 4; n > 0; --n) block.except.push_back(some(random() % 256, 25));
    const auto left = addresses_of(block);
    std::vector<std::vector<AddressRange>> holes;
    for (const auto& hole : block.except) holes.push_back(addresses_of({hole, {}}));
    const auto is_in = [](const std::vector<AddressRange>& ranges, std::uint32_t address) {
      return std::any_of(ranges.begin(), ranges.end(),
                         [&](const auto& one) { return one.first <= address && address <= one.last; });
    };
    for (std::uint32_t i = 0; i < 256; ++i) {
      const auto address = (10U << 24U) + i;
      const auto excepted =
          std::any_of(holes.begin(), holes.end(), [&](const auto& ranges) { return is_in(ranges, address); });
      ASSERT_EQ(is_in(left, address), !excepted) << i;
    }
  }
}

}  // namespace
}  // namespace berth::model
