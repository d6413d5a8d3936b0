// tests/agent/first_objects_test.cpp - namespaces and the Node reach a store that is late, refuses, or loses races.
#include "agent/first_objects.hpp"

#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/api_service.hpp"
#include "agent/node/node_reporter.hpp"
#include "agent/node/silence_plan.hpp"
#include "tests/fakes/manual_clock.hpp"
#include "tests/fakes/slow_store.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// The start of an agent, as far as what every host has is concerned.
class FirstObjectsTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  void start(store::SlowStoreOptions options) {
    options.seed = GetParam();
    store = std::make_unique<store::SlowStore>(options);
    writer = std::make_unique<StoreWriter>(loop, *store, clock);
    first = std::make_unique<FirstObjects>(loop, *store, *writer, clock, config, nullptr, std::chrono::milliseconds(1));
    node = std::make_unique<NodeReporter>(loop, *writer, clock, config.node_name, "/", Heartbeat::Written,
                                          std::chrono::milliseconds(1));
    first->write("10.0.0.1");
    node->begin();
  }
  /// Until `condition` holds, or it is clear that it never will.
  template <typename Condition>
  bool eventually(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      if (loop.poll() + store->step() == 0) std::this_thread::yield();
    }
    return condition();
  }
  bool has(Kind kind, const std::string& name) const { return store->get({kind, "", name}) != nullptr; }
  std::string runtime_version() const {
    const auto stored = store->get({Kind::Node, "", config.node_name});
    return stored
               ? std::string(find_string(json::value(stored->raw), {"status", "nodeInfo", "containerRuntimeVersion"}))
               : "";
  }

  Loop loop;
  ManualClock clock;
  Config config = [] {
    Config with_name;
    with_name.node_name = "host";
    return with_name;
  }();
  std::unique_ptr<store::SlowStore> store;
  std::unique_ptr<StoreWriter> writer;
  std::unique_ptr<FirstObjects> first;
  std::unique_ptr<NodeReporter> node;
};
INSTANTIATE_TEST_SUITE_P(Seeds, FirstObjectsTest, testing::Range<std::uint64_t>(1, 21));

TEST_P(FirstObjectsTest, WhatContainerdSaysBeforeTheNodeIsStoredIsNotLost) {
  start({.aborted = 0.2});
  node->on_runtime("", "containerd://1.6.20");
  EXPECT_TRUE(eventually([&] { return runtime_version() == "containerd://1.6.20"; })) << runtime_version();
}

TEST_P(FirstObjectsTest, WhoIsSaidToBeSilentPutsThatRight) {
  start({.aborted = 0.2});
  ASSERT_TRUE(eventually([&] { return has(Kind::Node, config.node_name); }));
  const model::ObjectKey key{Kind::Node, "", config.node_name};
  const auto is_silent = [&] { return is_marked_silent(store->get(key)->raw); };
  // Until the start's own report, and those that follow a lost race, are written: it shall not be they who cure it.
  int quiet = 0;
  ASSERT_TRUE(eventually([&] {
    quiet = loop.poll() + store->step() == 0 ? quiet + 1 : 0;
    return quiet > 5'000;
  }));
  model::ObjectPtr told;
  ASSERT_TRUE(eventually([&] {
    if (told != nullptr) return true;
    auto raw = store->truth(key)->raw;
    mark_silent(raw, clock.wall());
    store::Txn txn;
    txn.writes.push_back(store::Write::put(*model::make_object(std::move(raw))));
    EXPECT_TRUE(store->elsewhere(std::move(txn)).ok());
    store->settle();
    if (is_silent()) told = store->get(key);
    return told != nullptr;
  }));
  node->on_node(*told, /*is_new=*/false);
  EXPECT_TRUE(eventually([&] { return !is_silent(); }));
}

