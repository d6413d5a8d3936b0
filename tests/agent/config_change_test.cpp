// tests/agent/config_change_test.cpp - what a configuration that is read again changes, now or after a restart.
#include "agent/config_change.hpp"

#include <gtest/gtest.h>

namespace berth::agent {
namespace {

Config config(const std::string& text) {
  auto read = parse_config(text, "berthd.yaml");
  EXPECT_TRUE(read) << read.error().message();
  return read ? *read : Config{};
}
using Keys = std::vector<std::string>;

TEST(ConfigChangeTest, TheSameIsNoChange) {
  const auto text = "nodeLabels: {a: b}\napi: {tls: {names: [x.example]}}\nsources: [{url: 'https://x', interval: 5m}]";
  const auto change = compare(config(text), config(text));
  EXPECT_EQ(change.live, Keys{});
  EXPECT_EQ(change.restart, Keys{});
}

TEST(ConfigChangeTest, NamesEachKey) {
  const std::vector<std::pair<std::string, std::string>> live{
      {"nodeLabels", "nodeLabels: {a: b}"},
      {"nodeTaints", "nodeTaints: [{key: a, effect: NoExecute}]"},
      {"sources", "sources: [{directory: /x}]"},
      {"sources", "sources: [{directory: /etc/berth/manifests, interval: 1s}]"},
      {"logLevel", "logLevel: debug"}};
  for (const auto& [key, text] : live) {
    const auto change = compare(config(""), config(text));
    EXPECT_EQ(change.live, Keys{key}) << text;
    EXPECT_EQ(change.restart, Keys{}) << text;
  }
  const std::vector<std::pair<std::string, std::string>> restart{
      {"nodeName", "nodeName: other"},
      {"stateDir", "stateDir: /x"},
      {"runDir", "runDir: /x"},
      {"containerd.address", "containerd: {address: /x}"},
      {"containerd.namespace", "containerd: {namespace: x}"},
      {"containerd.runtime", "containerd: {runtime: x}"},
      {"network.bridge", "network: {bridge: x}"},
      {"network.podCIDR", "network: {podCIDR: x}"},
      {"network.mode", "network: {mode: routes}"},
      {"network.nodeAddress", "network: {nodeAddress: 10.0.0.1}"},
      {"network.serviceCIDR", "network: {serviceCIDR: 10.80.0.0/16}"},
      {"network.clusterDomain", "network: {clusterDomain: x}"},
      {"dns.listen", "dns: {listen: [x]}"},
      {"dns.port", "dns: {port: 54}"},
      {"dns.upstreams", "dns: {upstreams: [x]}"},
      {"dns.holdMilliseconds", "dns: {holdMilliseconds: 0}"},
      {"api.socket", "api: {socket: /x}"},
      {"api.tls", "api: {tls: {}}"},
      {"logs", "logs: {directory: /x}"},
      {"logs", "logs: {links: ''}"},
      {"shutdownGracePeriod", "shutdownGracePeriod: 5m"},
      {"shutdownGracePeriodCriticalPods", "shutdownGracePeriodCriticalPods: 5s"}};
  for (const auto& [key, text] : restart) {
    const auto change = compare(config(""), config(text));
    EXPECT_EQ(change.live, Keys{}) << text;
    EXPECT_EQ(change.restart, Keys{key}) << text;
  }
  const std::string etcd = "store: {etcd: {endpoints: [\"http://a:1\"]}}\nnetwork: ";
  EXPECT_EQ(compare(config(etcd + "{}"), config(etcd + "{clusterCIDR: 10.80.0.0/16}")).restart,
            Keys{"network.clusterCIDR"});
  EXPECT_EQ(compare(config("api: {tls: {}}"), config("api: {tls: {listen: '127.0.0.1:1'}}")).restart, Keys{"api.tls"});
  EXPECT_EQ(
      compare(config("api: {tls: {}}"),
              config("{api: {tls: {}}, cluster: {advertise: '127.0.0.1:6550', caFile: /a, certFile: /c, keyFile: /k}}"))
          .restart,
      (Keys{"network.nodeAddress", "cluster"}));
}

TEST(ConfigChangeTest, WhatIsTakenIsWhatIsLive) {
  auto running = config("");
  const auto wanted = config(
      "nodeName: other\nnodeLabels: {a: b}\nnodeTaints: [{key: a, effect: NoExecute}]\n"
      "sources: [{directory: /x}]\nlogLevel: error\nstateDir: /y\n");
  take_live(running, wanted);
  const auto left = compare(running, wanted);
  EXPECT_EQ(left.live, Keys{});
  EXPECT_EQ(left.restart, (Keys{"nodeName", "stateDir"})) << "said again by the next reload";
}

}  // namespace
}  // namespace berth::agent
