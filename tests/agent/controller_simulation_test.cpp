// tests/agent/controller_simulation_test.cpp - all controllers on a store that is late, refuses, loses answers and
// connections, with a user and a host that do as they please; on virtual time. Each run has a seed; BERTH_RUNS says how
// many there are.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "agent/claims/claim_controller.hpp"
#include "agent/control/controller_runner.hpp"
#include "agent/ending/garbage_collector.hpp"
#include "agent/ending/namespace_controller.hpp"
#include "agent/jobs/job_controller.hpp"
#include "agent/objects/cache_feed.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/services/endpoint_controller.hpp"
#include "agent/sets/deployment_controller.hpp"
#include "agent/sets/deployment_sizes.hpp"
#include "agent/sets/replica_controller.hpp"
#include "agent/sets/replica_set_object.hpp"
#include "agent/sets/set_controller.hpp"
#include "agent/sets/stateful_set_plan.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "model/deletion.hpp"
#include "tests/agent/random_days.hpp"
#include "tests/fakes/fake_volumes.hpp"
#include "tests/fakes/slow_store.hpp"
#include "tests/fakes/store_clock.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using model::ObjectKey;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// How often each scenario is played: 10,000 in the long tests.
std::uint64_t runs() { return number_in_environment("BERTH_RUNS", 100); }

class World {
 public:
  explicit World(std::uint64_t seed) : is_faulty(seed % 4 != 0), random(seed), store(faults(seed)), clock(store) {
    seed_thread_random(seed);  // Of names that controllers make up.
    for (auto& row : {namespaces.row(), garbage.row(), claims.row(), sets.row(), jobs.row(), replicas.row(),
                      deployments.row(), endpoints.row()})
      runner.add(row);
    put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    put(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","labels":{"kubernetes.io/hostname":"n1"}}})");
    put(R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"loop"},
        "provisioner":"berth.io/loop","reclaimPolicy":"Delete","volumeBindingMode":"Immediate"})");
    store.on_truth([this](const store::Change& change) {
      if (look) look(change);
    });
  }
  void begin() { feed.begin(); }

  bool chance(double probability) { return std::uniform_real_distribution<double>(0, 1)(random) < probability; }
  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random); }

  // What the user and the host do happens at once and truly.
  model::ObjectPtr truth(Kind kind, const std::string& name, const std::string& ns = "default") const {
    return store.truth(ObjectKey{kind, model::info(kind).namespaced ? ns : "", name});
  }
  void put(const std::string& text) {
    auto raw = parse_json(text);
    ASSERT_TRUE(raw) << text;
    write(model::make_object(raw->get_object()));
  }
  void edit(const ObjectKey& key, const std::function<void(json::object&)>& change) {
    const auto stored = store.truth(key);
    if (!stored) return;
    auto raw = stored->raw;
    change(raw);
    write(model::make_object(std::move(raw)));
  }
  void remove(const ObjectKey& key) {
    if (!store.truth(key)) return;
    by_hand = true;
    const auto done = store.elsewhere({.conditions = {}, .writes = {store::Write::remove(key)}});
    by_hand = false;
    EXPECT_TRUE(done);
  }
  /// As `kubectl delete` does it.
  void remove_gracefully(const ObjectKey& key) {
    const auto stored = store.truth(key);
    if (!stored) return;
    if (!model::deletes_gracefully(key.kind) && stored->meta.finalizers.empty()) return remove(key);
    edit(key, [&](json::object& raw) { model::mark_deleted(key.kind, raw, 0, clock.wall()); });
  }
  void write(Result<model::Object> object) {
    ASSERT_TRUE(object) << (object ? "" : object.error().message());
    by_hand = true;
    const auto done = store.elsewhere({.conditions = {}, .writes = {store::Write::put(*std::move(object))}});
    by_hand = false;
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
  }

  /// The agent's part: pods that are bound become ready, pods that are being deleted are gone after a while.
  void host(double eager) {
    for (const auto& pod : store.truth(Kind::Pod)) {
      if (!chance(eager)) continue;
      if (pod->meta.deleting()) {
        remove(pod->key());
        continue;
      }
      if (!is_ready(*pod)) set_ready(pod->key(), true);
    }
  }
  void set_ready(const ObjectKey& pod, bool ready) {
    edit(pod, [&](json::object& raw) {
      raw["status"] = {{"phase", "Running"},
                       {"podIP", "10.98.0.7"},
                       {"conditions", json::array{{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}};
    });
  }
  static bool is_ready(const model::Object& pod) {
    const auto decoded = model::decode_pod(pod);
    return decoded && decoded->status.ready();
  }

  /// The next thing happens; false: nothing is left to do before somebody does something.
  bool step() {
    auto did = loop.poll() > 0;
    if (const auto due = runner.next_due(); due && *due <= clock.now()) {
      runner.run_due();
      did = true;
    }
    if (did) return true;
    if (store.step() > 0) return true;
    return false;
  }
  void run_for(microseconds span) {
    const auto end = store.now() + span;
    while (store.now() < end) {
      if (step()) continue;
      auto rest = end - store.now();
      if (const auto due = runner.next_due()) {
        rest = std::min(rest, std::chrono::ceil<microseconds>(*due - clock.now()));
      }
      store.run_for(rest);
      runner.give_up_waiting();
    }
  }
  /// No faults any more, and a host that does its part, until nothing happens any more.
  bool converges() {
    store.heal();
    for (int i = 0; i < 400; ++i) {
      run_for(seconds(1));
      const auto before = store.revision();
      host(1);
      run_for(seconds(1));
      if (runner.is_idle() && store.revision() == before) return true;
    }
    return false;
  }

  static store::SlowStoreOptions faults(std::uint64_t seed) {
    // Every fourth run has none, to see what lateness alone does.
    const auto much = seed % 4 == 0 ? 0.0 : 1.0;
    return {.seed = seed,
            .aborted = 0.05 * much,
            .refused = 0.03 * much,
            .unavailable = 0.03 * much,
            .lost_answer = 0.02 * much,
            .no_answer = 0.01 * much,
            .lost_watch = 0.01 * much};
  }

  const bool is_faulty;  ///< Else it is late, and nothing else.
  std::mt19937_64 random;
  store::SlowStore store;
  StoreClock clock;
  Loop loop;
  StoreWriter writer{loop, store, clock};
  ObjectCache cache;
  std::unique_ptr<Lane> lane = make_inline_lane();
  volumes::FakeVolumes volumes;
  NamespaceController namespaces{clock, store};
  GarbageCollector garbage{store};
  ClaimController claims{{.loop = loop,
                          .clock = clock,
                          .lane = *lane,
                          .cache = cache,
                          .store = store,
                          .volumes = volumes,
                          .node_name = "n1",
                          .kick = [](const std::string&) {}}};
  LiveNodes nodes{"n1"};
  SetController sets{clock, cache, store, nodes};
  JobController jobs{clock, cache, store};
  ReplicaController replicas{clock, cache, store};
  DeploymentController deployments{clock, cache, store};
  EndpointController endpoints{store, cache};
  ControllerRunner runner{{.loop = loop, .clock = clock, .writer = writer, .events = [](auto&&...) {}}};
  CacheFeed feed{loop,
                 store,
                 cache,
                 {.on_snapshot = [this](const std::vector<PodPtr>& /*gone*/) { runner.wake_all(); },
                  .on_change = [this](const store::Change& change) { runner.on_change(change); },
                  .on_object = [this](const model::Object& object) { garbage.see(object); },
                  .on_whole = [this] { return garbage.end_of_snapshot(); }}};
  std::function<void(const store::Change&)> look;  ///< At every change, at the moment at which it becomes true.
  bool by_hand = false;                            ///< The change is the user's or the host's.
  microseconds disturbed{0};                       ///< When one of them last did what plans depend on.
};

class ControllerSimulation : public testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::Error); }
  void TearDown() override { set_log_level(LogLevel::Info); }

  /// Plays `scenario` with every seed; stops at the first that fails, and names it.
  template <typename Scenario>
  static void play(Scenario scenario) {
    const auto* only = std::getenv("BERTH_SEED");
    const auto first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
    const auto last = only == nullptr ? runs() : first;
    for (auto seed = first; seed <= last; ++seed) {
      SCOPED_TRACE(fmt::format("BERTH_SEED={}", seed));
      World world(seed);
      scenario(world);
      if (testing::Test::HasFailure()) return;
    }
  }
};

