// tests/contracts/network_contract.hpp - what every PodNetwork keeps, the fake and the real one.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "network/pod_network.hpp"

namespace berth::network {

/// A PodNetwork with room for exactly five pods, fresh for each test.
struct NetworkSubject {
  std::shared_ptr<void> keep;  ///< Whatever has to outlive it, such as a temporary directory.
  std::unique_ptr<PodNetwork> network;
};
using MakeNetwork = std::function<NetworkSubject()>;

class NetworkContract : public ::testing::TestWithParam<MakeNetwork> {
 protected:
  void SetUp() override {
    subject_ = GetParam()();
    ASSERT_NE(subject_.network, nullptr);
    const auto ready = network().set_up_host();
    ASSERT_TRUE(ready.ok()) << ready.error().message();
  }
  void TearDown() override {
    if (!subject_.network) return;
    const auto uids = network().attached_pods();
    if (!uids) return;
    for (const auto& uid : *uids) EXPECT_TRUE(network().detach(uid).ok());
  }

  PodNetwork& network() { return *subject_.network; }
  static NetworkSpec pod(const std::string& name) {
    NetworkSpec spec;
    spec.pod_uid = "uid-" + name;
    spec.pod_ns = "default";
    spec.pod_name = name;
    spec.hostname = name;
    return spec;
  }
  std::vector<std::string> attached() { return network().attached_pods().value_or({"attached_pods failed"}); }

  NetworkSubject subject_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NetworkContract);

TEST_P(NetworkContract, SettingUpTheHostTwiceSucceeds) { EXPECT_TRUE(network().set_up_host().ok()); }

TEST_P(NetworkContract, AnAttachedPodIsObservedWithWhatAttachSaid) {
  const auto made = network().attach(pod("web-0"));
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_FALSE(made->netns_path.empty());
  EXPECT_FALSE(made->hosts_file.empty() || made->hostname_file.empty() || made->resolv_conf_file.empty());
  EXPECT_NE(made->address, network().gateway());
  const auto seen = network().observe("uid-web-0");
  ASSERT_TRUE(seen.ok() && seen->has_value());
  EXPECT_EQ((*seen)->address, made->address);
  EXPECT_EQ((*seen)->netns_path, made->netns_path);
  EXPECT_EQ((*seen)->resolv_conf_file, made->resolv_conf_file);
  EXPECT_EQ(attached(), std::vector<std::string>{"uid-web-0"});
}

TEST_P(NetworkContract, AttachingTwiceGivesTheSameAddress) {
  const auto first = network().attach(pod("web-0"));
  const auto other = network().attach(pod("web-1"));
  const auto again = network().attach(pod("web-0"));
  ASSERT_TRUE(first.ok() && other.ok() && again.ok());
  EXPECT_EQ(first->address, again->address);
  EXPECT_NE(first->address, other->address);
}

TEST_P(NetworkContract, ADetachedPodLeavesNothingAndDetachingTwiceSucceeds) {
  ASSERT_TRUE(network().attach(pod("web-0")).ok());
  EXPECT_TRUE(network().detach("uid-web-0").ok());
  EXPECT_TRUE(attached().empty());
  const auto seen = network().observe("uid-web-0");
  EXPECT_TRUE(seen.ok() && !seen->has_value());
  EXPECT_TRUE(network().detach("uid-web-0").ok());
  EXPECT_TRUE(network().detach("uid-never-seen").ok());
}

TEST_P(NetworkContract, AFreedAddressIsNotGivenToTheNextPod) {
  const auto first = network().attach(pod("web-0"));
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(network().detach("uid-web-0").ok());
  const auto next = network().attach(pod("web-1"));
  ASSERT_TRUE(next.ok());
  EXPECT_NE(first->address, next->address);
}

TEST_P(NetworkContract, WhenAddressesRunOutTheNextPodIsRefusedAndLeavesNoTrace) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(network().attach(pod("web-" + std::to_string(i))).ok());
  EXPECT_TRUE(failed_with(network().attach(pod("late")), ErrorCode::ResourceExhausted));
  EXPECT_EQ(attached().size(), 5U);
  ASSERT_TRUE(network().detach("uid-web-3").ok());
  EXPECT_TRUE(network().attach(pod("late")).ok());
}

TEST_P(NetworkContract, AHostPortIsRefusedNamingItsPodAndFreedByDetach) {
  auto first = pod("web-0");
  first.host_ports = {{8080, 80, "TCP", ""}};
  auto second = pod("web-1");
  second.host_ports = {{8080, 81, "TCP", "127.0.0.1"}};
  auto other_protocol = pod("dns");
  other_protocol.host_ports = {{8080, 53, "UDP", ""}};
  ASSERT_TRUE(network().attach(first).ok());
  const auto refused = network().attach(second);
  ASSERT_TRUE(failed_with(refused, ErrorCode::FailedPrecondition));
  EXPECT_NE(refused.error().message().find("default/web-0"), std::string::npos) << refused.error().message();
  EXPECT_TRUE(network().attach(first).ok());
  EXPECT_TRUE(network().attach(other_protocol).ok());
  const auto uids = attached();
  EXPECT_EQ(std::count(uids.begin(), uids.end(), "uid-web-1"), 0);
  ASSERT_TRUE(network().detach("uid-web-0").ok());
  EXPECT_TRUE(network().attach(second).ok());
}

TEST_P(NetworkContract, APodOnTheHostsNetworkHasTheHostsAddressAndNoNamespace) {
  auto spec = pod("agent");
  spec.host_network = true;
  const auto made = network().attach(spec);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_TRUE(made->netns_path.empty());
  EXPECT_EQ(made->address, network().host_address());
  const auto seen = network().observe(spec.pod_uid);
  ASSERT_TRUE(seen.ok() && seen->has_value());
  EXPECT_TRUE((*seen)->netns_path.empty());
  EXPECT_EQ(attached().size(), 1U);
  EXPECT_TRUE(network().detach(spec.pod_uid).ok());
  EXPECT_TRUE(attached().empty());
}

TEST_P(NetworkContract, ABadUidOrHostnameIsRefused) {
  auto spec = pod("web-0");
  spec.pod_uid = "../escape";
  EXPECT_TRUE(failed_with(network().attach(spec), ErrorCode::InvalidArgument));
  spec = pod("web-0");
  spec.hostname = std::string(64, 'x');
  EXPECT_TRUE(failed_with(network().attach(spec), ErrorCode::InvalidArgument));
  EXPECT_TRUE(attached().empty());
}

}  // namespace berth::network
