// tests/agent/policy_book_test.cpp - who may talk to whom: what policies say in words, and what the kernel is told.
#include "agent/policies/policy_book.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <random>

namespace berth::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::uint32_t number_of(const std::string& address) {
  in_addr in{};
  EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &in), 1) << address;
  return ntohl(in.s_addr);
}

/// One packet that opens a connection.
struct Packet {
  std::string from;
  std::string to;
  std::string protocol;  ///< "TCP"
  std::uint16_t port = 0;
};

std::string small(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// --- By what the kernel is told -------------------------------------------------------------------------------------

bool lets_through(const network::PodPolicies& told, const network::PolicyChain& chain, const Packet& packet) {
  const auto& peer = chain.ingress ? packet.from : packet.to;
  const auto port = fmt::format("{} . {} . {}", packet.to, small(packet.protocol), packet.port);
  return std::any_of(chain.allows.begin(), chain.allows.end(), [&](const network::PolicyAllowance& allowance) {
    const auto in = [](const auto& sets, const std::vector<std::string>& names, const std::string& element) {
      return std::any_of(names.begin(), names.end(),
                         [&](const auto& name) { return sets.at(name)->contains(element); });
    };
    const auto in_block = std::any_of(allowance.blocks.begin(), allowance.blocks.end(), [&](const auto& range) {
      return range.first <= number_of(peer) && number_of(peer) <= range.last;
    });
    if (!allowance.everybody && !in_block && !in(told.peers, allowance.peers, peer)) return false;
    const auto by_number = std::any_of(allowance.ports.begin(), allowance.ports.end(), [&](const auto& range) {
      return range.protocol == small(packet.protocol) &&
             (range.first == 0 || (range.first <= packet.port && packet.port <= range.last));
    });
    return allowance.every_port || by_number || in(told.ports, allowance.named_ports, port);
  });
}

bool passes(const network::PodPolicies& told, const Packet& packet) {
  if (packet.from == packet.to) return true;
  for (const auto ingress : {false, true}) {
    const auto pod = told.pods.find(ingress ? packet.to : packet.from);
    if (pod == told.pods.end()) continue;
    const auto& side = ingress ? pod->second->ingress : pod->second->egress;
    if (!side) continue;
    const auto open = std::any_of(side->begin(), side->end(), [&](const std::string& name) {
      const auto& chain = told.chains.at(name);
      EXPECT_EQ(chain->ingress, ingress);
      return lets_through(told, *chain, packet);
    });
    if (!open) return false;
  }
  return true;
}

// --- By the words of the specification -------------------------------------------------------------------------------

struct Town {
  std::map<std::string, model::StringMap> namespaces;
  std::map<std::string, PolicyPod> pods;  ///< By address.
  std::map<Name, model::NetworkPolicy> policies;

  const PolicyPod* at(const std::string& address) const {
    const auto found = pods.find(address);
    return found == pods.end() ? nullptr : &found->second;
  }
  bool is_peer(const model::NetworkPolicy& policy, const model::PolicyPeer& peer, const std::string& address) const {
    if (peer.block) {
      const auto in = [&](const std::string& cidr) {
        const auto slash = cidr.find('/');
        const auto length = std::stoul(cidr.substr(slash + 1));
        const auto mask = length == 0 ? 0U : 0xffffffffU << (32 - length);
        return (number_of(address) & mask) == (number_of(cidr.substr(0, slash)) & mask);
      };
      return in(peer.block->cidr) && std::none_of(peer.block->except.begin(), peer.block->except.end(), in);
    }
    const auto* pod = at(address);
    if (pod == nullptr) return false;
    if (peer.namespaces) {
      auto labels = namespaces.contains(pod->ns) ? namespaces.at(pod->ns) : model::StringMap();
      labels["kubernetes.io/metadata.name"] = pod->ns;
      if (!model::matches(*peer.namespaces, labels)) return false;
    } else if (pod->ns != policy.meta.ns) {
      return false;
    }
    return !peer.pods || model::matches(*peer.pods, pod->labels);
  }
  bool is_port(const model::PolicyPort& port, const Packet& packet) const {
    if (port.protocol != packet.protocol) return false;
    if (port.name.empty()) return port.first == 0 || (port.first <= packet.port && packet.port <= port.last);
    const auto* called = at(packet.to);
    return called != nullptr && std::any_of(called->ports.begin(), called->ports.end(), [&](const auto& its) {
             return its.name == port.name && its.protocol == port.protocol && its.number == packet.port;
           });
  }
  bool allows(const model::NetworkPolicy& policy, const std::vector<model::PolicyRule>& rules, const std::string& peer,
              const Packet& packet) const {
    return std::any_of(rules.begin(), rules.end(), [&](const model::PolicyRule& rule) {
      const auto from = rule.peers.empty() || std::any_of(rule.peers.begin(), rule.peers.end(), [&](const auto& each) {
                          return is_peer(policy, each, peer);
                        });
      const auto to = rule.ports.empty() || std::any_of(rule.ports.begin(), rule.ports.end(),
                                                        [&](const auto& each) { return is_port(each, packet); });
      return from && to;
    });
  }
  bool is_open(const std::string& address, bool ingress, const Packet& packet) const {
    const auto* pod = at(address);
    if (pod == nullptr || !pod->here) return true;
    auto closed = false;
    for (const auto& [name, policy] : policies) {
      if (policy.meta.ns != pod->ns || !model::matches(policy.pods, pod->labels)) continue;
      if (!(ingress ? policy.closes_ingress : policy.closes_egress)) continue;
      closed = true;
      const auto& peer = ingress ? packet.from : packet.to;
      if (allows(policy, ingress ? policy.ingress : policy.egress, peer, packet)) return true;
    }
    return !closed;
  }
  bool may(const Packet& packet) const {
    return packet.from == packet.to ||
           (is_open(packet.from, /*ingress=*/false, packet) && is_open(packet.to, /*ingress=*/true, packet));
  }
};

// --- Both -----------------------------------------------------------------------------------------------------------

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  unsigned below(unsigned most) { return static_cast<unsigned>(random_() % most); }
  bool once_in(unsigned n) { return below(n) == 0; }
  template <typename T>
  const T& one_of(const std::vector<T>& all) {
    return all[below(static_cast<unsigned>(all.size()))];
  }
  model::StringMap labels() {
    model::StringMap out;
    for (const auto* key : {"a", "b"}) {
      if (!once_in(3)) out[key] = std::to_string(below(2));
    }
    return out;
  }
  model::LabelSelector selector() {
    model::LabelSelector out;
    if (once_in(3)) return out;
    if (once_in(3)) {
      out.match_expressions.push_back({"b", once_in(2) ? "Exists" : "DoesNotExist", {}});
    } else {
      out.match_labels[once_in(2) ? "a" : "b"] = std::to_string(below(2));
    }
    return out;
  }
  model::PolicyPeer peer() {
    model::PolicyPeer out;
    if (once_in(4)) {
      out.block = model::IpBlock{fmt::format("10.98.0.0/{}", 24 + below(9)), {}};
      if (once_in(2)) out.block = model::IpBlock{"0.0.0.0/0", {fmt::format("10.98.0.{}/30", 4 * below(4))}};
      return out;
    }
    if (!once_in(3)) out.pods = selector();
    if (!out.pods || once_in(2)) out.namespaces = selector();
    return out;
  }
  model::PolicyPort port() {
    model::PolicyPort out;
    out.protocol = once_in(4) ? "UDP" : "TCP";
    if (once_in(4)) return out;
    if (once_in(3)) {
      out.name = once_in(2) ? "http" : "dns";
      return out;
    }
    out.first = static_cast<std::uint16_t>(80 + below(4));
    out.last = static_cast<std::uint16_t>(out.first + below(3));
    return out;
  }
  std::vector<model::PolicyRule> rules() {
    std::vector<model::PolicyRule> out(below(3));
    for (auto& rule : out) {
      for (auto n = below(3); n > 0; --n) rule.peers.push_back(peer());
      for (auto n = below(3); n > 0; --n) rule.ports.push_back(port());
    }
    return out;
  }

 private:
  std::mt19937 random_;
};