void put_set(World& world, Kind kind, const std::string& name, int replicas, int version, bool surge = false) {
  const auto stateful = kind == Kind::StatefulSet;
  world.put(fmt::format(
      R"({{"apiVersion":"apps/v1","kind":"{0}","metadata":{{"name":"{1}","namespace":"default","uid":"{1}-uid"}},
      "spec":{{{3}"selector":{{"matchLabels":{{"app":"{1}"}}}},"template":{{"metadata":{{"labels":{{"app":"{1}"}}}},
      "spec":{{"containers":[{{"name":"c","image":"v{2}"}}]}}}}}}}})",
      model::info(kind).name, name, version,
      stateful ? fmt::format(R"("replicas":{},"serviceName":"{}","volumeClaimTemplates":[{{"metadata":{{"name":"data"}},
      "spec":{{"accessModes":["ReadWriteOnce"],"storageClassName":"loop","resources":{{"requests":{{"storage":"1Gi"}}}}}}}}],)",
                             replicas, name)
               : fmt::format(R"("updateStrategy":{{"type":"RollingUpdate","rollingUpdate":{{
                 "maxSurge":{0},"maxUnavailable":{1}}}}},)",
                             surge ? 1 : 0, surge ? 0 : 1)));
}

std::vector<model::ObjectPtr> pods_of(const World& world, const std::string& uid) {
  std::vector<model::ObjectPtr> found;
  for (const auto& pod : world.store.truth(Kind::Pod)) {
    const auto* owner = pod->meta.controller();
    if (owner != nullptr && owner->uid == uid) found.push_back(pod);
  }
  return found;
}

