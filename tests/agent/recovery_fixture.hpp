// tests/agent/recovery_fixture.hpp - a host with pods on it, and an agent that starts on it, also on another store.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/recovery.hpp"
#include "tests/fakes/fake_network.hpp"
#include "tests/fakes/fake_runtime.hpp"
#include "tests/fakes/fake_volumes.hpp"
#include "tests/temp_dir.hpp"

namespace berth::agent {

class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() {
    runtime.add_image("web:1");
    open();
  }

  /// The agent starts (again); what the rooms hold stays.
  void start() {
    removed.clear();
    recovery = std::make_unique<Recovery>(
        RecoveryRooms{.loop = loop,
                      .lane = *lane,
                      .store = *store,
                      .runtime = runtime,
                      .network = network,
                      .volumes = volumes,
                      .mark_file = dir / "store.json",
                      .kept_mark_file = shared ? dir / "kept.json" : std::filesystem::path(),
                      .node = "here",
                      .from_copy = from_copy},
        RecoveryCallbacks{.on_orphan = [this](const runtime::PodIdentity& pod) { removed.push_back(pod.uid); },
                          .on_strangers = [this](const std::vector<model::Stranger>& all) { told = all; },
                          .on_found = [this] { ++found; }});
    recovery->look_for_orphans();
    loop.poll();
  }

  void open() {
    store.reset();
    store::SqliteOptions options;
    options.node = "here";
    auto opened = store::open_sqlite_store(dir / "berth.db", options);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    store = *std::move(opened);
  }

  static model::Object pod_object(const std::string& name, const std::string& uid) {
    json::object raw{
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata", {{"name", name}, {"namespace", "default"}, {"uid", uid}}},
        {"spec",
         {{"nodeName", "here"}, {"containers", json::array{json::object{{"name", "main"}, {"image", "web:1"}}}}}}};
    return *model::make_object(std::move(raw));
  }
  void make_pod(const std::string& name, const std::string& uid) {
    ASSERT_TRUE(store::create_and_wait(*store, pod_object(name, uid)).ok());
    run_container(name, uid);
  }
  void run_container(const std::string& name, const std::string& uid) {
    runtime::ContainerSpec spec;
    spec.pod = {.uid = uid, .ns = "default", .name = name};
    spec.name = "main";
    spec.image = "web:1";
    ASSERT_TRUE(runtime.start(spec).ok());
  }
  static model::Pod pod(const std::string& name, const std::string& uid) {
    model::Pod out;
    out.meta.ns = "default";
    out.meta.name = name;
    out.meta.uid = uid;
    return out;
  }

  TempDir temp;
  const std::filesystem::path dir = temp.path();
  Loop loop;
  std::unique_ptr<Lane> lane = make_inline_lane();
  std::unique_ptr<store::Store> store;
  runtime::FakeRuntime runtime;
  network::FakeNetwork network;
  volumes::FakeVolumes volumes;
  std::unique_ptr<Recovery> recovery;
  bool from_copy = false;
  bool shared = false;  ///< The store is not on this host.
  int found = 0;        ///< So often it was told what runs here, by a copy.
  std::vector<std::string> removed;
  std::vector<model::Stranger> told;
};

}  // namespace berth::agent