const std::vector<std::string> kNamespaces{"default", "blue", "green"};

std::string address(unsigned i) { return fmt::format("10.98.0.{}", i + 2); }

/// Something changes; both are told.
void change(Dice& dice, Town& town, PolicyBook& book) {
  const auto ns = dice.one_of(kNamespaces);
  switch (dice.below(6)) {
    case 0: {
      model::NetworkPolicy policy;
      policy.meta.ns = ns;
      policy.meta.name = fmt::format("p{}", dice.below(4));
      policy.pods = dice.selector();
      policy.closes_ingress = !dice.once_in(3);
      policy.closes_egress = dice.once_in(2);
      policy.ingress = dice.rules();
      policy.egress = dice.rules();
      book.set_policy(std::make_shared<const model::NetworkPolicy>(policy));
      town.policies[{ns, policy.meta.name}] = std::move(policy);
      return;
    }
    case 1: {
      const Name name{ns, fmt::format("p{}", dice.below(4))};
      book.drop_policy(name);
      town.policies.erase(name);
      return;
    }
    case 2: {
      const auto labels = dice.once_in(4) ? model::StringMap() : dice.labels();
      book.set_namespace(ns, labels);
      town.namespaces[ns] = labels;
      return;
    }
    case 3: {
      const auto where = address(dice.below(8));
      if (const auto* gone = town.at(where)) book.drop_pod(gone->uid);
      town.pods.erase(where);
      return;
    }
    default: {
      const auto i = dice.below(8);
      PolicyPod pod{.uid = fmt::format("uid-{}", i),
                    .ns = ns,
                    .labels = dice.labels(),
                    .address = address(i),
                    .ports = {},
                    .here = !dice.once_in(6)};
      if (const auto* known = town.at(pod.address)) pod.ns = known->ns;  // A pod stays in its namespace.
      if (!dice.once_in(3)) pod.ports.push_back({"http", "TCP", static_cast<std::uint16_t>(80 + dice.below(3))});
      if (dice.once_in(3)) pod.ports.push_back({"dns", "UDP", 81});
      book.set_pod(pod);
      town.pods[pod.address] = std::move(pod);
    }
  }
}