TEST_P(FirstObjectsTest, TheNewestReportIsWrittenLast) {
  start({.aborted = 0.4});
  ASSERT_TRUE(eventually([&] { return has(Kind::Node, config.node_name); }));
  for (const auto* version : {"containerd://1.6.20", "containerd://1.6.21", "containerd://1.6.22"}) {
    node->on_runtime("", version);
    loop.poll();
    store->step();
  }
  EXPECT_TRUE(eventually([&] { return runtime_version() == "containerd://1.6.22"; })) << runtime_version();
}

TEST_P(FirstObjectsTest, AStoreThatRefusesForAWhileGetsThemAll) {
  start({.refused = 0.5});
  EXPECT_TRUE(eventually([&] {
    return has(Kind::Namespace, "default") && has(Kind::Namespace, "kube-system") &&
           has(Kind::Namespace, "kube-node-lease") && has(Kind::StorageClass, "directory") &&
           has(Kind::Node, config.node_name);
  }));
}

TEST_P(FirstObjectsTest, WhereASessionIsTheHeartbeatNoLeaseSaysThatTheNodeIsGone) {
  start({});
  const model::ObjectKey lease{Kind::Lease, std::string(kNodeLeaseNamespace), config.node_name};
  ASSERT_TRUE(eventually([&] { return store->get(lease) != nullptr; }));
  // Its store is shared by now.
  NodeReporter later(loop, *writer, clock, config.node_name, "/", Heartbeat::Session, std::chrono::milliseconds(1));
  later.begin();
  EXPECT_TRUE(eventually([&] { return store->get(lease) == nullptr; }));
  later.on_runtime("", "containerd://1.6.22");
  EXPECT_TRUE(eventually([&] { return runtime_version() == "containerd://1.6.22"; })) << "what is new is written";
  EXPECT_EQ(store->get(lease), nullptr);
}

TEST_P(FirstObjectsTest, TheApisServiceLeadsWhereTheApiListens) {
  config.api_tls.emplace().listen = {{.host = "0.0.0.0", .port = 6443}};
  start({.aborted = 0.2});
  const auto address = [&](Kind kind) -> std::string {
    const auto stored = store->get({kind, "default", "kubernetes"});
    if (!stored) return "none";
    const json::value raw(stored->raw);
    if (kind == Kind::Service) return std::string(find_string(raw, {"spec", "clusterIP"}));
    const auto* list = find(raw, {kind == Kind::Endpoints ? "subsets" : "endpoints"});
    return list == nullptr ? "" : json::serialize(*list);
  };
  for (const auto kind : {Kind::Service, Kind::Endpoints, Kind::EndpointSlice}) {
    EXPECT_TRUE(eventually([&] { return address(kind) != "none"; })) << model::info(kind).name;
  }
  EXPECT_EQ(address(Kind::Service), "10.96.0.1");
  EXPECT_THAT(address(Kind::Endpoints), testing::HasSubstr(R"("addresses":[{"ip":"10.0.0.1"}])"));
  EXPECT_THAT(address(Kind::EndpointSlice), testing::HasSubstr(R"("addresses":["10.0.0.1"])"));
  first->write("10.0.0.7");
  EXPECT_TRUE(eventually([&] { return address(Kind::Endpoints).find("10.0.0.7") != std::string::npos; }));
  EXPECT_TRUE(eventually([&] { return address(Kind::EndpointSlice).find("10.0.0.7") != std::string::npos; }));
}

