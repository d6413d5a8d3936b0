// tests/bench/agent_bench.cpp - what one change costs the loop among many objects. Prints a line per row: name, value,
// unit.
//
// Everything the loop thread does for a change is counted: decoding it into the cache, waking, planning, giving writes
// to the store (in memory: the disk is another benchmark's), as the processor's time: what else the machine does is not
// told here. The rows for 1,000 and 10,000 objects should differ by little.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <fmt/format.h>

#include "agent/claims/claim_controller.hpp"
#include "agent/control/controller_runner.hpp"
#include "agent/ending/garbage_collector.hpp"
#include "agent/ending/namespace_controller.hpp"
#include "agent/objects/cache_feed.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/placing/placement.hpp"
#include "agent/services/endpoint_controller.hpp"
#include "agent/services/names.hpp"
#include "agent/sets/set_controller.hpp"
#include "model/model.hpp"
#include "store/store.hpp"
#include "tests/fakes/fake_volumes.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using Microseconds = std::chrono::duration<double, std::micro>;

/// What this thread has used of the processor.
Microseconds processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// All controllers of an agent, on a store in memory, with the loop in our hands.
class World {
 public:
  World() : nodes_("n1") {
    for (auto& row : {namespaces_.row(), garbage_.row(), claims_.row(), sets_.row(), endpoints_.row()})
      runner_.add(row);
  }
  /// Of hosts that share a store: whoever places their pods does nothing else.
  explicit World(const store::Holders& hosts) : nodes_(hosts.begin()->first, LiveNodes::Store::Shared) {
    nodes_.take(hosts);
    runner_.add(placement_.row());
  }

  void put(const std::string& text) {
    auto raw = parse_json(text);
    auto object = raw ? model::make_object(raw->get_object()) : raw.error();
    auto done = object ? store_->get(object->key()) ? store::update_and_wait(*store_, *std::move(object), 0)
                                                    : store::create_and_wait(*store_, *std::move(object))
                       : object.error();
    if (done) return;
    std::cerr << "agent_bench: " << done.error().message() << '\n';
    std::exit(1);
  }
  void edit(const model::ObjectKey& key, const std::function<void(json::object&)>& change) {
    auto raw = store_->get(key)->raw;
    change(raw);
    if (auto done = store::update_and_wait(*store_, *model::make_object(std::move(raw)), 0); !done) {
      std::cerr << "agent_bench: " << done.error().message() << '\n';
      std::exit(1);
    }
  }
  void begin() {
    feed_.begin();
    settle();
  }
  /// Until nothing happens any more; returns the time that the loop worked.
  Microseconds settle() {
    Microseconds worked{0};
    for (int quiet = 0; quiet < 2;) {
      // A write of our own is answered after all before it: what it was told is on the loop then.
      std::ignore = store::remove_and_wait(*store_, {Kind::ConfigMap, "none", "none"}, 0);
      const auto before = processor_time();
      const auto ran = loop_.poll();
      worked += processor_time() - before;
      quiet = ran == 0 ? quiet + 1 : 0;
    }
    return worked;
  }
  const ObjectCache& cache() const { return cache_; }
  store::Store& store() { return *store_; }

 private:
  Loop loop_;
  SystemClock clock_;
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  StoreWriter writer_{loop_, *store_, clock_};
  ObjectCache cache_;
  std::unique_ptr<Lane> lane_ = make_inline_lane();
  volumes::FakeVolumes volumes_;
  NamespaceController namespaces_{clock_, *store_};
  GarbageCollector garbage_{*store_};
  ClaimController claims_{{.loop = loop_,
                           .clock = clock_,
                           .lane = *lane_,
                           .cache = cache_,
                           .store = *store_,
                           .volumes = volumes_,
                           .node_name = "n1",
                           .kick = [](const std::string&) {}}};
  LiveNodes nodes_;
  Placement placement_{clock_, *store_, cache_, [](auto&&...) {}, nodes_};
  SetController sets_{clock_, cache_, *store_, nodes_};
  EndpointController endpoints_{*store_, cache_, std::chrono::milliseconds(0)};
  ControllerRunner runner_{{.loop = loop_, .clock = clock_, .writer = writer_, .events = [](auto&&...) {}}};
  CacheFeed feed_{loop_,
                  *store_,
                  cache_,
                  {.on_snapshot = [this](const std::vector<PodPtr>&) { runner_.wake_all(); },
                   .on_change =
                       [this](const store::Change& change) {
                         runner_.on_change(change);
                         for (const auto& name : cache_.pods_using(change.object->key()))
                           refreshed_ += name.second.size();
                       },
                   .on_object = [this](const model::Object& object) { garbage_.see(object); },
                   .on_whole = [this] { return garbage_.end_of_snapshot(); }}};
  std::size_t refreshed_ = 0;
};

void print(const std::string& name, double value, const char* unit) {
  std::cout << fmt::format("{}, {:.1f}, {}\n", name, value, unit) << std::flush;
}