/// A set's pods come in order, each when those before it are well; they go from the last; a roll takes one at a time.
/// Not checked shortly after somebody has changed what the controller could not know yet.
void check_order(const World& world, const store::Change& change) {
  const auto& pod = *change.object;
  const auto ordinal = pod.kind == Kind::Pod ? ordinal_of("db", pod.meta.name) : std::nullopt;
  if (!ordinal || world.by_hand || world.store.now() - world.disturbed < milliseconds(300)) return;
  const auto marked =
      change.type == store::ChangeType::Modified && pod.meta.deleting() && !change.previous->meta.deleting();
  const auto replicas = world.truth(Kind::StatefulSet, "db")->raw.at("spec").at("replicas").to_number<int>();
  for (const auto& other : pods_of(world, "db-uid")) {
    const auto number = ordinal_of("db", other->meta.name);
    if (!number || *number == *ordinal) continue;
    if (marked && *ordinal >= replicas) {
      EXPECT_LT(*number, *ordinal) << other->meta.name << " is there when " << pod.meta.name << " is stopped";
    } else if (marked) {
      EXPECT_TRUE(World::is_ready(*other) && !other->meta.deleting())
          << other->meta.name << " is not well when " << pod.meta.name << " is replaced";
    }
  }
  if (change.type != store::ChangeType::Added) return;
  for (int i = 0; i < *ordinal; ++i) {
    const auto before = world.truth(Kind::Pod, fmt::format("db-{}", i));
    EXPECT_TRUE(before && World::is_ready(*before) && !before->meta.deleting())
        << "db-" << i << " is not well when " << pod.meta.name << " is made";
  }
}

TEST_F(ControllerSimulation, ASeedThatFailedCanBePlayedAgain) {
  const auto history = [](std::uint64_t seed) {
    World world(seed);
    std::vector<std::string> seen;
    world.look = [&](const store::Change& change) {
      const auto key = change.object->key();
      // A volume's name has a uid in it, and those are the kernel's.
      seen.push_back(fmt::format("{} {} {} {}", world.store.now().count(), static_cast<int>(change.type),
                                 model::info(key.kind).name, key.kind == Kind::PersistentVolume ? "" : key.name));
    };
    put_set(world, Kind::StatefulSet, "db", 3, 1);
    put_set(world, Kind::DaemonSet, "node", 1, 1);
    world.begin();
    for (int i = 0; i < 20; ++i) {
      world.run_for(milliseconds(300));
      world.host(0.7);
    }
    return seen;
  };
  const auto first = history(7);
  EXPECT_GT(first.size(), 20U);
  EXPECT_EQ(first, history(7));
  EXPECT_NE(first, history(11));
}