/// Two hosts that write as they come, and one that goes: each says its own, and they do not fight.
TEST_P(FirstObjectsTest, TheApiIsWhereverAHostServesIt) {
  store = std::make_unique<store::SlowStore>(store::SlowStoreOptions{.seed = GetParam(), .aborted = 0.2});
  writer = std::make_unique<StoreWriter>(loop, *store, clock);
  config.api_tls.emplace().listen = {{.host = "0.0.0.0", .port = 6443}};
  auto other_config = config;
  other_config.node_name = "zebra";
  LiveNodes peers(config.node_name, LiveNodes::Store::Shared);
  LiveNodes other_peers(other_config.node_name, LiveNodes::Store::Shared);
  const store::Holders both{{"live/host", {"host", "", ""}}, {"live/zebra", {"zebra", "", ""}}};
  const auto alone =
      std::make_unique<FirstObjects>(loop, *store, *writer, clock, config, nullptr, std::chrono::milliseconds(1));
  first = std::make_unique<FirstObjects>(loop, *store, *writer, clock, config, &peers, std::chrono::milliseconds(1));
  FirstObjects second(loop, *store, *writer, clock, other_config, &other_peers, std::chrono::milliseconds(1));
  const auto subsets = [&] {
    const auto stored = store->get({Kind::Endpoints, "default", "kubernetes"});
    return stored ? json::serialize(stored->raw.at("subsets")) : "none";
  };
  const auto slices = [&] {
    std::string names;
    for (const auto& slice : store->list(Kind::EndpointSlice, "default").objects) names += slice->meta.name + " ";
    return names;
  };
  alone->write("10.0.0.1");  // Before the store was shared.
  ASSERT_TRUE(eventually([&] { return subsets() != "none" && slices() == "kubernetes "; }));
  first->write("10.0.0.1");
  second.write("10.0.0.2");
  peers.take(both);
  first->on_peers();
  other_peers.take(both);
  second.on_peers();
  const std::string ports = R"("ports":[{"name":"https","port":6443,"protocol":"TCP"}])";
  const auto one = R"({"ip":"10.0.0.1","nodeName":"host"})";
  const auto two = R"({"ip":"10.0.0.2","nodeName":"zebra"})";
  const auto wanted = fmt::format(R"([{{"addresses":[{},{}],{}}}])", one, two, ports);
  EXPECT_TRUE(eventually([&] { return subsets() == wanted; })) << subsets();
  EXPECT_TRUE(eventually([&] { return slices() == "kubernetes-host kubernetes-zebra "; })) << slices();

  store->settle();
  const model::ObjectKey key{Kind::Endpoints, "default", "kubernetes"};
  const auto before = store->truth(key)->meta.resource_version;
  first->on_peers();
  second.on_peers();
  while (loop.poll() + store->step() != 0) continue;
  EXPECT_EQ(store->truth(key)->meta.resource_version, before) << "all is said";

  peers.take({{"live/host", {"host", "", ""}}});
  first->on_peers();
  EXPECT_TRUE(eventually([&] { return subsets() == fmt::format(R"([{{"addresses":[{}],{}}}])", one, ports); }));
  EXPECT_TRUE(eventually([&] { return slices() == "kubernetes-host "; })) << slices();
  // It was only thought gone.
  second.on_change({store::ChangeType::Modified, store->get(key), nullptr, 0});
  EXPECT_TRUE(eventually([&] { return subsets() == wanted; })) << subsets();
  EXPECT_TRUE(eventually([&] { return slices() == "kubernetes-host kubernetes-zebra "; })) << slices();
  peers.take({});
  first->on_peers();
  while (loop.poll() + store->step() != 0) continue;
  EXPECT_NE(subsets(), "[]") << "who does not know who is there calls nobody gone";
}

TEST(ApiService, IsOnlyThereWhenTheApiIsOnTcp) {
  Config config;
  EXPECT_TRUE(api_service(config, "10.0.0.1").empty());
  config.api_tls.emplace().listen = {{.host = "127.0.0.1", .port = 6443}};
  const auto local = api_service(config, "10.0.0.1");
  ASSERT_EQ(local.size(), 3U);
  EXPECT_TRUE(local[1].at("subsets").get_array().empty()) << "pods cannot reach the host's loopback";
  config.api_tls->listen.push_back({.host = "192.0.2.7", .port = 7443});
  EXPECT_THAT(json::serialize(api_service(config, "10.0.0.1")[1]), testing::HasSubstr("192.0.2.7"));
}

}  // namespace
}  // namespace berth::agent
