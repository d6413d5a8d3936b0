// tests/agent/two_planners_test.cpp - two hosts plan the same sets over one store, each by what it has seen so far:
// pods are made as often as one planner would. Each run has a seed; BERTH_RUNS says how many there are.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <map>

#include "agent/control/controller_runner.hpp"
#include "agent/jobs/job_controller.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/sets/replica_controller.hpp"
#include "agent/sets/set_controller.hpp"
#include "base/random.hpp"
#include "model/deletion.hpp"
#include "tests/agent/random_days.hpp"
#include "tests/fakes/slow_store.hpp"
#include "tests/fakes/store_clock.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using model::ObjectKey;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::uint64_t runs() { return number_in_environment("BERTH_RUNS", 4); }

/// A host whose cache is behind the store by what was not delivered yet.
class Host {
 public:
  Host(const std::string& name, Loop& loop, store::Store& store, const Clock& clock)
      : nodes(name),
        writer(loop, store, clock),
        sets(clock, cache, store, nodes, /*shared=*/true),
        jobs(clock, cache, store, /*shared=*/true),
        replicas(clock, cache, store, /*shared=*/true),
        runner({.loop = loop,
                .clock = clock,
                .writer = writer,
                .events = [this](const ObjectKey&, const std::string&, std::string_view, std::string_view reason,
                                 const std::string&) { ++said[std::string(reason)]; },
                .is_mine = [](const ObjectKey&) { return true; }}) {
    store::Holders holders;
    for (const auto* each : {"n1", "n2", "n3"}) holders[fmt::format("live/{}", each)] = {each, "", ""};
    nodes.take(holders);
    for (auto& row : {sets.row(), jobs.row(), replicas.row()}) runner.add(row);
    watch = store.follow({}, {.on_snapshot =
                                  [this](const store::Listing& all) {
                                    behind.emplace_back([this, all] {
                                      ObjectCache next;
                                      for (const auto& object : all.objects) next.put(*object);
                                      cache.replace(std::move(next));
                                      runner.wake_all();
                                    });
                                  },
                              .on_change =
                                  [this](const store::Change& change) {
                                    behind.emplace_back([this, change] {
                                      cache.apply(change);
                                      runner.on_change(change);
                                    });
                                  },
                              .on_lost = [] {}});
  }

  bool deliver() {
    if (behind.empty()) return false;
    const auto next = std::move(behind.front());
    behind.pop_front();
    next();
    return true;
  }

  ObjectCache cache;
  LiveNodes nodes;
  StoreWriter writer;
  SetController sets;
  JobController jobs;
  ReplicaController replicas;
  std::map<std::string, int> said;
  ControllerRunner runner;
  std::deque<std::function<void()>> behind;
  std::unique_ptr<store::Watch> watch;
};

