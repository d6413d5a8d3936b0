// tests/host/overlay_test.cpp - pods of several hosts: each host a namespace of its own, plugged into one switch.
#include "network/overlay.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>

#include "base/child.hpp"
#include "tests/host/private_host.hpp"
#include "tests/temp_dir.hpp"

namespace berth::network {
namespace {

[[maybe_unused]] const auto* const kPrivate = ::testing::AddGlobalTestEnvironment(new PrivateHost);
constexpr const char* kCluster = "10.98.0.0/16";
constexpr const char* kBridge = "berth0";
constexpr const char* kOutside = "192.0.2.254";  ///< The switch's own address: somebody who is no host.
constexpr int kNoAnswer = 300;                   ///< Milliseconds that are enough to see that nothing comes.

void run(const std::vector<std::string>& command) {
  const auto done = run_child(command);
  EXPECT_TRUE(done.ok() && done->exit_code == 0)
      << command[0] << " " << command[1] << ": " << (done ? done->output : done.error().message());
}

std::string output(const std::vector<std::string>& command) {
  const auto done = run_child(command);
  return done ? done->output : done.error().message();
}

/// Host number n: 192.0.2.n at the switch, pods in 10.98.n.0/24.
class Host {
 public:
  Host(const std::filesystem::path& dir, int number, OverlayMode mode)
      : netns_(dir / ("host" + std::to_string(number))), port_("port" + std::to_string(number)) {
    address_ = "192.0.2." + std::to_string(number);
    config_.pod_cidr = "10.98." + std::to_string(number) + ".0/24";
    config_.cluster_cidr = kCluster;
    config_.mode = mode;
    config_.run_dir = dir / std::to_string(number) / "run";
    config_.state_dir = dir / std::to_string(number) / "state";
    auto here = Netlink::open();
    auto there = open_or_make_netns(netns_);
    EXPECT_TRUE(here.ok() && there.ok());
    VethPlan cable{"port" + std::to_string(number),
                   (*here->find_link("switch"))->index,
                   1500,
                   "eth0",
                   {0x02, 0, 0, 0, 0, static_cast<std::uint8_t>(number)},
                   there->fd.get()};
    EXPECT_TRUE(here->make_veth(cable).ok());
    const auto eth0 = (*there->netlink.find_link("eth0"))->index;
    EXPECT_TRUE(there->netlink.add_address(eth0, *IpAddress::parse(address_), 24).ok());
    EXPECT_TRUE(there->netlink.set_up(eth0).ok());
    EXPECT_TRUE(there->netlink.add_default_route(eth0, *IpAddress::parse(kOutside)).ok());
    restart();
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() {
    network_.reset();
    // The kernel takes namespaces down when it likes; the next test has a host of this name.
    static_cast<void>(Netlink::open()->delete_link(port_));
    ::umount2((config_.run_dir / "netns").c_str(), MNT_DETACH);
    static_cast<void>(remove_pin(netns_));
  }

  /// As the agent does at start, until it knows its peers.
  void restart() {
    inside(netns_, [&] {
      network_.reset();
      auto made = make_pod_network(config_);
      ASSERT_TRUE(made.ok()) << made.error().message();
      network_ = std::move(*made);
      const auto ready = network_->set_up_host();
      ASSERT_TRUE(ready.ok()) << ready.error().message();
    });
  }
  NetworkConfig& config() { return config_; }
  const std::string& netns() const { return netns_; }
  const std::string& address() const { return address_; }
  std::string gateway() const { return network_->gateway(); }
  PodNetwork& network() { return *network_; }
  Peer peer() const {
    return {"node" + address_.substr(address_.rfind('.') + 1), address_, config_.pod_cidr, network_->wireguard_key()};
  }

  Status set_peers(const std::vector<Peer>& peers) {
    Status done = Ok{};
    inside(netns_, [&] { done = network_->set_peers(peers); });
    return done;
  }
  Attachment attach(const std::string& name, std::vector<HostPort> ports = {}) {
    NetworkSpec spec;
    spec.pod_uid = "uid-" + name;
    spec.pod_ns = "default";
    spec.pod_name = name;
    spec.hostname = name;
    spec.host_ports = std::move(ports);
    Attachment got;
    inside(netns_, [&] {
      auto made = network_->attach(spec);
      EXPECT_TRUE(made.ok()) << made.error().message();
      got = made.value_or({});
    });
    return got;
  }
  void set_services(const ServiceRoutes& routes) {
    inside(netns_, [&] { EXPECT_TRUE(network_->set_services(routes).ok()); });
  }
  void set_policies(const PodPolicies& policies) {
    inside(netns_, [&] {
      const auto done = network_->set_policies(policies);
      EXPECT_TRUE(done.ok()) << done.error().message();
    });
  }
  void detach(const std::string& name) {
    inside(netns_, [&] { EXPECT_TRUE(network_->detach("uid-" + name).ok()); });
  }
  std::optional<Link> link(const std::string& name) {
    std::optional<Link> found;
    inside(netns_, [&] { found = *Netlink::open()->find_link(name); });
    return found;
  }
  unsigned mtu_of(const std::string& name) { return link(name).value_or(Link()).mtu; }
  std::string output_here(const std::vector<std::string>& command) {
    std::string said;
    inside(netns_, [&] { said = output(command); });
    return said;
  }

 private:
  NetworkConfig config_;
  std::string netns_;
  std::string port_;  ///< Of the switch.
  std::string address_;
  std::unique_ptr<PodNetwork> network_;
};

class Hosts : public ::testing::TestWithParam<OverlayMode> {
 protected:
  void SetUp() override {
    if (encrypted() && failed_with(WireGuard::open(), ErrorCode::Unimplemented)) GTEST_SKIP() << "no WireGuard here";
    auto netlink = Netlink::open();
    ASSERT_TRUE(netlink->make_bridge("switch", {0x02, 0, 0, 0, 0, 0xfe}).ok());
    const auto index = (*netlink->find_link("switch"))->index;
    ASSERT_TRUE(netlink->add_address(index, *IpAddress::parse(kOutside), 24).ok());
    ASSERT_TRUE(netlink->set_up(index).ok());
    for (const auto n : {1, 2}) add_host(n);
    know_each_other();
  }
  void TearDown() override {
    hosts_.clear();
    static_cast<void>(Netlink::open()->delete_link("switch"));
  }
  Host& add_host(int number) {
    return *hosts_.emplace(number, std::make_unique<Host>(dir_.path(), number, GetParam())).first->second;
  }
  Host& host(int number) { return *hosts_.at(number); }
  void know_each_other() {
    for (const auto& [number, host] : hosts_) {
      std::vector<Peer> others;
      for (const auto& [other, its] : hosts_) {
        if (other != number) others.push_back(its->peer());
      }
      const auto done = host->set_peers(others);
      ASSERT_TRUE(done.ok()) << done.error().message();
    }
  }
  /// By a link of its own, which makes packets smaller by `overhead()`.
  static bool tunnelled() { return GetParam() != OverlayMode::Routes; }
  static bool encrypted() { return GetParam() == OverlayMode::WireGuard; }
  static unsigned overhead() { return encrypted() ? kWireGuardOverhead : tunnelled() ? kVxlanOverhead : 0; }
  /// A host that is nowhere.
  static Peer stranger(const std::string& node, const std::string& address, const std::string& block) {
    WireGuardKey key{};
    key.fill(9);
    return {node, address, block, encrypted() ? text_of(key) : std::string()};
  }
  static const char* device() { return encrypted() ? "berth0-wg" : "berth0-vx"; }

