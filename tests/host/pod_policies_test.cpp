// tests/host/pod_policies_test.cpp - network policies in the kernel: who gets through, and what a pod cannot do about
// it.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <sstream>
#include <thread>

#include "base/child.hpp"
#include "network/pod_network.hpp"
#include "network/pod_paths.hpp"
#include "network/policy_guard.hpp"
#include "tests/host/private_host.hpp"

namespace berth::network {
namespace {

[[maybe_unused]] const auto* const kPrivate = ::testing::AddGlobalTestEnvironment(new PrivateHost);
constexpr const char* kBridge = "testbr0";
constexpr const char* kBridgedToo = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/// Milliseconds in which what passes has passed.
constexpr int kShort = 300;

std::string run(std::vector<std::string> words) {
  const auto done = run_child(std::move(words));
  EXPECT_TRUE(done.ok() && done->exit_code == 0) << (done.ok() ? done->output : done.error().message());
  return done.ok() ? done->output : "";
}

/// With bridged packets in the hooks of table ip (br_netfilter, as Docker loads it), and without.
class PoliciesOnHost : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    std::string pattern = "/dev/shm/berth-pol-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    if (std::filesystem::exists(kBridgedToo)) {
      ASSERT_TRUE(overwrite(kBridgedToo, GetParam() ? "1" : "0"));
    } else if (GetParam()) {
      GTEST_SKIP() << "no br_netfilter here";
    }
    restart();
  }
  void TearDown() override {
    network_.reset();
    ::umount2((dir_ / "run/netns").c_str(), MNT_DETACH);
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
    if (auto netlink = Netlink::open()) static_cast<void>(netlink->delete_link(kBridge));
    run({"nft", "flush", "ruleset"});
  }
  static bool overwrite(const char* path, const std::string& text) {
    const auto fd = UniqueFd(::open(path, O_WRONLY | O_CLOEXEC));
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  void restart() {
    NetworkConfig config;
    config.bridge = kBridge;
    config.run_dir = dir_ / "run";
    config.state_dir = dir_ / "state";
    auto made = make_pod_network(config);
    ASSERT_TRUE(made.ok()) << made.error().message();
    network_ = *std::move(made);
    const auto ready = network_->set_up_host();
    ASSERT_TRUE(ready.ok()) << ready.error().message();
  }
  Attachment attach(const std::string& name) {
    NetworkSpec spec;
    spec.pod_uid = "uid-" + name;
    spec.pod_ns = "default";
    spec.pod_name = name;
    spec.hostname = name;
    auto made = network_->attach(spec);
    EXPECT_TRUE(made.ok()) << made.error().message();
    return made.value_or({});
  }
  void enforce(PodPolicies policies) {
    const auto done = network_->set_policies(std::move(policies));
    ASSERT_TRUE(done.ok()) << done.error().message();
  }
  /// That address is closed on the way in but for these, at any port.
  static PodPolicies only(const std::string& to, PodPolicies::Elements from) {
    PodPolicies out;
    out.pods[to] =
        std::make_shared<const PolicedPod>(PolicedPod{.ingress = std::vector<std::string>{"in/d/p"}, .egress = {}});
    out.chains["in/d/p"] = std::make_shared<const PolicyChain>(
        PolicyChain{.ingress = true, .allows = {{.peers = {"peers-p"}, .every_port = true}}});
    out.peers["peers-p"] = std::make_shared<const PodPolicies::Elements>(std::move(from));
    return out;
  }
  static std::string inside_of(const Attachment& pod, std::vector<std::string> words) {
    std::string output;
    const auto done = run_in_netns(pod.netns_path, [&] {
      const auto child = run_child(std::move(words));
      output = child.ok() ? child->output : child.error().message();
    });
    EXPECT_TRUE(done.ok());
    return output;
  }

  std::filesystem::path dir_;
  std::unique_ptr<PodNetwork> network_;
};

INSTANTIATE_TEST_SUITE_P(Bridge, PoliciesOnHost, ::testing::Values(false, true),
                         [](const auto& one) { return one.param ? "Filtered" : "Plain"; });