class TwoPlanners {
 public:
  TwoPlanners(std::uint64_t seed, store::SlowStoreOptions options)
      : random(seed),
        store(options),
        // After the store's own clock, by which pods were made: what failed was long ago.
        clock(store, std::chrono::sys_days{std::chrono::year{2099} / 1 / 1}) {
    seed_thread_random(seed);  // Of uids.
    put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
    for (const auto* node : {"n1", "n2", "n3"}) {
      put(fmt::format(R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}"}}}})", node));
    }
    for (const auto* name : {"n1", "n2"}) hosts.push_back(std::make_unique<Host>(name, loop, store, clock));
    store.on_truth([this](const store::Change& change) {
      if (look) look(change);
    });
  }

  bool chance(double probability) { return std::uniform_real_distribution<double>(0, 1)(random) < probability; }
  void put(const std::string& text) {
    auto raw = parse_json(text);
    ASSERT_TRUE(raw) << text;
    write(store::Write::put(*model::make_object(raw->get_object())));
  }
  void write(store::Write write) {
    const auto done = store.elsewhere({.conditions = {}, .writes = {std::move(write)}});
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
  }
  void edit(const ObjectKey& key, const std::function<void(json::object&)>& change) {
    auto raw = store.truth(key)->raw;
    change(raw);
    write(store::Write::put(*model::make_object(std::move(raw))));
  }
  std::vector<PodPtr> pods() const {
    std::vector<PodPtr> out;
    for (const auto& object : store.truth(Kind::Pod)) {
      auto pod = model::decode_pod(*object);
      if (pod) out.push_back(std::make_shared<const model::Pod>(*std::move(pod)));
    }
    return out;
  }
  std::size_t active() const {
    const auto all = pods();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [](const auto& pod) { return !pod->meta.deleting() && !is_terminal(*pod); }));
  }

  /// What users and pods do, at random: pods end well or not, are deleted, and go.
  void live(double fails, double deleted, double ends, double gone = 0.5) {
    for (const auto& pod : pods()) {
      const ObjectKey key{Kind::Pod, pod->meta.ns, pod->meta.name};
      const auto say = [&](std::string_view phase) {
        edit(key, [&](json::object& raw) { raw["status"] = {{"phase", phase}}; });
      };
      if (pod->meta.deleting()) {
        if (pod->meta.finalizers.empty() && chance(gone)) write(store::Write::remove(key));
      } else if (is_terminal(*pod)) {
        continue;
      } else if (chance(fails)) {
        ++failed;
        say("Failed");
      } else if (chance(deleted)) {
        ++removed;
        edit(key, [&](json::object& raw) { model::mark_deleted(Kind::Pod, raw, 0, clock.wall()); });
      } else if (chance(ends)) {
        say("Succeeded");
      }
    }
  }

  /// The next thing happens; false: nothing is left before time passes.
  bool step() {
    auto did = loop.poll() > 0;
    for (const auto& host : hosts) {
      while (chance(0.4) && host->deliver()) did = true;
      if (const auto due = host->runner.next_due(); due && *due <= clock.now()) {
        host->runner.run_due();
        did = true;
      }
      did = did || !host->behind.empty();
    }
    return did && chance(0.7) ? true : store.step() > 0 || did;
  }
  void run_for(microseconds span) {
    const auto end = store.now() + span;
    while (store.now() < end) {
      if (step()) continue;
      auto rest = end - store.now();
      for (const auto& host : hosts) {
        if (const auto due = host->runner.next_due()) {
          rest = std::min(rest, std::chrono::ceil<microseconds>(*due - clock.now()));
        }
        host->writer.give_up_waiting();
        host->runner.give_up_waiting();
      }
      store.run_for(std::max(rest, microseconds{1}));
    }
  }
  /// No faults any more; until nothing is written.
  bool settles() {
    store.heal();
    for (int i = 0; i < 60; ++i) {
      const auto before = store.revision();
      run_for(seconds(20));
      live(0, 0, 0, 1);
      run_for(seconds(1));
      const auto idle = [](const auto& host) { return host->runner.is_idle() && host->behind.empty(); };
      if (store.revision() == before && std::all_of(hosts.begin(), hosts.end(), idle)) return true;
    }
    return false;
  }

  std::mt19937_64 random;
  store::SlowStore store;
  StoreClock clock;
  Loop loop;
  std::vector<std::unique_ptr<Host>> hosts;
  std::function<void(const store::Change&)> look;
  int failed = 0;
  int removed = 0;
};

store::SlowStoreOptions faults(std::uint64_t seed) {
  const auto much = seed % 4 == 0 ? 0.0 : 1.0;
  return {.seed = seed,
          .aborted = 0.05 * much,
          .refused = 0.03 * much,
          .unavailable = 0.03 * much,
          .lost_answer = 0.03 * much,
          .no_answer = 0.01 * much,
          .lost_watch = 0.01 * much};
}

bool is_new_pod(const store::Change& change) {
  return change.type == store::ChangeType::Added && change.object->kind == Kind::Pod;
}

constexpr auto kContainers = R"("containers":[{"name":"c","image":"b"}])";

TEST(TwoPlanners, NoCompletionIsBegunTwice) {
  for (std::uint64_t seed = 1; seed <= runs(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    TwoPlanners world(seed, faults(seed));
    constexpr int kCompletions = 6;
    int made = 0;
    world.look = [&](const store::Change& change) {
      if (!is_new_pod(change)) return;
      ++made;
      const auto fresh = *model::decode_pod(*change.object);
      for (const auto& pod : world.pods()) {
        if (pod->meta.uid == fresh.meta.uid || completion_index(*pod) != completion_index(fresh)) continue;
        EXPECT_TRUE(pod->meta.deleting() || pod->status.phase == "Failed")
            << fresh.meta.name << " beside " << pod->meta.name << " " << pod->status.phase;
      }
    };
    world.put(fmt::format(R"({{"apiVersion":"batch/v1","kind":"Job","metadata":{{"name":"sum","namespace":"default"}},
        "spec":{{"completions":{},"parallelism":3,"completionMode":"Indexed","backoffLimit":1000,
        "template":{{"spec":{{"restartPolicy":"Never",{}}}}}}}}})",
                          kCompletions, kContainers));
    for (int i = 0; i < 60; ++i) {
      world.run_for(milliseconds(400));
      world.live(0.1, 0.05, 0.3);
    }
    world.store.heal();
    for (int i = 0; i < 10; ++i) {
      world.run_for(seconds(20));
      world.live(0, 0, 1, 1);
    }
    EXPECT_TRUE(world.settles());
    EXPECT_EQ(made, kCompletions + world.failed + world.removed);
    const auto job = world.store.truth({Kind::Job, "default", "sum"});
    EXPECT_EQ(find(job->raw.at("status"), {"succeeded"})->to_number<int>(), kCompletions);
    EXPECT_EQ(find_string(job->raw.at("status"), {"completedIndexes"}), "0-5");
    if (testing::Test::HasFailure()) return;
  }
}