TEST_F(ControllerSimulation, SetsKeepTheirOrderAndEachNodeOneDaemonWhateverTheStoreDoes) {
  play([](World& world) {
    int version = 1;
    int replicas = 1 + world.below(3);
    int marks = 0;
    const auto surge = world.chance(0.5);
    world.look = [&](const store::Change& change) {
      check_order(world, change);
      const auto* owner = change.object->meta.controller();
      if (change.object->kind == Kind::Pod && change.type == store::ChangeType::Added && owner != nullptr &&
          owner->uid == "agent-uid") {
        const auto daemons = pods_of(world, "agent-uid");
        std::string all;
        for (const auto& each : daemons) {
          all += fmt::format(" {} of {}{}{}", each->meta.name, each->meta.labels.at("controller-revision-hash"),
                             World::is_ready(*each) ? ", ready" : "", each->meta.deleting() ? ", ends" : "");
        }
        EXPECT_LE(daemons.size(), surge ? 2U : 1U) << "too many daemons on one node:" << all;
        const auto same = std::count_if(daemons.begin(), daemons.end(), [&](const auto& each) {
          return !each->meta.deleting() && each->meta.labels.at("controller-revision-hash") ==
                                               change.object->meta.labels.at("controller-revision-hash");
        });
        EXPECT_EQ(same, 1) << "two of one template";
      }
    };
    put_set(world, Kind::StatefulSet, "db", replicas, version);
    put_set(world, Kind::DaemonSet, "agent", 0, version, surge);
    world.begin();
    const auto set_key = ObjectKey{Kind::StatefulSet, "default", "db"};
    const auto image = [&](const ObjectKey& key) {
      world.edit(key, [&](json::object& raw) {
        auto& spec = raw["spec"].get_object()["template"].get_object()["spec"].get_object();
        spec["containers"].get_array()[0].get_object()["image"] = fmt::format("v{}", version);
      });
    };
    for (int i = 0; i < 12; ++i) {
      world.run_for(milliseconds(world.below(600)));
      world.host(0.7);
      const auto pods = world.store.truth(Kind::Pod);
      if (world.chance(0.5)) continue;
      world.disturbed = world.store.now();
      switch (world.below(7)) {
        case 0:
          replicas = world.below(4);
          world.edit(set_key, [&](json::object& raw) { raw["spec"].get_object()["replicas"] = replicas; });
          break;
        case 1:
          ++version;
          image(set_key);
          image({Kind::DaemonSet, "default", "agent"});
          break;
        case 2:
          if (!pods.empty())
            world.remove_gracefully(pods[static_cast<std::size_t>(world.below(static_cast<int>(pods.size())))]->key());
          break;
        case 3:
          for (const auto& pod : pods) {
            if (world.chance(0.3) && !pod->meta.deleting()) world.set_ready(pod->key(), false);
          }
          break;
        case 4:  // Somebody's edit of a set must not be lost to the controller's.
          ++marks;
          world.edit(set_key, [&](json::object& raw) {
            raw["metadata"].get_object()["annotations"] = {{"mark", std::to_string(marks)}};
          });
          break;
        case 5:  // It loses its owner, and is taken back.
          for (const auto& pod : pods) {
            if (!world.chance(0.3)) continue;
            world.edit(pod->key(), [](json::object& raw) { raw["metadata"].get_object().erase("ownerReferences"); });
          }
          break;
        case 6:
          for (const auto& pod : pods_of(world, "agent-uid")) {
            world.edit(pod->key(),
                       [](json::object& raw) { raw["metadata"].get_object()["labels"].get_object()["app"] = "debug"; });
          }
          break;
        default: break;
      }
    }
    ASSERT_TRUE(world.converges());
    const auto set = world.truth(Kind::StatefulSet, "db");
    const auto& status = set->raw.at("status");
    EXPECT_EQ(status.at("readyReplicas").to_number<int>(), replicas);
    EXPECT_EQ(pods_of(world, "db-uid").size(), static_cast<std::size_t>(replicas));
    for (int i = 0; i < replicas; ++i) {
      const auto pod = world.truth(Kind::Pod, fmt::format("db-{}", i));
      ASSERT_TRUE(pod);
      EXPECT_EQ(find_string(pod->raw.at("spec").at("containers").at(0), {"image"}), fmt::format("v{}", version));
      const auto claim = world.truth(Kind::PersistentVolumeClaim, fmt::format("data-db-{}", i));
      ASSERT_TRUE(claim);
      EXPECT_EQ(find_string(claim->raw.at("status"), {"phase"}), "Bound");
    }
    if (marks > 0) {
      EXPECT_EQ(set->meta.annotations.at("mark"), std::to_string(marks)) << "a lost update";
    }
    const auto daemons = pods_of(world, "agent-uid");
    ASSERT_EQ(daemons.size(), 1U);
    EXPECT_EQ(find_string(daemons[0]->raw.at("spec").at("containers").at(0), {"image"}), fmt::format("v{}", version));
  });
}

TEST_F(ControllerSimulation, AJobCountsEachPodOnceAndNeverRunsMoreThanItMay) {
  play([](World& world) {
    const auto indexed = world.chance(0.5);
    const auto completions = 1 + world.below(6);
    const auto parallelism = 1 + world.below(3);
    std::set<std::string> succeeded;
    std::set<std::string> failed;
    std::set<std::string> indexes;
    const auto is_over = [](const model::Object& pod) {
      const auto phase = find_string(pod.raw.at("status"), {"phase"});
      return phase == "Succeeded" || phase == "Failed";
    };
    world.look = [&](const store::Change& change) {
      if (change.object->kind != Kind::Pod || change.type != store::ChangeType::Added) return;
      const auto pods = pods_of(world, "sum-uid");
      const auto runs = [&](const auto& pod) { return !pod->meta.deleting() && !is_over(*pod); };
      EXPECT_LE(std::count_if(pods.begin(), pods.end(), runs), parallelism);
      if (!indexed) return;
      const auto& index = change.object->meta.annotations.at(model::kJobIndex);
      EXPECT_FALSE(indexes.contains(index)) << "index " << index << " has succeeded";
    };
    world.put(fmt::format(
        R"({{"apiVersion":"batch/v1","kind":"Job","metadata":{{"name":"sum","namespace":"default","uid":"sum-uid"}},"spec":{{
        "completions":{},"parallelism":{},"backoffLimit":1000,"completionMode":"{}","template":{{"spec":{{
        "restartPolicy":"Never","containers":[{{"name":"c","image":"b"}}]}}}}}}}})",
        completions, parallelism, indexed ? "Indexed" : "NonIndexed"));
    world.begin();
    const auto host = [&](double fails, double deleted) {
      for (const auto& pod : pods_of(world, "sum-uid")) {
        if (pod->meta.deleting()) {
          if (pod->meta.finalizers.empty()) world.remove(pod->key());
        } else if (!is_over(*pod) && world.chance(deleted)) {
          failed.insert(pod->meta.uid);
          world.remove_gracefully(pod->key());
        } else if (!is_over(*pod) && world.chance(0.5)) {
          const auto well = !world.chance(fails);
          (well ? succeeded : failed).insert(pod->meta.uid);
          if (well && indexed) indexes.insert(pod->meta.annotations.at(model::kJobIndex));
          world.edit(pod->key(), [&](json::object& raw) {
            raw["status"] = {
                {"phase", well ? "Succeeded" : "Failed"},
                {"containerStatuses",
                 json::array{
                     {{"name", "c"},
                      {"state",
                       {{"terminated",
                         {{"exitCode", well ? 0 : 1}, {"finishedAt", format_rfc3339(world.clock.wall())}}}}}}}}};
          });
        }
      }
    };
    for (int i = 0; i < 14; ++i) {
      world.run_for(seconds(world.below(20)));
      host(0.3, 0.1);
    }
    world.store.heal();
    const auto is_complete = [&] {
      const auto* status = world.truth(Kind::Job, "sum")->raw.if_contains("status");
      return status != nullptr && find(*status, {"completionTime"}) != nullptr;
    };
    for (int i = 0; i < 200 && !is_complete(); ++i) {
      world.run_for(seconds(10));
      host(0, 0);
    }
    world.run_for(seconds(10));
    ASSERT_TRUE(is_complete());
    const auto& status = world.truth(Kind::Job, "sum")->raw.at("status");
    const auto number = [&](std::string_view name) {
      const auto* value = find(status, {name});
      return value == nullptr ? std::size_t{0} : value->to_number<std::size_t>();
    };
    EXPECT_EQ(number("succeeded"), static_cast<std::size_t>(completions));
    EXPECT_EQ(succeeded.size(), static_cast<std::size_t>(completions)) << "one too many was begun";
    EXPECT_EQ(number("failed"), failed.size());
    for (const auto& pod : pods_of(world, "sum-uid")) EXPECT_TRUE(pod->meta.finalizers.empty()) << pod->meta.name;
  });
}