TEST_P(PoliciesOnHost, AClosedPodIsReachedByWhoIsNamedByItselfAndByTheHost) {
  const auto web = attach("web");
  const auto friendly = attach("friendly");
  const auto stranger = attach("stranger");
  const auto at_web = listen_in(web.netns_path, web.address, 8080);
  ASSERT_TRUE(at_web);
  EXPECT_EQ(reach(stranger.netns_path, web.address, 8080), "");
  const auto service = std::make_shared<const ServiceRoute>(ServiceRoute{
      .cluster_ip = "10.96.3.7", .ports = {{.protocol = "tcp", .port = 80, .inside = {{web.address, 8080}}}}});
  ASSERT_TRUE(network_->set_services({{"default/web", service}}).ok());

  enforce(only(web.address, {friendly.address}));
  EXPECT_EQ(reach(friendly.netns_path, web.address, 8080), "");
  EXPECT_EQ(reach(friendly.netns_path, "10.96.3.7", 80), "");
  EXPECT_EQ(reach(stranger.netns_path, web.address, 8080, kShort), "no answer");
  EXPECT_EQ(reach(stranger.netns_path, "10.96.3.7", 80, kShort), "no answer") << "judged after address translation";
  EXPECT_EQ(reach(web.netns_path, web.address, 8080), "");
  EXPECT_EQ(reach(web.netns_path, "10.96.3.7", 80), "") << "itself, through its service";
  EXPECT_EQ(reach("", web.address, 8080), "") << "the host: probes";
  // What it asks others is answered.
  const auto at_stranger = listen_in(stranger.netns_path, stranger.address, 9);
  EXPECT_EQ(reach(web.netns_path, stranger.address, 9), "");
  // An agent that comes after finds it closed, and what it is told opens it.
  restart();
  EXPECT_EQ(reach(stranger.netns_path, web.address, 8080, kShort), "no answer");
  enforce(only(web.address, {stranger.address}));
  EXPECT_EQ(reach(stranger.netns_path, web.address, 8080), "");
  EXPECT_EQ(reach(friendly.netns_path, web.address, 8080, kShort), "no answer");
  enforce({});
  EXPECT_EQ(reach(friendly.netns_path, web.address, 8080), "");
  EXPECT_EQ(run({"nft", "list", "tables"}).find("policies"), std::string::npos) << "nothing is left";
}

TEST_P(PoliciesOnHost, APodThatIsClosedTowardsOutsideReachesTheNamesAndNothingElse) {
  const auto web = attach("web");
  const auto client = attach("client");
  const auto at_web = listen_in(web.netns_path, web.address, 80);
  const auto at_client = listen_in(client.netns_path, client.address, 80);
  const auto names = udp_in("", network_->gateway(), 53);
  const auto names_tcp = listen_in("", network_->gateway(), 53);
  const auto at_host = listen_in("", network_->gateway(), 22);
  ASSERT_TRUE(at_web && at_client && names && names_tcp && at_host);
  PodPolicies closed;
  closed.pods[client.address] =
      std::make_shared<const PolicedPod>(PolicedPod{.ingress = {}, .egress = std::vector<std::string>()});
  enforce(closed);
  EXPECT_EQ(reach(client.netns_path, web.address, 80, kShort), "no answer");
  EXPECT_EQ(reach(client.netns_path, network_->gateway(), 22, kShort), "no answer");
  EXPECT_EQ(reach(client.netns_path, network_->gateway(), 53), "");
  const auto asks = udp_in(client.netns_path, client.address, 4000);
  send_datagram(asks, network_->gateway(), 53, "who");
  EXPECT_EQ(next_datagram(names), "who");
  send_datagram(names, client.address, 4000, "you");
  EXPECT_EQ(next_datagram(asks), "you");
  EXPECT_EQ(reach(web.netns_path, client.address, 80), "") << "it is open on the way in, and answers";
  EXPECT_EQ(reach("", client.address, 80), "");
}