TEST(TwoPlanners, NoNodeHasADaemonTwice) {
  for (std::uint64_t seed = 1; seed <= runs(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    TwoPlanners world(seed, faults(seed));
    std::set<std::string> names;
    world.look = [&](const store::Change& change) {
      if (!is_new_pod(change)) return;
      EXPECT_TRUE(names.insert(change.object->meta.name).second) << change.object->meta.name << " is used again";
      const auto fresh = *model::decode_pod(*change.object);
      for (const auto& pod : world.pods()) {
        EXPECT_TRUE(pod->meta.uid == fresh.meta.uid || pod->spec.node_name != fresh.spec.node_name)
            << fresh.meta.name << " beside " << pod->meta.name << " on " << pod->spec.node_name;
      }
    };
    world.put(
        fmt::format(R"({{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{{"name":"agent","namespace":"default"}},
        "spec":{{"selector":{{"matchLabels":{{"app":"a"}}}},
        "template":{{"metadata":{{"labels":{{"app":"a"}}}},"spec":{{{}}}}}}}}})",
                    kContainers));
    for (int i = 0; i < 60; ++i) {
      world.run_for(milliseconds(300));
      world.live(0.05, 0.2, 0);
    }
    EXPECT_TRUE(world.settles());
    EXPECT_EQ(world.active(), 3U);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(TwoPlanners, AReplicaSetNeverHasMoreThanItWants) {
  for (std::uint64_t seed = 1; seed <= runs(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    TwoPlanners world(seed, faults(seed));
    constexpr std::size_t kReplicas = 5;
    std::set<std::string> names;
    world.look = [&](const store::Change& change) {
      if (!is_new_pod(change)) return;
      EXPECT_TRUE(names.insert(change.object->meta.name).second) << change.object->meta.name << " is used again";
      EXPECT_LE(world.active(), kReplicas);
    };
    world.put(
        fmt::format(R"({{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{{"name":"web","namespace":"default"}},
        "spec":{{"replicas":{},"selector":{{"matchLabels":{{"app":"w"}}}},
        "template":{{"metadata":{{"labels":{{"app":"w"}}}},"spec":{{{}}}}}}}}})",
                    kReplicas, kContainers));
    for (int i = 0; i < 60; ++i) {
      world.run_for(milliseconds(300));
      world.live(0.05, 0.2, 0);
    }
    EXPECT_TRUE(world.settles());
    EXPECT_EQ(world.active(), kReplicas);
    if (testing::Test::HasFailure()) return;
  }
}

/// Losing to the other is neither said nor waited for.
TEST(TwoPlanners, ALostRaceIsNoFailure) {
  for (std::uint64_t seed = 4; seed <= 40; seed += 4) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    TwoPlanners world(seed, faults(seed));
    world.put(
        fmt::format(R"({{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{{"name":"web","namespace":"default"}},
        "spec":{{"replicas":3,"selector":{{"matchLabels":{{"app":"w"}}}},
        "template":{{"metadata":{{"labels":{{"app":"w"}}}},"spec":{{{}}}}}}}}})",
                    kContainers));
    world.put(
        fmt::format(R"({{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{{"name":"db","namespace":"default"}},
        "spec":{{"replicas":3,"podManagementPolicy":"Parallel","selector":{{"matchLabels":{{"app":"d"}}}},
        "template":{{"metadata":{{"labels":{{"app":"d"}}}},"spec":{{{}}}}}}}}})",
                    kContainers));
    EXPECT_TRUE(world.settles());
    EXPECT_EQ(world.active(), 6U);
    EXPECT_TRUE(world.store.truth({Kind::Pod, "default", "db-2"}));
    EXPECT_EQ(world.hosts[0]->said["SuccessfulCreate"] + world.hosts[1]->said["SuccessfulCreate"], 6);
    for (const auto& host : world.hosts) EXPECT_EQ(host->said["FailedCreate"], 0);
  }
}

}  // namespace
}  // namespace berth::agent