/// A Deployment's pods: those that have not ended and do not end, of all its ReplicaSets.
std::vector<model::ObjectPtr> active_pods(const World& world) {
  std::vector<model::ObjectPtr> found;
  for (const auto& pod : world.store.truth(Kind::Pod)) {
    if (pod->meta.name.starts_with("web-") && pod->meta.controller() != nullptr && !pod->meta.deleting()) {
      found.push_back(pod);
    }
  }
  return found;
}

TEST_F(ControllerSimulation, ADeploymentKeepsItsFloorAndItsCeilingAndConvergesWhateverTheStoreDoes) {
  play([](World& world) {
    int version = 1;
    int replicas = 2 + world.below(4);
    const auto key = ObjectKey{Kind::Deployment, "default", "web"};
    const auto decoded = [&] { return *model::decode_deployment(*world.truth(Kind::Deployment, "web")); };
    auto most = 0;
    // The floor is the Deployment's: it takes pods from a ReplicaSet, which then stops them, and tries again when the
    // store refuses. What happens in between comes too late, as in Kubernetes.
    std::map<std::string, microseconds> taken;
    const auto size_of = [](const model::Object& set) { return set.raw.at("spec").at("replicas").to_number<int>(); };
    world.look = [&](const store::Change& change) {
      const auto& pod = *change.object;
      if (pod.kind == Kind::ReplicaSet && change.previous && size_of(pod) < size_of(*change.previous)) {
        taken[pod.meta.name] = world.store.now();
      }
      if (pod.kind != Kind::Pod || world.by_hand || !pod.meta.name.starts_with("web-")) return;
      if (change.type == store::ChangeType::Added) {
        // A pod that was made and whose answer and news are both late is one that nobody knows of.
        const auto unknown = world.is_faulty ? replicas + 2 : 0;
        EXPECT_LE(static_cast<int>(active_pods(world).size()), most + unknown) << "more than the surge";
      }
      const auto marked =
          change.type == store::ChangeType::Modified && pod.meta.deleting() && !change.previous->meta.deleting();
      if (!marked || !World::is_ready(pod)) return;
      // What the controller could not know yet is not held against it.
      const auto found = taken.find(pod.meta.controller()->name);
      const auto decided = found == taken.end() ? world.store.now() : found->second;
      if (decided - world.disturbed < milliseconds(300)) return;
      const auto deployment = decoded();
      const auto left = active_pods(world);
      const auto available =
          std::count_if(left.begin(), left.end(), [](const auto& each) { return World::is_ready(*each); });
      EXPECT_GE(available, deployment.replicas - max_unavailable(deployment)) << "below the floor";
    };
    world.put(fmt::format(
        R"({{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web","namespace":"default","uid":"web-uid"}},
        "spec":{{"replicas":{},"selector":{{"matchLabels":{{"app":"web"}}}},"strategy":{{"type":"RollingUpdate",
        "rollingUpdate":{{"maxSurge":{},"maxUnavailable":{}}}}},"template":{{"metadata":{{"labels":{{"app":"web"}}}},
        "spec":{{"containers":[{{"name":"c","image":"v1"}}]}}}}}}}})",
        replicas, 1 + world.below(2), world.below(3)));
    most = replicas + max_surge(decoded());
    world.begin();
    for (int i = 0; i < 14; ++i) {
      world.run_for(milliseconds(world.below(900)));
      world.host(0.7);
      world.disturbed = world.store.now();
      if (world.chance(0.5)) continue;
      const auto pods = active_pods(world);
      switch (world.below(5)) {
        case 0:
        case 1:
          version = world.chance(0.7) ? version + 1 : 1;
          world.edit(key, [&](json::object& raw) {
            auto& spec = raw["spec"].get_object()["template"].get_object()["spec"].get_object();
            spec["containers"].get_array()[0].get_object()["image"] = fmt::format("v{}", version);
          });
          break;
        case 2:
          for (const auto& pod : pods) {
            if (world.chance(0.3)) world.set_ready(pod->key(), false);
          }
          break;
        case 3:
          if (!pods.empty()) {
            world.remove_gracefully(pods[static_cast<std::size_t>(world.below(static_cast<int>(pods.size())))]->key());
          }
          break;
        default:
          world.edit(key, [&](json::object& raw) { raw["spec"].get_object()["paused"] = world.chance(0.3); });
          break;
      }
    }
    world.edit(key, [&](json::object& raw) {
      replicas = world.below(5);
      raw["spec"].get_object()["replicas"] = replicas;
      raw["spec"].get_object()["paused"] = false;
    });
    world.disturbed = world.store.now() + std::chrono::hours(1);  // Shares of a changed number are not about the floor.
    most = std::max(most, replicas + max_surge(decoded()));
    ASSERT_TRUE(world.converges());
    const auto pods = active_pods(world);
    EXPECT_EQ(pods.size(), static_cast<std::size_t>(replicas));
    EXPECT_EQ(world.store.truth(Kind::Pod).size(), pods.size()) << "one too many, or of nobody";
    for (const auto& pod : pods) {
      EXPECT_EQ(find_string(pod->raw.at("spec").at("containers").at(0), {"image"}), fmt::format("v{}", version));
    }
    std::set<std::int64_t> revisions;
    for (const auto& set : world.store.truth(Kind::ReplicaSet)) {
      const auto typed = model::decode_replica_set(*set);
      EXPECT_TRUE(revisions.insert(revision_of(*typed)).second) << "two of one revision";
      if (is_of_template(*typed, decoded().pod_template.raw)) {
        EXPECT_EQ(typed->replicas, replicas);
      } else {
        EXPECT_EQ(typed->replicas, 0);
      }
    }
    const auto status = decoded().status;
    EXPECT_EQ(status.available, replicas);
    EXPECT_EQ(status.updated, replicas);
    const auto* progressing = status.condition("Progressing");
    ASSERT_NE(progressing, nullptr);
    EXPECT_EQ(progressing->reason, "NewReplicaSetAvailable");
  });
}