TEST_P(PoliciesOnHost, NobodyGetsThroughInAnothersNameOrOnAnotherWay) {
  const auto web = attach("web");
  const auto friendly = attach("friendly");
  const auto thief = attach("thief");
  const auto at_web = udp_in(web.netns_path, web.address, 514);
  ASSERT_TRUE(at_web);
  enforce(only(web.address, {friendly.address}));
  const auto honest = udp_in(friendly.netns_path, friendly.address, 4000);
  send_datagram(honest, web.address, 514, "honest");
  EXPECT_EQ(next_datagram(at_web), "honest");
  // Its address.
  inside_of(thief, {"ip", "address", "add", friendly.address + "/24", "dev", "eth0"});
  const auto false_name = udp_in(thief.netns_path, friendly.address, 4001);
  ASSERT_TRUE(false_name);
  send_datagram(false_name, web.address, 514, "stolen");
  EXPECT_EQ(next_datagram(at_web, kShort), "");
  // And its MAC: the bridge must not learn that the friend lives here now.
  inside_of(thief, {"ip", "link", "set", "eth0", "address", "0a:58" + [&] {
                      std::string rest;
                      std::istringstream parts(friendly.address);
                      for (std::string part; std::getline(parts, part, '.');)
                        rest += fmt::format(":{:02x}", std::stoi(part));
                      return rest;
                    }()});
  send_datagram(false_name, web.address, 514, "stolen");
  EXPECT_EQ(next_datagram(at_web, kShort), "");
  send_datagram(honest, web.address, 514, "still here");
  EXPECT_EQ(next_datagram(at_web), "still here");
  send_datagram(at_web, friendly.address, 4000, "and heard");
  EXPECT_EQ(next_datagram(honest), "and heard");
  // To everybody on the link, by IPv6, behind a tag.
  const auto stranger = attach("stranger");
  inside_of(stranger, {"ip", "neigh", "replace", web.address, "lladdr", "ff:ff:ff:ff:ff:ff", "dev", "eth0"});
  const auto shout = udp_in(stranger.netns_path, stranger.address, 4002);
  send_datagram(shout, web.address, 514, "to all");
  EXPECT_EQ(next_datagram(at_web, kShort), "");
}