/// The same, told from nothing and in another order.
PolicyBook told_at_once(const Town& town) {
  PolicyBook book;
  for (const auto& [name, policy] : town.policies) {
    book.set_policy(std::make_shared<const model::NetworkPolicy>(policy));
  }
  for (const auto& [where, pod] : town.pods) book.set_pod(pod);
  for (const auto& [ns, labels] : town.namespaces) book.set_namespace(ns, labels);
  return book;
}

template <typename T>
std::map<std::string, T> looked_into(const std::map<std::string, std::shared_ptr<const T>>& all) {
  std::map<std::string, T> out;
  for (const auto& [name, value] : all) out.emplace(name, *value);
  return out;
}

TEST(PolicyBook, TellsTheKernelWhatTheWordsSay) {
  std::size_t dropped = 0;
  std::size_t passed = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    Dice dice(seed);
    Town town;
    PolicyBook book;
    for (int step = 0; step < 40; ++step) {
      change(dice, town, book);
      if (!dice.once_in(3)) continue;
      const auto& told = book.policies();
      for (int i = 0; i < 150; ++i) {
        // Addresses of pods, and some of nobody.
        const Packet packet{address(dice.below(10)), address(dice.below(10)), dice.once_in(3) ? "UDP" : "TCP",
                            static_cast<std::uint16_t>(79 + dice.below(7))};
        const auto may = town.may(packet);
        ASSERT_EQ(passes(told, packet), may) << "seed " << seed << ", step " << step << ": " << packet.from << " to "
                                             << packet.to << " port " << packet.protocol << " " << packet.port;
        ++(may ? passed : dropped);
      }
    }
    // However it came there: nothing is left over, and nothing is missing.
    const auto& now = book.policies();
    auto fresh = told_at_once(town);
    const auto& again = fresh.policies();
    ASSERT_EQ(looked_into(now.pods), looked_into(again.pods)) << seed;
    ASSERT_EQ(looked_into(now.chains), looked_into(again.chains)) << seed;
    ASSERT_EQ(looked_into(now.peers), looked_into(again.peers)) << seed;
    ASSERT_EQ(looked_into(now.ports), looked_into(again.ports)) << seed;
  }
  EXPECT_GT(dropped, 10000U);
  EXPECT_GT(passed, 10000U);
}

std::shared_ptr<model::NetworkPolicy> policy(const std::string& name) {
  auto made = std::make_shared<model::NetworkPolicy>();
  made->meta.ns = "default";
  made->meta.name = name;
  made->closes_ingress = true;
  return made;
}