TEST_F(ControllerSimulation, AVolumeHasOneClaimAndAClaimThatIsGoneLeavesNothing) {
  play([](World& world) {
    world.look = [&](const store::Change& change) {
      const auto& object = *change.object;
      if (object.kind == Kind::PersistentVolume && change.type == store::ChangeType::Modified) {
        const auto before = find_string(change.previous->raw.at("spec"), {"claimRef", "uid"});
        const auto after = find_string(object.raw.at("spec"), {"claimRef", "uid"});
        EXPECT_TRUE(before.empty() || before == after) << object.meta.name << " was given to another claim";
      }
      const auto phase = [](const model::Object& of) {
        const auto* status = of.raw.if_contains("status");
        return status == nullptr ? std::string_view() : find_string(*status, {"phase"});
      };
      // Both sides of a binding come together, whatever happens between.
      if (!world.by_hand && change.type == store::ChangeType::Modified && phase(*change.previous) != "Bound" &&
          phase(object) == "Bound") {
        if (object.kind == Kind::PersistentVolume) {
          const auto claim = world.truth(Kind::PersistentVolumeClaim,
                                         std::string(find_string(object.raw.at("spec"), {"claimRef", "name"})));
          EXPECT_TRUE(claim && phase(*claim) == "Bound") << "of " << object.meta.name;
        } else if (object.kind == Kind::PersistentVolumeClaim) {
          const auto volume =
              world.truth(Kind::PersistentVolume, std::string(find_string(object.raw.at("spec"), {"volumeName"})));
          EXPECT_TRUE(volume && phase(*volume) == "Bound") << "of " << object.meta.name;
        }
      }
      if (object.kind == Kind::PersistentVolume && change.type == store::ChangeType::Deleted) {
        for (const auto& claim : world.store.truth(Kind::PersistentVolumeClaim)) {
          EXPECT_NE(claim->meta.uid, find_string(object.raw.at("spec"), {"claimRef", "uid"}))
              << "the volume of " << claim->meta.name << " is gone";
        }
      }
    };
    for (int i = 0; i < 3; ++i) {
      world.put(fmt::format(
          R"({{"apiVersion":"v1","kind":"PersistentVolume","metadata":{{"name":"pv-{0}"}},"spec":{{"capacity":{{
          "storage":"{0}Gi"}},"accessModes":["ReadWriteOnce"],"storageClassName":"","persistentVolumeReclaimPolicy":"Retain",
          "hostPath":{{"path":"/srv/{0}"}}}},"status":{{"phase":"Available"}}}})",
          i + 1));
    }
    world.begin();
    int number = 0;
    for (int i = 0; i < 12; ++i) {
      world.run_for(milliseconds(world.below(300)));
      if (world.chance(0.2)) world.volumes.fail_next("provision", Error(ErrorCode::Unavailable, "the server is away"));
      if (world.chance(0.2)) world.volumes.fail_next("reclaim", Error(ErrorCode::Unavailable, "the server is away"));
      const auto claims = world.store.truth(Kind::PersistentVolumeClaim);
      if (world.chance(0.6)) {
        world.put(fmt::format(
            R"({{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{{"name":"c-{}","namespace":"default"}},
            "spec":{{"accessModes":["ReadWriteOnce"],"storageClassName":"{}","volumeMode":"Filesystem",
            "resources":{{"requests":{{"storage":"1Gi"}}}}}},"status":{{"phase":"Pending"}}}})",
            number++, world.chance(0.5) ? "loop" : ""));
      } else if (!claims.empty()) {
        world.remove_gracefully(claims[static_cast<std::size_t>(world.below(static_cast<int>(claims.size())))]->key());
      }
    }
    ASSERT_TRUE(world.converges());
    std::set<std::string> used;
    for (const auto& claim : world.store.truth(Kind::PersistentVolumeClaim)) {
      const auto phase = find_string(claim->raw.at("status"), {"phase"});
      const auto volume = std::string(find_string(claim->raw.at("spec"), {"volumeName"}));
      if (phase != "Bound") {
        EXPECT_EQ(find_string(claim->raw.at("spec"), {"storageClassName"}), "") << claim->meta.name << " is not bound";
        continue;
      }
      EXPECT_TRUE(used.insert(volume).second) << volume << " is bound twice";
      const auto stored = world.truth(Kind::PersistentVolume, volume);
      ASSERT_TRUE(stored);
      EXPECT_EQ(find_string(stored->raw.at("spec"), {"claimRef", "uid"}), claim->meta.uid);
    }
    for (const auto& volume : world.store.truth(Kind::PersistentVolume)) {
      if (volume->meta.name.starts_with("pvc-")) {
        EXPECT_TRUE(used.contains(volume->meta.name)) << "left over";
      }
    }
  });
}