/// IPv6 needs no address from anybody: each interface has one of its link.
TEST_P(PoliciesOnHost, WhatIsNotIPv4DoesNotReachAClosedPod) {
  const auto web = attach("web");
  const auto stranger = attach("stranger");
  const auto shown = inside_of(web, {"ip", "-6", "-br", "address", "show", "dev", "eth0"});
  const auto begin = shown.find("fe80:");
  if (begin == std::string::npos) GTEST_SKIP() << "no IPv6 here";
  const auto address = shown.substr(begin, shown.find('/') - begin);
  const auto link = [](const Attachment& pod) {
    int index = 0;
    EXPECT_TRUE(run_in_netns(pod.netns_path, [&] { index = static_cast<int>(::if_nametoindex("eth0")); }).ok());
    return index;
  };
  const auto six = [&](const Attachment& pod, const std::string& text, std::uint16_t port) {
    sockaddr_in6 out{};
    out.sin6_family = AF_INET6;
    out.sin6_port = htons(port);
    out.sin6_scope_id = static_cast<std::uint32_t>(link(pod));
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &out.sin6_addr), 1);
    return out;
  };
  UniqueFd at_web;
  UniqueFd asks;
  inside(web.netns_path, [&] { at_web.reset(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
  inside(stranger.netns_path, [&] { asks.reset(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
  const auto here = six(web, "::", 514);
  ASSERT_EQ(::bind(at_web.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
  const auto there = six(stranger, address, 514);
  const auto send = [&](const std::string& text) {
    ::sendto(asks.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&there), sizeof there);
  };
  std::string heard;
  for (int i = 0; i < 50 && heard.empty(); ++i) {  // Its address may not be checked for duplicates yet.
    send("open");
    heard = next_datagram(at_web, 100);
  }
  EXPECT_EQ(heard, "open");
  enforce(only(web.address, {}));
  while (next_datagram(at_web, kShort) == "open") continue;  // What was sent more than once.
  send("closed");
  EXPECT_EQ(next_datagram(at_web, kShort), "");
}

TEST_P(PoliciesOnHost, AConnectionGoesOnWhereDatagramsAreJudgedOneByOne) {
  const auto web = attach("web");
  const auto client = attach("client");
  const auto at_web = listen_in(web.netns_path, web.address, 80);
  const auto heard_by_web = udp_in(web.netns_path, web.address, 514);
  const auto says = udp_in(client.netns_path, client.address, 4000);
  // From before there was any policy, when the kernel knew nothing of it.
  UniqueFd opened;
  ASSERT_EQ(connect_from(client.netns_path, web.address, 80, opened), "");
  const UniqueFd accepted(::accept(at_web.get(), nullptr, nullptr));
  ASSERT_TRUE(accepted);
  const auto talks = [](const UniqueFd& from, const UniqueFd& to) {
    char byte = 'x';
    if (::send(from.get(), &byte, 1, MSG_NOSIGNAL) != 1) return false;
    pollfd wait{to.get(), POLLIN, 0};
    return ::poll(&wait, 1, 2000) == 1 && ::recv(to.get(), &byte, 1, 0) == 1;
  };
  send_datagram(says, web.address, 514, "one");
  EXPECT_EQ(next_datagram(heard_by_web), "one");
  // Both are closed on the way in: who is told first is not who asked first.
  auto closed = only(web.address, {});
  closed.pods[client.address] =
      std::make_shared<const PolicedPod>(PolicedPod{.ingress = std::vector<std::string>(), .egress = {}});
  enforce(closed);
  EXPECT_TRUE(talks(accepted, opened));
  EXPECT_TRUE(talks(opened, accepted));
  send_datagram(says, web.address, 514, "two");
  EXPECT_EQ(next_datagram(heard_by_web, kShort), "");
  EXPECT_EQ(reach(client.netns_path, web.address, 80, kShort), "no answer") << "a new one";
  // From while there were policies.
  enforce(only(web.address, {client.address}));
  UniqueFd later;
  ASSERT_EQ(connect_from(client.netns_path, web.address, 80, later), "");
  send_datagram(says, web.address, 514, "three");
  EXPECT_EQ(next_datagram(heard_by_web), "three");
  const UniqueFd skipped(::accept(at_web.get(), nullptr, nullptr));
  ASSERT_TRUE(skipped);
  enforce(only(web.address, {}));
  EXPECT_TRUE(talks(later, skipped));
  EXPECT_TRUE(talks(skipped, later));
  send_datagram(says, web.address, 514, "four");
  EXPECT_EQ(next_datagram(heard_by_web, kShort), "");
}

TEST_P(PoliciesOnHost, APodThatComesLaterAndARulesetThatIsFlushed) {
  const auto web = attach("web");
  const auto at_web = listen_in(web.netns_path, web.address, 80);
  enforce(only(web.address, {}));
  const auto late = attach("late");
  EXPECT_EQ(reach(late.netns_path, web.address, 80, kShort), "no answer");
  enforce(only(web.address, {late.address}));
  EXPECT_EQ(reach(late.netns_path, web.address, 80), "");
  // Its place is another's, in whose name nobody speaks.
  ASSERT_TRUE(network_->detach("uid-late").ok());
  const auto listed = run({"nft", "list", "table", "bridge", std::string("berth-") + kBridge + "-policies"});
  EXPECT_EQ(listed.find(late.address), std::string::npos);
  EXPECT_NE(listed.find(web.address), std::string::npos);
  enforce(only(web.address, {}));
  run({"nft", "flush", "ruleset"});
  const auto other = attach("other");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // The room looks once a second.
  ASSERT_TRUE(network_->observe("uid-web").ok());
  EXPECT_EQ(reach(other.netns_path, web.address, 80, kShort), "no answer");
}

// --- The way from one state to the next is the state
// ------------------------------------------------------------------

PodPolicies some_policies(std::mt19937& random) {
  const auto below = [&](unsigned most) { return static_cast<unsigned>(random() % most); };
  PodPolicies out;
  const auto elements = [&](bool of_ports) {
    PodPolicies::Elements some;
    for (auto n = below(4); n > 0; --n) {
      const auto address = fmt::format("10.98.0.{}", 2 + below(6));
      some.insert(of_ports ? fmt::format("{} . tcp . {}", address, 80 + below(3)) : address);
    }
    return std::make_shared<const PodPolicies::Elements>(std::move(some));
  };
  for (unsigned i = 0; i < 4; ++i) {
    if (below(2) == 0) out.peers[fmt::format("peers-{}", i)] = elements(false);
    if (below(2) == 0) out.ports[fmt::format("ports-{}", i)] = elements(true);
  }
  const auto names_in = [&](const auto& all) {
    std::vector<std::string> names;
    for (const auto& [name, each] : all) {
      if (below(2) == 0) names.push_back(name);
    }
    return names;
  };
  for (unsigned i = 0; i < 5; ++i) {
    if (below(3) == 0) continue;
    PolicyChain chain{.ingress = below(2) == 0, .allows = {}};
    for (auto n = below(3); n > 0; --n) {
      PolicyAllowance allowance{.everybody = below(5) == 0,
                                .peers = names_in(out.peers),
                                .blocks = {},
                                .every_port = below(4) == 0,
                                .ports = {},
                                .named_ports = names_in(out.ports)};
      if (below(2) == 0) allowance.blocks = {{0, below(1000)}, {0x0a000000, 0x0a000000 + below(2)}};
      if (below(8) == 0) allowance.blocks = {{0, 0xffffffff}};
      for (auto k = below(3); k > 0; --k) {
        const auto first = static_cast<std::uint16_t>(below(100));
        allowance.ports.push_back({below(3) == 0 ? "udp" : "tcp", first, static_cast<std::uint16_t>(first + below(5))});
        if (first == 0) allowance.ports.back().last = 0;
      }
      chain.allows.push_back(std::move(allowance));
    }
    out.chains[fmt::format("{}/ns/p{}", chain.ingress ? "in" : "out", i)] =
        std::make_shared<const PolicyChain>(std::move(chain));
  }
  for (unsigned i = 0; i < 5; ++i) {
    PolicedPod pod;
    for (auto* side : {&pod.ingress, &pod.egress}) {
      if (below(3) == 0) continue;
      side->emplace();
      for (const auto& [name, chain] : out.chains) {
        if (chain->ingress == (side == &pod.ingress) && below(2) == 0) (*side)->push_back(name);
      }
    }
    if (pod.ingress || pod.egress) {
      out.pods[fmt::format("10.98.0.{}", 2 + i)] = std::make_shared<const PolicedPod>(std::move(pod));
    }
  }
  return out;
}

/// A set or a map: its words in any order, and no commas.
std::string unordered(std::string block) {
  std::replace(block.begin(), block.end(), ',', ' ');
  std::istringstream text(block);
  std::string head;
  std::getline(text, head);
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  std::sort(words.begin(), words.end());
  for (const auto& word : words) head += " " + word;
  return head;
}

/// What nft(8) lists, whatever came first: a chain's rules in their order, everything else sorted.
std::vector<std::string> listed() {
  std::vector<std::string> all;
  for (const auto* family : {"ip", "bridge"}) {
    const auto shown = run_child({"nft", "list", "table", family, std::string("berth-") + kBridge + "-policies"});
    if (!shown.ok() || shown->exit_code != 0) continue;
    std::istringstream lines(shown->output);
    std::string block;
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line.starts_with("table")) continue;
      block += line + "\n";
      if (!line.starts_with("\t}")) continue;
      const auto done = std::exchange(block, {});
      if (done.find("set from_before {") != std::string::npos) continue;  // Of one minute.
      all.push_back(family + (done.starts_with("\tchain") ? done : unordered(done)));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

TEST(PolicyTables, TheWayFromOneStateToTheNextIsTheState) {
  auto netlink = Netlink::open();
  ASSERT_TRUE(netlink.ok());
  ASSERT_TRUE(netlink->make_bridge(kBridge, {0x0a, 0x58, 10, 98, 0, 1}).ok());
  const FirewallPlan plan{kBridge, *Cidr::parse("10.98.0.0/24"), IpAddress::v4(0x0a620001), {}, 53};
  Cables cables;
  for (unsigned i = 0; i < 4; ++i) {
    const auto address = IpAddress::v4(0x0a620002 + i);
    cables[address.text()] = {fmt::format("bth{}", i), mac_of(address)};
  }
  const auto all = [&] { return cables; };
  std::mt19937 random(11);
  PolicyGuard guard(plan, all);
  PodPolicies wanted;
  for (int round = 0; round < 60; ++round) {
    if (round % 2 == 0) {
      wanted = some_policies(random);
    } else {  // The sets only.
      auto other = some_policies(random);
      for (auto& [name, set] : wanted.peers) {
        if (other.peers.contains(name)) set = other.peers[name];
      }
      for (auto& [name, set] : wanted.ports) {
        if (other.ports.contains(name)) set = other.ports[name];
      }
    }
    const auto done = guard.set(wanted);
    ASSERT_TRUE(done.ok()) << done.error().message();
    const auto now = listed();
    PolicyGuard fresh(plan, all);
    ASSERT_TRUE(fresh.set(wanted).ok());
    ASSERT_EQ(now, listed()) << "round " << round;
    ASSERT_EQ(now.empty(), wanted.pods.empty());
  }
  static_cast<void>(netlink->delete_link(kBridge));
  run({"nft", "flush", "ruleset"});
}

}  // namespace
}  // namespace berth::network