TEST(PolicyBook, PeersThatMeanTheSameAreOneSetAndWhatDidNotChangeIsTheSameObject) {
  PolicyBook book;
  model::PolicyPeer peer;
  peer.pods = model::LabelSelector{{{"app", "web"}}, {}};
  for (const auto* name : {"a", "b", "c"}) {
    auto one = policy(name);
    one->ingress = {{{peer}, {}}};
    book.set_policy(one);
  }
  for (const auto* name : {"x", "y"}) {
    book.set_pod({.uid = name,
                  .ns = "default",
                  .labels = {{"app", name}},
                  .address = address(static_cast<unsigned char>(name[0])),
                  .ports = {}});
  }
  const auto before = book.policies();
  EXPECT_THAT(before.peers, SizeIs(1));
  EXPECT_THAT(before.chains, SizeIs(3));
  book.set_pod({.uid = "z", .ns = "default", .labels = {{"app", "web"}}, .address = "10.98.0.9", .ports = {}});
  const auto after = book.policies();
  EXPECT_NE(after.peers.begin()->second, before.peers.begin()->second);
  EXPECT_THAT(*after.peers.begin()->second, ElementsAre("10.98.0.9"));
  for (const auto& [name, chain] : before.chains) EXPECT_EQ(after.chains.at(name), chain);
  for (const auto& [where, pod] : before.pods) EXPECT_EQ(after.pods.at(where), pod);
  for (const auto* name : {"a", "b", "c"}) book.drop_policy({"default", name});
  EXPECT_THAT(book.policies().peers, IsEmpty());
  EXPECT_THAT(book.policies().chains, IsEmpty());
  EXPECT_THAT(book.policies().pods, IsEmpty());
}

TEST(PolicyBook, AnAddressIsThatOfThePodThatHasItNow) {
  PolicyBook book;
  book.set_policy(policy("closed"));
  book.set_pod({.uid = "old", .ns = "default", .labels = {}, .address = "10.98.0.2", .ports = {}});
  EXPECT_EQ(book.holder_of("10.98.0.2"), "old");
  book.set_pod({.uid = "new", .ns = "default", .labels = {}, .address = "10.98.0.2", .ports = {}});
  EXPECT_EQ(book.holder_of("10.98.0.2"), "new");
  book.drop_pod("old");
  EXPECT_EQ(book.holder_of("10.98.0.2"), "new");
  EXPECT_THAT(book.policies().pods, SizeIs(1));
  book.drop_pod("new");
  EXPECT_THAT(book.policies().pods, IsEmpty());
}

/// What is asked of a change among 1,000 policies and 100 pods: it looks at each policy of the namespace once, not at
/// each for every pod. Bounded generously: it takes some milliseconds, all of it again would take a second.
TEST(PolicyBook, AChangeCostsWhatItConcerns) {
  PolicyBook book;
  for (unsigned i = 0; i < 1000; ++i) {
    auto one = policy(fmt::format("p{}", i));
    one->pods.match_labels = {{"group", std::to_string(i % 50)}};
    model::PolicyPeer peer;
    peer.pods = model::LabelSelector{{{"group", std::to_string(i)}}, {}};
    one->ingress = {{{peer}, {}}};
    book.set_policy(one);
  }
  const auto pod = [](unsigned i, const std::string& group) {
    return PolicyPod{.uid = fmt::format("uid-{}", i),
                     .ns = "default",
                     .labels = {{"group", group}},
                     .address = address(i),
                     .ports = {}};
  };
  for (unsigned i = 0; i < 100; ++i) book.set_pod(pod(i, std::to_string(i % 50)));
  const auto before = book.policies();
  EXPECT_THAT(before.peers, SizeIs(1000));
  const auto begin = std::chrono::steady_clock::now();
  book.set_pod(pod(0, "7"));
  const auto after = book.policies();
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took, std::chrono::milliseconds(250));
  std::size_t other = 0;
  for (const auto& [name, set] : after.peers) other += before.peers.at(name) == set ? 0 : 1;
  EXPECT_EQ(other, 2U);  // The group that it left, and that which it joined.
  RecordProperty("microseconds", static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
}

}  // namespace
}  // namespace berth::agent