TEST_F(ControllerSimulation, ANamespaceEndsInItsOrderAndWhatHasNoOwnerGoes) {
  play([](World& world) {
    world.look = [&](const store::Change& change) {
      const auto& object = *change.object;
      if (object.meta.ns != "team" || world.by_hand) return;
      if (object.kind == Kind::ServiceAccount && change.type == store::ChangeType::Added) {
        const auto home = world.truth(Kind::Namespace, "team");
        EXPECT_TRUE(home && !home->meta.deleting()) << "an account is made in a namespace that ends";
      }
      if (object.kind == Kind::ConfigMap && change.type == store::ChangeType::Deleted &&
          object.meta.name == "settings") {
        for (const auto& pod : world.store.truth(Kind::Pod)) {
          EXPECT_NE(pod->meta.ns, "team") << "settings went before " << pod->meta.name;
        }
      }
    };
    const auto make = [&](const std::string& kind, const std::string& name, const std::string& owner = "") {
      world.put(fmt::format(
          R"({{"apiVersion":"v1","kind":"{}","metadata":{{"name":"{}","namespace":"team","uid":"{}-uid"{}}},
          "spec":{{"containers":[{{"name":"c","image":"x"}}]}}}})",
          kind, name, name,
          owner.empty() ? ""
                        : fmt::format(R"(,"ownerReferences":[{{"apiVersion":"v1","kind":"ConfigMap","name":"{0}",
                          "uid":"{0}-uid"}}])",
                                      owner)));
    };
    world.put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"team"},"status":{"phase":"Active"}})");
    for (const auto* name : {"settings", "root", "other"}) make("ConfigMap", name);
    make("ConfigMap", "child", "root");
    make("Secret", "grandchild", "child");
    for (int i = 0; i < 3; ++i) make("Pod", fmt::format("pod-{}", i));
    world.begin();
    world.run_for(milliseconds(world.below(200)));
    world.remove({Kind::ConfigMap, "team", "root"});
    world.run_for(milliseconds(world.below(200)));
    const auto ends = world.chance(0.7);
    if (ends) world.remove_gracefully({Kind::Namespace, "", "team"});
    for (int i = 0; i < 5; ++i) {
      world.run_for(milliseconds(world.below(200)));
      world.host(0.3);
    }
    ASSERT_TRUE(world.converges());
    EXPECT_FALSE(world.truth(Kind::Secret, "grandchild", "team"));
    EXPECT_FALSE(world.truth(Kind::ConfigMap, "child", "team"));
    EXPECT_EQ(world.truth(Kind::Namespace, "team") == nullptr, ends);
    EXPECT_EQ(world.truth(Kind::ConfigMap, "settings", "team") == nullptr, ends);
    EXPECT_EQ(world.truth(Kind::Pod, "pod-0", "team") == nullptr, ends);
    EXPECT_TRUE(world.truth(Kind::ServiceAccount, "default"));
    for (const auto& account : world.store.truth(Kind::ServiceAccount)) {
      EXPECT_TRUE(world.truth(Kind::Namespace, account->meta.ns)) << "an account without its namespace";
    }
  });
}