/// The median of what `change(i)` costs, for `rounds` of them.
double median_cost(World& world, int rounds, const std::function<void(int)>& change) {
  std::vector<double> costs;
  for (int i = 0; i < rounds; ++i) {
    change(i);
    costs.push_back(world.settle().count());
  }
  std::nth_element(costs.begin(), costs.begin() + rounds / 2, costs.end());
  return costs[static_cast<std::size_t>(rounds / 2)];
}

void put_set(World& world, const std::string& name, int replicas) {
  world.put(fmt::format(
      R"({{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"{0}","namespace":"default"}},"spec":{{
      "replicas":{1},"serviceName":"{0}","podManagementPolicy":"Parallel","selector":{{"matchLabels":{{"app":"{0}"}}}},
      "volumeClaimTemplates":[{{"metadata":{{"name":"data"}},"spec":{{"accessModes":["ReadWriteOnce"],
      "storageClassName":"slow","resources":{{"requests":{{"storage":"1Gi"}}}}}}}}],
      "template":{{"metadata":{{"labels":{{"app":"{0}"}}}},"spec":{{"containers":[{{"name":"c","image":"one","env":[
      {{"name":"A","value":"1"}},{{"name":"B","value":"2"}}],"resources":{{"requests":{{"cpu":"100m"}}}}}}]}}}}}}}})",
      name, replicas));
  world.put(fmt::format(R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{0}","namespace":"default"}},
      "spec":{{"clusterIP":"None","selector":{{"app":"{0}"}},"ports":[{{"port":80,"protocol":"TCP"}}]}}}})",
                        name));
}

void make_ready(World& world, const std::string& pod, bool ready, int ip) {
  world.edit({Kind::Pod, "default", pod}, [&](json::object& raw) {
    raw["status"] = {{"phase", "Running"},
                     {"podIP", fmt::format("10.98.{}.{}", ip / 250, ip % 250 + 1)},
                     {"conditions", json::array{{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}};
  });
}

/// Sets of ten pods each, with a service and a claim for each pod: one set's pods come and go among all others'.
void bench_rollout(int pods) {
  World world;
  world.put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
  world.put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})");
  for (int i = 0; i < pods / 10; ++i) put_set(world, fmt::format("set-{}", i), 10);
  world.begin();
  if (world.cache().pods().size() != static_cast<std::size_t>(pods)) {
    std::cerr << "agent_bench: " << world.cache().pods().size() << " pods instead of " << pods << '\n';
    std::exit(1);
  }
  int ip = 0;
  for (const auto& [name, pod] : world.cache().pods()) make_ready(world, name.second, true, ip++);
  world.settle();
  print(fmt::format("rollout: a pod's readiness changes among {} pods", pods),
        median_cost(world, 200, [&](int i) { make_ready(world, fmt::format("set-7-{}", i % 10), i % 20 >= 10, i); }),
        "us");
  print(fmt::format("rollout: a set's template changes and a pod is replaced among {} pods", pods),
        median_cost(world, 50,
                    [&](int i) {
                      world.edit({Kind::StatefulSet, "default", "set-3"}, [&](json::object& raw) {
                        auto& spec = raw["spec"].get_object()["template"].get_object()["spec"].get_object();
                        spec["containers"].get_array()[0].get_object()["image"] = fmt::format("image-{}", i);
                      });
                    }),
        "us");
  print(fmt::format("claims: a claim changes among {} claims", pods),
        median_cost(world, 200,
                    [&](int i) {
                      world.edit({Kind::PersistentVolumeClaim, "default", fmt::format("data-set-5-{}", i % 10)},
                                 [&](json::object& raw) {
                                   raw["metadata"].get_object()["annotations"] = {{"n", std::to_string(i)}};
                                 });
                    }),
        "us");
  print(fmt::format("node: a heartbeat among {} pods", pods),
        median_cost(world, 100,
                    [&](int i) {
                      world.edit({Kind::Node, "", "n1"}, [&](json::object& raw) { raw["status"] = {{"beat", i}}; });
                    }),
        "us");
  std::vector<double> names;
  for (int i = 0; i < 9; ++i) {
    const auto before = std::chrono::steady_clock::now();
    const auto made = make_names(world.cache(), "cluster.local");
    names.push_back(Microseconds(std::chrono::steady_clock::now() - before).count());
    if (made.services.empty()) std::exit(1);
  }
  std::sort(names.begin(), names.end());
  print(fmt::format("names: all names of {} pods", pods), names[4], "us");
}

