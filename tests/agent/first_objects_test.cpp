// tests/agent/first_objects_test.cpp - namespaces and the Node reach a store that is late, refuses, or loses races.
#include "agent/first_objects.hpp"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "agent/node/node_reporter.hpp"
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
    first = std::make_unique<FirstObjects>(loop, *store, *writer, clock, config, std::chrono::milliseconds(1));
    node = std::make_unique<NodeReporter>(loop, *writer, clock, config.node_name, "/", std::chrono::milliseconds(1));
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

}  // namespace
}  // namespace berth::agent