  const TempDir dir_{"/dev/shm"};
  std::map<int, std::unique_ptr<Host>> hosts_;
};
INSTANTIATE_TEST_SUITE_P(Modes, Hosts,
                         ::testing::Values(OverlayMode::Vxlan, OverlayMode::Routes, OverlayMode::WireGuard),
                         [](const auto& info) {
                           switch (info.param) {
                             case OverlayMode::Vxlan: return "Vxlan";
                             case OverlayMode::Routes: return "Routes";
                             case OverlayMode::WireGuard: break;
                           }
                           return "WireGuard";
                         });

TEST_P(Hosts, PodsTalkAndKeepTheirAddresses) {
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto at_a = listen_in(a.netns_path, a.address, 80);
  const auto at_b = listen_in(b.netns_path, b.address, 80);
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
  EXPECT_EQ(next_client(at_b), a.address);
  EXPECT_EQ(reach(b.netns_path, a.address, 80), "");
  EXPECT_EQ(next_client(at_a), b.address);
  // From the other host itself, which has one of its pods' addresses then.
  EXPECT_EQ(reach(host(1).netns(), b.address, 80), "");
  EXPECT_EQ(next_client(at_b), host(1).gateway());
  // To the rest of the world a pod goes by its host's address.
  const auto outside = listen_in("", kOutside, 443);
  EXPECT_EQ(reach(a.netns_path, kOutside, 443), "");
  EXPECT_EQ(next_client(outside), host(1).address());
}

TEST_P(Hosts, APacketAsLargeAsAPodMaySendItArrives) {
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const std::size_t payload = 1500 - overhead() - 28;
  const auto from = udp_in(a.netns_path, a.address, 5000);
  const auto to = udp_in(b.netns_path, b.address, 5000);
  const int whole = IP_PMTUDISC_DO;
  ASSERT_EQ(::setsockopt(from.get(), IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof whole), 0);
  const auto address = socket_address(b.address, 5000);
  const auto send = [&](std::size_t size) {
    const std::string text(size, 'x');
    return ::sendto(from.get(), text.data(), size, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  };
  EXPECT_EQ(send(payload + 1), -1);
  EXPECT_EQ(send(payload), static_cast<ssize_t>(payload));
  pollfd wait{to.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 3000), 1);
  std::string got(2000, ' ');
  EXPECT_EQ(::recv(to.get(), got.data(), got.size(), 0), static_cast<ssize_t>(payload));
}

TEST_P(Hosts, TheBridgeKeepsItsMtuWhenItsLastPodLeaves) {
  for (const auto uplink : {1500U, 1400U, 1500U}) {
    const auto wanted = uplink - overhead();
    host(1).output_here({"ip", "link", "set", "eth0", "mtu", std::to_string(uplink)});
    host(1).restart();
    for (const auto* pod : {"first", "second"}) {
      const auto attached = host(1).attach(pod);
      EXPECT_EQ(host(1).mtu_of(kBridge), wanted);
      inside(attached.netns_path, [&] { EXPECT_EQ((*Netlink::open()->find_link("eth0"))->mtu, wanted); });
      host(1).detach(pod);
      EXPECT_EQ(host(1).mtu_of(kBridge), wanted) << "without pods";
    }
    ASSERT_TRUE(host(1).set_peers({host(2).peer()}).ok());
    if (tunnelled()) EXPECT_EQ(host(1).mtu_of(device()), wanted);
  }
}

TEST_P(Hosts, ABridgeThatWasMadeWithItsMtuKeepsItToo) {
  const auto wanted = 1400 - overhead();
  host(1).output_here({"ip", "link", "delete", kBridge});
  host(1).output_here({"ip", "link", "set", "eth0", "mtu", "1400"});
  host(1).output_here(
      {"ip", "link", "add", kBridge, "address", "0a:58:0a:62:01:01", "mtu", std::to_string(wanted), "type", "bridge"});
  host(1).restart();
  host(1).attach("a");
  host(1).detach("a");
  EXPECT_EQ(host(1).mtu_of(kBridge), wanted);
}

TEST_P(Hosts, AnAddressThatNoPacketLeavesByDoesNotTellTheMtu) {
  host(1).output_here({"ip", "address", "add", "192.0.2.33/32", "dev", "lo"});
  host(1).config().node_address = "192.0.2.33";
  host(1).restart();
  EXPECT_EQ(host(1).mtu_of(kBridge), 1500U - overhead());
}

TEST_P(Hosts, AHostThatIsGoneIsRefusedAtOnceAndNeverByTheDefaultRoute) {
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto at_b = listen_in(b.netns_path, b.address, 80);
  ASSERT_EQ(reach(a.netns_path, b.address, 80), "");
  ASSERT_TRUE(host(1).set_peers({}).ok());
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "No route to host");
  EXPECT_EQ(reach(a.netns_path, "10.98.77.7", 80), "No route to host");
  if (tunnelled()) {
    EXPECT_EQ(host(1).output_here({"bridge", "fdb", "show", "dev", device()}).find("dst"), std::string::npos);
    EXPECT_EQ(host(1).output_here({"ip", "neigh", "show", "dev", device()}).find("PERMANENT"), std::string::npos);
  }
  ASSERT_TRUE(host(1).set_peers({host(2).peer()}).ok());
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
}

TEST_P(Hosts, ARestartKeepsConnectionsAndThenForgetsWhoIsGone) {
  auto& third = add_host(3);
  know_each_other();
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto c = third.attach("c");
  const auto at_b = listen_in(b.netns_path, b.address, 80);
  const auto at_c = listen_in(c.netns_path, c.address, 80);
  UniqueFd open;
  ASSERT_EQ(connect_from(a.netns_path, b.address, 80, open), "");
  host(1).restart();
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "") << "what the earlier agent left";
  EXPECT_EQ(reach(b.netns_path, host(1).attach("a").address, 81), "Connection refused");
  ASSERT_TRUE(host(1).set_peers({host(2).peer()}).ok());
  EXPECT_EQ(reach(a.netns_path, c.address, 80), "No route to host");
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
  const UniqueFd served(::accept4(at_b.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_EQ(::send(open.get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(next_datagram(served, 3000), "x");
}

TEST_P(Hosts, WhatSomebodyTookAwayIsPutBack) {
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto at_b = listen_in(b.netns_path, b.address, 80);
  ASSERT_EQ(reach(a.netns_path, b.address, 80), "");
  if (tunnelled()) {  // The link, and with it all that leads there: seen when something changes.
    host(1).output_here({"ip", "link", "delete", device()});
    ASSERT_TRUE(host(1).set_peers({host(2).peer(), stranger("node9", "192.0.2.9", "10.98.9.0/24")}).ok());
    EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
  } else {
    ASSERT_TRUE(host(1).set_peers({host(2).peer(), stranger("node9", "192.0.2.9", "10.98.9.0/24")}).ok());
  }
  // The bridge, and with it the routes that start from its address: made again for the next pod.
  host(1).output_here({"ip", "link", "delete", kBridge});
  EXPECT_EQ(host(1).attach("a").address, a.address);
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
  // The table: seen when a host comes or goes.
  inside(host(1).netns(), [] { run({"nft", "flush", "ruleset"}); });
  ASSERT_TRUE(host(1).set_peers({host(2).peer()}).ok());
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
  EXPECT_EQ(reach(b.netns_path, a.address, 81), "Connection refused");
}

TEST_P(Hosts, BeforeItKnowsAnyHostNoPacketToOneLeavesByTheDefaultRoute) {
  auto& third = add_host(3);  // Knows nobody yet.
  const auto c = third.attach("c");
  EXPECT_EQ(reach(c.netns_path, "10.98.1.2", 80), "No route to host");
  EXPECT_EQ(reach(third.netns(), "10.98.1.2", 80), "No route to host");
}

TEST_P(Hosts, RoutesThatSomebodyTookAwayAreBackWithinSeconds) {
  const FirewallPlan plan{.bridge = kBridge,
                          .pods = *Cidr::parse("10.98.1.0/24"),
                          .gateway = *IpAddress::parse("10.98.1.1"),
                          .dns = {},
                          .cluster = ClusterPlan{*Cidr::parse(kCluster), GetParam()}};
  const auto routes = [&] { return host(1).output_here({"ip", "route", "show", "proto", "190"}); };
  inside(host(1).netns(), [&] {
    Overlay overlay(plan, [] { return "192.0.2.1"; });
    ASSERT_TRUE(overlay.keep(std::chrono::steady_clock::now() + Overlay::kCheckInterval).ok());
    ASSERT_TRUE(overlay.set({host(2).peer()}).ok());
    const auto before = routes();
    EXPECT_NE(before.find("10.98.2.0/24"), std::string::npos) << before;
    run({"ip", "route", "flush", "proto", "190"});
    const auto now = std::chrono::steady_clock::now();
    ASSERT_TRUE(overlay.keep(now).ok());
    EXPECT_EQ(routes(), "");
    ASSERT_TRUE(overlay.keep(now + Overlay::kCheckInterval).ok());
    EXPECT_EQ(routes(), before);
    // And so is the MTU.
    ASSERT_TRUE(overlay.repair(1400).ok());
    run({"ip", "link", "set", kBridge, "mtu", "1500"});
    if (tunnelled()) run({"ip", "link", "set", device(), "mtu", "1500"});
    ASSERT_TRUE(overlay.keep(std::chrono::steady_clock::now() + Overlay::kCheckInterval).ok());
  });
  EXPECT_EQ(host(1).mtu_of(kBridge), 1400U);
  if (tunnelled()) EXPECT_EQ(host(1).mtu_of(device()), 1400U);
}

TEST_P(Hosts, AHostThatMovesTakesItsPodsAlong) {
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto at_b = listen_in(b.netns_path, b.address, 80);
  ASSERT_EQ(reach(a.netns_path, b.address, 80), "");
  auto moved = host(2).peer();
  moved.address = "192.0.2.22";
  host(2).output_here({"ip", "address", "add", "192.0.2.22/24", "dev", "eth0"});
  host(2).config().node_address = moved.address;
  host(2).restart();
  ASSERT_TRUE(host(2).set_peers({host(1).peer()}).ok());
  ASSERT_TRUE(host(1).set_peers({moved}).ok());
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
  EXPECT_EQ(next_client(at_b), a.address);
}

TEST_P(Hosts, PeersThatCannotBeAreNamedAndTheOthersAreReached) {
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto at_b = listen_in(b.netns_path, b.address, 80);
  const auto done = host(1).set_peers({{"liar", "192.0.2.7", "10.98.1.128/25"}, host(2).peer()});
  ASSERT_TRUE(failed_with(done, ErrorCode::InvalidArgument));
  EXPECT_NE(done.error().message().find("node liar"), std::string::npos);
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
}

TEST_P(Hosts, AHostThatLeavesTheClusterKeepsNothingOfIt) {
  host(1).config().cluster_cidr.clear();
  host(1).restart();
  const auto routes = host(1).output_here({"ip", "route"});
  EXPECT_EQ(routes.find("10.98.2.0"), std::string::npos) << routes;
  EXPECT_EQ(routes.find("unreachable"), std::string::npos) << routes;
  EXPECT_EQ(host(1).output_here({"ip", "-o", "link"}).find(device()), std::string::npos);
  EXPECT_EQ(host(1).mtu_of(kBridge), 1500U);
}

TEST_P(Hosts, AHostThatLeavesTheClusterAndItsBlockFindsItsNewPods) {
  const auto before = host(1).attach("a");
  auto& config = host(1).config();
  config.cluster_cidr.clear();
  config.pod_cidr = "10.98.2.0/24";  // The second host's, until now behind a route.
  host(1).restart();
  const auto left = host(1).output_here({"ip", "route"}) + host(1).output_here({"ip", "address"});
  for (const auto* trace : {"proto 190", "10.98.1.1", device()}) EXPECT_EQ(left.find(trace), std::string::npos) << left;
  const auto a = host(1).attach("a");
  EXPECT_EQ(a.address.substr(0, 8), "10.98.2.");
  const auto at_a = listen_in(a.netns_path, a.address, 80);
  EXPECT_EQ(reach(host(1).netns(), a.address, 80), "");
  // The pod itself has nothing of the old block either.
  EXPECT_EQ(reach(a.netns_path, kOutside, 81), "Connection refused");
  inside(a.netns_path, [&] {
    const auto has = output({"ip", "address"}) + output({"ip", "route"});
    EXPECT_EQ(has.find("10.98.1."), std::string::npos) << has;
  });
}

TEST_P(Hosts, AHostThatGetsAnotherBlockKeepsNothingOfTheOldAndTakesNothingOfAnotherAgent) {
  auto neighbour = host(1).config();
  neighbour.bridge = "berth1";
  neighbour.pod_cidr = "10.97.1.0/24";
  neighbour.cluster_cidr = "10.97.0.0/16";
  neighbour.run_dir = dir_.path() / "neighbour" / "run";
  neighbour.state_dir = dir_.path() / "neighbour" / "state";
  inside(host(1).netns(), [&] {
    auto made = make_pod_network(neighbour);
    ASSERT_TRUE(made.ok());
    ASSERT_TRUE((*made)->set_up_host().ok());
    ASSERT_TRUE((*made)->set_peers({{"two", host(2).address(), "10.97.2.0/24"}}).ok());
  });
  const auto neighbours = [&] {
    return host(1).output_here({"ip", "route", "show", "src", "10.97.1.1"}) +
           host(1).output_here({"ip", "-4", "address", "show", "dev", "berth1"});
  };
  const auto its = neighbours();
  EXPECT_NE(its.find("10.97.2.0/24"), std::string::npos) << its;

  host(1).config().pod_cidr = "10.98.9.0/24";
  host(1).restart();
  know_each_other();
  const auto left = host(1).output_here({"ip", "route"}) + host(1).output_here({"ip", "address"});
  EXPECT_EQ(left.find("10.98.1."), std::string::npos) << left;
  EXPECT_EQ(neighbours(), its);
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto at_b = listen_in(b.netns_path, b.address, 80);
  EXPECT_EQ(reach(a.netns_path, b.address, 80), "");
  EXPECT_EQ(next_client(at_b), a.address);
  host(1).config().cluster_cidr.clear();
  host(1).restart();
  EXPECT_EQ(neighbours(), its);
  ::umount2((neighbour.run_dir / "netns").c_str(), MNT_DETACH);
}

TEST_P(Hosts, ALinkOfTheTunnelsNameThatIsSomebodyElsesStays) {
  host(1).output_here({"ip", "link", "delete", device()});
  host(1).output_here({"ip", "link", "add", device(), "type", "bridge"});
  host(1).restart();
  const auto done = host(1).set_peers({host(2).peer()});
  if (tunnelled()) EXPECT_TRUE(failed_with(done, ErrorCode::FailedPrecondition));
  host(1).config().cluster_cidr.clear();
  host(1).restart();
  EXPECT_TRUE(host(1).link(device()));
  // Ours goes also when it is all that is left.
  host(1).output_here({"ip", "link", "delete", device()});
  if (encrypted()) {
    host(1).output_here({"ip", "link", "add", device(), "type", "wireguard"});
  } else {
    host(1).output_here({"ip", "link", "add", device(), "address", "0a:58:0a:62:01:00", "type", "vxlan", "id", "680448",
                         "dstport", "4789"});
  }
  EXPECT_TRUE(host(1).link(device()));
  host(1).restart();
  EXPECT_FALSE(host(1).link(device()));
}

ServiceRoutes service_at(const std::string& backend) {
  ServiceRoute route{.cluster_ip = "10.96.0.9"};
  route.ports.push_back({"tcp", 80, 30080, 0, {{backend, 8080}}, {{backend, 8080}}});
  return {{"default/web", std::make_shared<const ServiceRoute>(route)}};
}

TEST_P(Hosts, AServiceIsReachedWhereverItsPodIs) {
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto at_b = listen_in(b.netns_path, b.address, 8080);
  for (const auto n : {1, 2}) host(n).set_services(service_at(b.address));
  // Its address: a pod keeps its own.
  EXPECT_EQ(reach(a.netns_path, "10.96.0.9", 80), "");
  EXPECT_EQ(next_client(at_b), a.address);
  EXPECT_EQ(reach(host(1).netns(), "10.96.0.9", 80), "");
  EXPECT_EQ(next_client(at_b), host(1).gateway());
  // A port of a host where the pod is not: the answer comes back by that host.
  EXPECT_EQ(reach("", host(1).address(), 30080), "");
  EXPECT_EQ(next_client(at_b), host(1).gateway());
  EXPECT_EQ(reach(host(1).netns(), host(1).address(), 30080), "");
  EXPECT_EQ(next_client(at_b), host(1).gateway());
  if (tunnelled()) {
    EXPECT_EQ(reach(host(1).netns(), "127.0.0.1", 30080), "");
    EXPECT_EQ(next_client(at_b), host(1).gateway());
  }
  // And where it is.
  EXPECT_EQ(reach("", host(2).address(), 30080), "");
  EXPECT_EQ(next_client(at_b), kOutside);
  // From pods, by any host.
  EXPECT_EQ(reach(a.netns_path, host(1).address(), 30080), "");
  EXPECT_EQ(next_client(at_b), a.address);
  EXPECT_EQ(reach(a.netns_path, host(2).address(), 30080), "");
  EXPECT_EQ(next_client(at_b), host(1).address());
  EXPECT_EQ(reach(b.netns_path, host(1).address(), 30080), "") << "out and back again";
}

TEST_P(Hosts, AHostPortIsReachedFromPodsOfOtherHosts) {
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b", {{8080, 80, "TCP", ""}});
  const auto at_b = listen_in(b.netns_path, b.address, 80);
  EXPECT_EQ(reach(a.netns_path, host(2).address(), 8080), "");
  EXPECT_EQ(next_client(at_b), host(1).address());
}

PodPolicies only_from(const std::string& closed, const std::string& friend_of_it) {
  PodPolicies policies;
  policies.peers["friends"] = std::make_shared<const PodPolicies::Elements>(PodPolicies::Elements{friend_of_it});
  policies.chains["np/default/web"] = std::make_shared<const PolicyChain>(
      PolicyChain{true, {{.everybody = false, .peers = {"friends"}, .every_port = true}}});
  if (!closed.empty())
    policies.pods[closed] = std::make_shared<const PolicedPod>(PolicedPod{.ingress = {{"np/default/web"}}});
  return policies;
}

TEST_P(Hosts, APolicyKnowsPodsOfOtherHostsByTheirAddressWhichNobodyElseCanHave) {
  const auto known = host(1).attach("friend");
  const auto other = host(1).attach("other");
  const auto b = host(2).attach("b");
  const auto at_b = udp_in(b.netns_path, b.address, 5000);
  const auto tcp_b = listen_in(b.netns_path, b.address, 80);
  host(1).set_policies(only_from("", known.address));
  host(2).set_policies(only_from(b.address, known.address));
  EXPECT_EQ(reach(known.netns_path, b.address, 80), "");
  EXPECT_EQ(reach(other.netns_path, b.address, 80, kNoAnswer), "no answer");
  EXPECT_EQ(reach(host(2).netns(), b.address, 80), "");
  // A pod of its host says that it is the friend.
  inside(other.netns_path, [&] { run({"ip", "address", "add", known.address + "/32", "dev", "eth0"}); });
  send_datagram(udp_in(other.netns_path, known.address, 5000), b.address, 5000, "a lie");
  EXPECT_EQ(next_datagram(at_b, kNoAnswer), "");
  send_datagram(udp_in(known.netns_path, known.address, 5000), b.address, 5000, "true");
  EXPECT_EQ(next_datagram(at_b), "true");
  // Without policies anywhere there are no tables for them.
  host(1).set_policies({});
  EXPECT_EQ(host(1).output_here({"nft", "list", "tables"}).find("policies"), std::string::npos);
}

TEST_P(Hosts, NobodySpeaksInTheNameOfAPodOfAnotherHost) {
  auto& third = add_host(3);
  know_each_other();
  const auto a = host(1).attach("a");
  const auto b = host(2).attach("b");
  const auto c = third.attach("c");
  const auto at_c = udp_in(c.netns_path, c.address, 5000);
  // A pod of the first host says that it is one of the second.
  inside(a.netns_path, [&] { run({"ip", "address", "add", b.address + "/32", "dev", "eth0"}); });
  send_datagram(udp_in(a.netns_path, b.address, 5000), c.address, 5000, "a lie");
  EXPECT_EQ(next_datagram(at_c, kNoAnswer), "");
  // Somebody at the same wire says it, and has a route to pods.
  run({"ip", "address", "add", "10.98.77.7/32", "dev", "switch"});
  run({"ip", "route", "add", "10.98.3.0/24", "via", third.address()});
  send_datagram(udp_in("", "10.98.77.7", 5000), c.address, 5000, "a lie");
  EXPECT_EQ(next_datagram(at_c, kNoAnswer), "");
  EXPECT_EQ(reach("", c.address, 80, kNoAnswer), "no answer");
  // The gateway's address answers, and does not listen, to others.
  const auto secret = listen_in(third.netns(), third.gateway(), 6550);
  EXPECT_EQ(reach("", third.gateway(), 6550, kNoAnswer), "no answer");
  EXPECT_EQ(reach(a.netns_path, third.gateway(), 6550, kNoAnswer), "no answer");
  EXPECT_EQ(reach(c.netns_path, third.gateway(), 6550), "");
  run({"ip", "address", "delete", "10.98.77.7/32", "dev", "switch"});
}

/// A datagram from pod to pod as VXLAN carries it.
std::string tunnelled_datagram(const std::string& from, const std::string& to, const std::string& text) {
  const auto source = *IpAddress::parse(from);
  const auto target = *IpAddress::parse(to);
  std::string out;
  const auto put = [&](auto bytes) { out.append(bytes.begin(), bytes.end()); };
  const auto number = [&](unsigned value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xffU);
  };
  number(0x08000000, 4);
  number(vxlan_id(*Cidr::parse(kCluster)) << 8U, 4);
  put(mac_of(Cidr::around(target, 24).base));
  put(mac_of(Cidr::around(source, 24).base));
  number(0x0800, 2);
  const auto header = out.size();
  number(0x45000000U | static_cast<unsigned>(28 + text.size()), 4);
  number(0, 4);
  number(0x40110000, 4);
  put(source.bytes());
  put(target.bytes());
  unsigned sum = 0;
  for (std::size_t i = header; i < out.size(); i += 2)
    sum += static_cast<unsigned>(static_cast<unsigned char>(out[i])) << 8U | static_cast<unsigned char>(out[i + 1]);
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = ~(sum + (sum >> 16U)) & 0xffffU;
  out[header + 10] = static_cast<char>(sum >> 8U);
  out[header + 11] = static_cast<char>(sum & 0xffU);
  number(5000U << 16U | 5000U, 4);
  number(static_cast<unsigned>(8 + text.size()) << 16U, 4);
  return out + text;
}

TEST_P(Hosts, AStrangersTunnelIsNotListenedTo) {
  if (GetParam() != OverlayMode::Vxlan) GTEST_SKIP() << "no tunnel that anybody could write to";
  const auto b = host(2).attach("b");
  const auto at_b = udp_in(b.netns_path, b.address, 5000);
  const auto stranger = udp_in("", kOutside, 4789);
  const auto lie = tunnelled_datagram("10.98.1.2", b.address, "a lie");
  send_datagram(stranger, host(2).address(), 4789, lie);
  EXPECT_EQ(next_datagram(at_b, kNoAnswer), "");
  // Nothing else was wrong with it: the same from a host that we know is taken.
  ASSERT_TRUE(host(2).set_peers({host(1).peer(), {"node77", kOutside, "10.98.77.0/24"}}).ok());
  send_datagram(stranger, host(2).address(), 4789, lie);
  EXPECT_EQ(next_datagram(at_b), "a lie");
  // Over a restart, too.
  host(2).restart();
  send_datagram(stranger, host(2).address(), 4789, lie);
  EXPECT_EQ(next_datagram(at_b), "a lie");
  ASSERT_TRUE(host(2).set_peers({host(1).peer()}).ok());
  send_datagram(stranger, host(2).address(), 4789, lie);
  EXPECT_EQ(next_datagram(at_b, kNoAnswer), "");
}

TEST_P(Hosts, ABlockOfTheClusterThatIsSomebodyElsesIsToldAtStart) {
  host(1).output_here({"ip", "route", "add", "10.98.44.0/24", "via", kOutside});
  inside(host(1).netns(), [&] {
    const auto again = make_pod_network(host(1).config());
    ASSERT_TRUE(again.ok());
    const auto done = (*again)->set_up_host();
    ASSERT_TRUE(failed_with(done, ErrorCode::FailedPrecondition));
    EXPECT_NE(done.error().message().find("10.98.44.0/24"), std::string::npos) << done.error().message();
  });
}

}  // namespace
}  // namespace berth::network