/// What a GitOps run does: many config maps change, few pods use them.
void bench_config_maps(int maps, int pods) {
  World world;
  world.put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
  world.put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})");
  const auto put_map = [&](int i, int value) {
    world.put(
        fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"map-{}","namespace":"default"}},
        "data":{{"n":"{}"}}}})",
                    i, value));
  };
  for (int i = 0; i < maps; ++i) put_map(i, 0);
  for (int i = 0; i < pods; ++i) {
    std::string volumes;
    for (int v = 0; v < 5; ++v) {
      volumes += fmt::format(R"({}{{"name":"v{}","configMap":{{"name":"map-{}"}}}})", v == 0 ? "" : ",", v, i * 5 + v);
    }
    world.put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"pod-{}","namespace":"default"}},
        "spec":{{"nodeName":"n1","containers":[{{"name":"c","image":"x"}}],"volumes":[{}]}}}})",
                          i, volumes));
  }
  world.begin();
  Microseconds all{0};
  for (int i = 0; i < maps; ++i) {
    put_map(i, 1);
    all += world.settle();
  }
  print(fmt::format("config maps: {} change under {} pods, all together", maps, pods), all.count() / 1000, "ms");
  print(fmt::format("config maps: one of them", maps, pods), all.count() / maps, "us");
}

/// Who plans a key is asked whenever the key is woken, planned or written for.
void bench_wardens(int nodes) {
  store::Holders hosts;
  for (int i = 0; i < nodes; ++i) {
    const auto name = fmt::format("node-{}", i);
    hosts[name] = {.node = name, .version = {}, .since = {}};
  }
  LiveNodes live("node-0", LiveNodes::Store::Shared);
  live.take(hosts);
  constexpr int kKeys = 10'000;
  std::size_t ours = 0;
  const auto before = processor_time();
  for (int i = 0; i < kKeys; ++i) ours += live.is_warden_of(fmt::format("StatefulSet default/database-{}", i)) ? 1 : 0;
  const auto took = processor_time() - before;
  if (ours == 0 || ours > 10 * kKeys / static_cast<std::size_t>(nodes)) {
    std::cerr << "agent_bench: " << ours << " of " << kKeys << " keys are one node's\n";
    std::exit(1);
  }
  print(fmt::format("wardens: a key's among {} nodes", nodes), took.count() / kKeys, "us");
}

/// Sets of a hundred pods, apart by host and spread over three zones, with what pods usually ask for.
void bench_placement(int nodes, int pods, int more) {
  store::Holders hosts;
  for (int i = 0; i < nodes; ++i) {
    const auto name = fmt::format("node-{}", i);
    hosts[name] = {.node = name, .version = {}, .since = {}};
  }
  World world(hosts);
  world.put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
  for (int i = 0; i < nodes; ++i) {
    world.put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"node-{0}","labels":{{
        "kubernetes.io/hostname":"node-{0}","topology.kubernetes.io/zone":"zone-{1}"}}}},"status":{{"allocatable":{{
        "cpu":"32","memory":"128Gi","pods":"110"}}}}}})",
                          i, i % 3));
  }
  const auto put_pod = [&](int i, const std::string& node) {
    world.put(fmt::format(
        R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"pod-{0}","namespace":"default","labels":{{
        "app":"set-{1}"}},"ownerReferences":[{{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"set-{1}",
        "uid":"set-{1}","controller":true}}]}},"spec":{{{2}"containers":[{{"name":"c","image":"x","resources":{{
        "requests":{{"cpu":"100m","memory":"64Mi"}}}}}}],"affinity":{{"podAntiAffinity":{{
        "requiredDuringSchedulingIgnoredDuringExecution":[{{"topologyKey":"kubernetes.io/hostname","labelSelector":{{
        "matchLabels":{{"app":"set-{1}"}}}}}}]}}}},"topologySpreadConstraints":[{{"maxSkew":5,
        "topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"DoNotSchedule","labelSelector":{{
        "matchLabels":{{"app":"set-{1}"}}}}}}]}}}})",
        i, i / 100, node.empty() ? "" : fmt::format(R"("nodeName":"{}",)", node)));
  };
  for (int i = 0; i < pods; ++i) put_pod(i, fmt::format("node-{}", i % nodes));
  world.begin();
  const auto place = [&](int from, int count) {
    for (int i = from; i < from + count; ++i) put_pod(i, "");
    auto took = world.settle();
    // Whoever begins to place counts the pods some at a time, and lets others have their turn between.
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!world.cache().pods_of_node("").empty() && std::chrono::steady_clock::now() < until) took += world.settle();
    if (!world.cache().pods_of_node("").empty()) {
      std::cerr << "agent_bench: " << world.cache().pods_of_node("").size() << " pods were not placed\n";
      std::exit(1);
    }
    return took;
  };
  print(fmt::format("placement: the first pod, among {} on {} nodes", pods, nodes), place(pods, 1).count() / 1000,
        "ms");
  print(fmt::format("placement: each of {} more", more), place(pods + 1, more).count() / more, "us");
}

}  // namespace
}  // namespace berth::agent

int main() {
  berth::agent::bench_rollout(1'000);
  berth::agent::bench_rollout(10'000);
  berth::agent::bench_config_maps(1'000, 110);
  berth::agent::bench_wardens(1'000);
  berth::agent::bench_placement(1'000, 30'000, 100);
  berth::agent::bench_placement(1'000, 30'000, 1'000);
  return 0;
}