TEST_F(ControllerSimulation, NothingIsSentAgainWhileItIsOnItsWay) {
  World world(4);  // Late, and nothing else.
  NamespaceController namespaces{world.clock, world.store};
  ControllerRunner runner{
      {.loop = world.loop, .clock = world.clock, .writer = world.writer, .events = [](auto&&...) {}}};
  std::map<std::string, int> sent;
  auto row = namespaces.row();
  row.plan = [&, plan = row.plan](const ObjectKey& key) {
    auto work = plan(key);
    for (const auto& write : work.writes) {
      if (write.verb == Write::Verb::Delete) ++sent[write.key.display()];
    }
    return work;
  };
  runner.add(row);
  const auto follow =
      world.store.follow({}, {.on_snapshot = [&](const store::Listing&) { runner.wake_all(); },
                              .on_change = [&](const store::Change& change) { runner.on_change(change); },
                              .on_lost = {}});
  world.put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"team"},"status":{"phase":"Active"}})");
  for (int i = 0; i < 30; ++i) {
    world.put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"pod-{}","namespace":"team"}},
        "spec":{{"containers":[{{"name":"c","image":"x"}}]}}}})",
                          i));
  }
  const auto work_for = [&](milliseconds span) {
    const auto end = world.store.now() + span;
    while (world.store.now() < end) {
      if (world.loop.poll() == 0 && world.store.step() == 0) world.store.run_for(end - world.store.now());
    }
  };
  work_for(milliseconds(100));
  world.remove_gracefully({Kind::Namespace, "", "team"});
  for (int i = 0; i < 200; ++i) {  // All the while, pods come to be seen as they change.
    world.edit({Kind::Pod, "team", fmt::format("pod-{}", i % 30)}, [&](json::object& raw) {
      raw["metadata"].get_object()["labels"] = {{"n", std::to_string(i)}};
    });
    work_for(milliseconds(1));
  }
  EXPECT_EQ(sent.size(), 30U);
  for (const auto& [pod, times] : sent) EXPECT_EQ(times, 1) << pod;
  for (const auto& pod : world.store.truth(Kind::Pod)) EXPECT_TRUE(pod->meta.deleting());
}

TEST_F(ControllerSimulation, EndpointsEndUpAsTheirPodsAre) {
  play([](World& world) {
    world.put(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"default"},
        "spec":{"clusterIP":"None","selector":{"app":"web"},"ports":[{"port":80,"protocol":"TCP"}]}})");
    world.begin();
    for (int i = 0; i < 15; ++i) {
      world.run_for(milliseconds(world.below(300)));
      const ObjectKey key{Kind::Pod, "default", fmt::format("web-{}", world.below(4))};
      if (!world.store.truth(key)) {
        world.put(fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":"default",
            "labels":{{"app":"web"}}}},"spec":{{"nodeName":"n1","containers":[{{"name":"c","image":"x"}}]}}}})",
                              key.name));
      } else if (world.chance(0.3)) {
        world.remove_gracefully(key);
      } else if (world.chance(0.2)) {
        world.edit({Kind::Endpoints, "default", "web"}, [](json::object& raw) { raw.erase("subsets"); });
      } else {
        world.set_ready(key, world.chance(0.5));
      }
      world.host(0.2);
    }
    ASSERT_TRUE(world.converges());
    const auto pods = world.store.truth(Kind::Pod);
    const auto endpoints = world.truth(Kind::Endpoints, "web");
    ASSERT_TRUE(endpoints);
    const auto* subsets = endpoints->raw.if_contains("subsets");
    const auto listed = subsets == nullptr ? 0 : subsets->at(0).at("addresses").as_array().size();
    EXPECT_EQ(listed, pods.size()) << "all are ready by now";
    const auto slices = world.store.truth(Kind::EndpointSlice);
    ASSERT_EQ(slices.size(), 1U);
    EXPECT_EQ(slices[0]->raw.at("endpoints").as_array().size(), pods.size());
  });
}

}  // namespace
}  // namespace berth::agent
