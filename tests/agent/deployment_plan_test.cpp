// tests/agent/deployment_plan_test.cpp - rollouts: cases from Kubernetes' own tests, and random days with what must
// never happen. BERTH_RUNS says how many days there are.
#include "agent/sets/deployment_plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "agent/sets/deployment_sizes.hpp"
#include "agent/sets/deployment_status.hpp"
#include "agent/sets/replica_set_object.hpp"
#include "agent/sets/replica_set_plan.hpp"
#include "agent/sets/set_plan.hpp"

namespace berth::agent {
namespace {

using testing::ElementsAre;

std::uint64_t runs() {
  const auto* text = std::getenv("BERTH_RUNS");
  const auto asked = text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  return asked == 0 ? 200 : asked;
}

/// A Deployment with its ReplicaSets and pods, where every write is seen at once.
class Harbour {
 public:
  explicit Harbour(std::int32_t replicas) {
    deployment.meta.name = "web";
    deployment.meta.ns = "default";
    deployment.meta.uid = "web-uid";
    deployment.meta.generation = 1;
    deployment.replicas = replicas;
    deployment.selector.match_labels = {{"app", "web"}};
    image("v1");
  }

  void image(const std::string& name) {
    deployment.pod_template.raw = {{"metadata", {{"labels", {{"app", "web"}}}}},
                                   {"spec", {{"containers", json::array{{{"name", "c"}, {"image", name}}}}}}};
    ++deployment.meta.generation;
  }
  void scale(std::int32_t replicas) {
    deployment.replicas = replicas;
    ++deployment.meta.generation;
  }

  struct Kept {
    std::shared_ptr<model::ReplicaSet> set;
    std::vector<std::shared_ptr<model::Pod>> pods;
    bool observed = false;

    std::string image() const {
      return std::string(find_string(json::value(set->pod_template.raw).at("spec").at("containers").at(0), {"image"}));
    }
    std::int32_t active() const {
      return static_cast<std::int32_t>(
          std::count_if(pods.begin(), pods.end(), [](const auto& p) { return is_active(*p); }));
    }
    std::int32_t available() const {
      return static_cast<std::int32_t>(
          std::count_if(pods.begin(), pods.end(), [](const auto& p) { return is_active(*p) && p->status.ready(); }));
    }
  };

  DeploymentFacts facts() const {
    DeploymentFacts facts;
    facts.now = now;
    facts.hash = hash_for(deployment);
    for (const auto& each : sets) {
      facts.name_taken = facts.name_taken || each.set->meta.name == "web-" + facts.hash;
      DeployedSet counted{.set = each.set};
      counted.active = each.active();
      counted.observed = each.observed;
      counted.ready = counted.available = each.available();
      counted.has_pods =
          std::any_of(each.pods.begin(), each.pods.end(), [](const auto& pod) { return !is_terminal(*pod); });
      facts.sets.push_back(counted);
    }
    facts.name_taken = facts.name_taken || taken == "web-" + facts.hash;
    return facts;
  }

  /// One plan, carried out. False: there was nothing to do.
  bool deploy() {
    const auto plan = plan_deployment(deployment, facts());
    auto did = false;
    if (plan.create) {
      auto raw = *plan.create;
      raw["metadata"].get_object()["uid"] = fmt::format("set-{}", ++numbers);
      raw["metadata"].get_object()["creationTimestamp"] = format_rfc3339(now);
      const auto object = model::make_object(std::move(raw));
      EXPECT_TRUE(object.ok());
      sets.push_back({std::make_shared<model::ReplicaSet>(*model::decode_replica_set(*object)), {}, false});
      did = true;
    }
    for (const auto& edit : plan.edits) {
      for (auto& each : sets) {
        if (each.set != edit.set) continue;
        auto copy = std::make_shared<model::ReplicaSet>(*each.set);
        if (edit.replicas) copy->replicas = *edit.replicas;
        if (edit.replicas) each.observed = false;
        for (const auto& [name, value] : edit.annotations) copy->meta.annotations[name] = value;
        each.set = copy;
      }
      did = true;
    }
    for (const auto& gone : plan.remove) {
      std::erase_if(sets, [&](const Kept& each) {
        if (each.set == gone) {
          EXPECT_EQ(each.active(), 0) << "a ReplicaSet with pods is deleted";
        }
        return each.set == gone;
      });
      did = true;
    }
    did = did || plan.status.conditions != deployment.status.conditions ||
          plan.status.collision_count != deployment.status.collision_count;
    deployment.status = plan.status;
    if (!plan.revision.empty()) deployment.meta.annotations[kRevision] = plan.revision;
    if (plan.undo) {
      ++undos;
      deployment.pod_template.raw = plan.undo->pod_template;
      deployment.meta.annotations[kUndoneTo] = plan.undo->to;
      ++deployment.meta.generation;
      did = true;
    }
    look_again = plan.look_again;
    return did;
  }

  /// What the ReplicaSets' controller does, for all of them.
  bool fill() {
    auto did = false;
    for (auto& each : sets) {
      ReplicaFacts facts{.pods = {each.pods.begin(), each.pods.end()}, .free = {}, .now = now};
      const auto plan = plan_replica_set(*each.set, facts);
      did = did || !each.observed;
      each.observed = true;
      for (std::int32_t i = 0; i < plan.create; ++i) {
        auto pod = std::make_shared<model::Pod>();
        pod->meta.name = fmt::format("pod-{}", ++numbers);
        pod->meta.labels = each.set->pod_template.meta.labels;
        pod->spec.node_name = "n1";
        pod->status.phase = "Pending";
        each.pods.push_back(pod);
        did = true;
      }
      for (const auto& gone : plan.remove) {
        for (auto& pod : each.pods) {
          if (pod != gone) continue;
          if (pod->status.ready() && on_stop) on_stop();
          pod->meta.deletion_timestamp = "now";
        }
        did = true;
      }
    }
    if (did && on_fill) on_fill();
    return did;
  }

  static void set_ready(model::Pod& pod, bool ready) {
    pod.status.phase = "Running";
    pod.status.conditions = {{"Ready", ready ? "True" : "False", "", "", "2026-11-29T10:00:00Z"}};
  }
  void ready_all(const std::string& of = {}) {
    for (auto& each : sets) {
      if (!of.empty() && each.image() != of) continue;
      for (auto& pod : each.pods) {
        if (is_active(*pod)) set_ready(*pod, true);
      }
    }
  }
  void bury() {
    for (auto& each : sets) std::erase_if(each.pods, [](const auto& pod) { return !is_active(*pod); });
  }
  /// Nothing changes any more without somebody's doing.
  void settle() {
    for (int i = 0; i < 100; ++i) {
      const auto deployed = deploy();
      if (!fill() && !deployed) return;
    }
    ADD_FAILURE() << "it turns in a circle";
  }
  void finish() {
    for (int i = 0; i < 100; ++i) {
      settle();
      bury();
      ready_all();
      const auto deployed = deploy();
      if (!fill() && !deployed && std::all_of(sets.begin(), sets.end(), [](const Kept& each) {
            return static_cast<std::size_t>(each.active()) == each.pods.size();
          })) {
        return;
      }
    }
    ADD_FAILURE() << "it does not converge";
  }

  std::int32_t all_active() const {
    std::int32_t sum = 0;
    for (const auto& each : sets) sum += each.active();
    return sum;
  }
  std::int32_t all_available() const {
    std::int32_t sum = 0;
    for (const auto& each : sets) sum += each.available();
    return sum;
  }
  const Kept& of(const std::string& image) const {
    const auto found = std::find_if(sets.begin(), sets.end(), [&](const Kept& each) { return each.image() == image; });
    EXPECT_NE(found, sets.end()) << image;
    return *found;
  }
  std::string reason(std::string_view type) const {
    const auto* condition = deployment.status.condition(type);
    return condition == nullptr ? "" : condition->status + " " + condition->reason;
  }

  model::Deployment deployment;
  std::vector<Kept> sets;
  WallTime now = *parse_rfc3339("2026-11-29T10:00:00Z");
  int numbers = 0;
  int undos = 0;
  std::string taken;
  std::optional<std::chrono::milliseconds> look_again;
  std::function<void()> on_stop;  ///< Before a pod that is ready is stopped.
  std::function<void()> on_fill;
};

TEST(DeploymentPlan, ANewOneGetsAReplicaSetWithRevisionHashAndSizes) {
  Harbour harbour(3);
  ASSERT_TRUE(harbour.deploy());
  ASSERT_EQ(harbour.sets.size(), 1U);
  const auto& set = *harbour.sets[0].set;
  EXPECT_EQ(set.replicas, 3);
  EXPECT_EQ(set.meta.name, "web-" + set.meta.labels.at("pod-template-hash"));
  EXPECT_EQ(set.selector.match_labels.at("pod-template-hash"), set.meta.labels.at("pod-template-hash"));
  EXPECT_EQ(set.pod_template.meta.labels.at("pod-template-hash"), set.meta.labels.at("pod-template-hash"));
  EXPECT_EQ(set.meta.annotations.at("deployment.kubernetes.io/revision"), "1");
  EXPECT_EQ(set.meta.annotations.at("deployment.kubernetes.io/desired-replicas"), "3");
  EXPECT_EQ(set.meta.annotations.at("deployment.kubernetes.io/max-replicas"), "4");
  ASSERT_NE(set.meta.controller(), nullptr);
  EXPECT_EQ(set.meta.controller()->kind, "Deployment");
  EXPECT_EQ(harbour.reason("Progressing"), "True NewReplicaSetCreated");
  EXPECT_EQ(harbour.reason("Available"), "False MinimumReplicasUnavailable");
  EXPECT_EQ(harbour.deployment.meta.annotations.at("deployment.kubernetes.io/revision"), "1");
  harbour.settle();
  EXPECT_EQ(harbour.reason("Progressing"), "True ReplicaSetUpdated");
  EXPECT_EQ(harbour.deployment.status.unavailable, 3);
  harbour.finish();
  EXPECT_EQ(harbour.reason("Progressing"), "True NewReplicaSetAvailable");
  EXPECT_EQ(harbour.reason("Available"), "True MinimumReplicasAvailable");
  EXPECT_EQ(harbour.deployment.status.condition("Progressing")->message,
            fmt::format("ReplicaSet \"{}\" has successfully progressed.", set.meta.name));
}

TEST(DeploymentPlan, SharesAreRoundedInFavourOfARolloutThatEnds) {
  model::Deployment deployment;
  const auto limits = [&](std::int32_t replicas, model::CountOrPercent surge, model::CountOrPercent unavailable) {
    deployment.replicas = replicas;
    deployment.max_surge = surge;
    deployment.max_unavailable = unavailable;
    return std::pair(max_surge(deployment), max_unavailable(deployment));
  };
  EXPECT_EQ(limits(10, {25, true}, {25, true}), std::pair(3, 2));
  EXPECT_EQ(limits(1, {25, true}, {25, true}), std::pair(1, 0));
  EXPECT_EQ(limits(3, {0, false}, {10, true}), std::pair(0, 1)) << "neither: one at a time";
  EXPECT_EQ(limits(4, {200, true}, {9, false}), std::pair(8, 4));
  EXPECT_EQ(limits(0, {1, false}, {1, false}), std::pair(1, 0));
  deployment.strategy = "Recreate";
  EXPECT_EQ(limits(10, {25, true}, {25, true}), std::pair(0, 0));
}

TEST(DeploymentPlan, ARolloutGoesAsFarAsSurgeAndFloorAllowAndABrokenOneStaysThere) {
  Harbour harbour(10);  // At most 13, at least 8 available.
  harbour.finish();
  harbour.image("broken");
  harbour.settle();
  EXPECT_EQ(harbour.of("v1").set->replicas, 8);
  EXPECT_EQ(harbour.of("broken").set->replicas, 5);
  EXPECT_EQ(harbour.all_available(), 8);
  EXPECT_EQ(harbour.reason("Available"), "True MinimumReplicasAvailable");
  ASSERT_TRUE(harbour.look_again);
  EXPECT_EQ(harbour.look_again->count(), 601'000);
  harbour.now += std::chrono::seconds(602);
  harbour.deploy();
  EXPECT_EQ(harbour.reason("Progressing"), "False ProgressDeadlineExceeded");
  EXPECT_EQ(harbour.all_available(), 8) << "nothing is undone, and nothing is taken away";
  harbour.image("v1");  // rollout undo
  harbour.finish();
  EXPECT_EQ(harbour.of("v1").set->replicas, 10);
  EXPECT_EQ(harbour.of("broken").set->replicas, 0);
  EXPECT_EQ(harbour.of("v1").set->meta.annotations.at("deployment.kubernetes.io/revision"), "3");
  EXPECT_EQ(harbour.of("v1").set->meta.annotations.at("deployment.kubernetes.io/revision-history"), "1");
  EXPECT_EQ(harbour.deployment.meta.annotations.at("deployment.kubernetes.io/revision"), "3");
  EXPECT_EQ(harbour.reason("Progressing"), "True NewReplicaSetAvailable");
}

TEST(DeploymentPlan, AutoUndoPutsTheTemplateBeforeBackWhenTheDeadlineIsOver) {
  Harbour harbour(10);
  harbour.deployment.meta.annotations[kAutoUndo] = "true";
  harbour.finish();
  harbour.image("broken");
  harbour.settle();
  EXPECT_EQ(harbour.undos, 0);
  harbour.now += std::chrono::seconds(602);
  harbour.settle();
  EXPECT_EQ(harbour.undos, 1);
  EXPECT_EQ(harbour.reason("Undone"), "True ProgressDeadlineExceeded");
  EXPECT_NE(
      harbour.deployment.status.condition("Undone")->message.find("the template of revision 1 (ReplicaSet \"web-"),
      std::string::npos);
  EXPECT_EQ(harbour.of("v1").set->replicas, 10);
  EXPECT_EQ(harbour.of("broken").set->replicas, 0);
  harbour.finish();
  EXPECT_EQ(harbour.of("v1").set->meta.annotations.at("deployment.kubernetes.io/revision"), "3");
  EXPECT_EQ(harbour.reason("Progressing"), "True NewReplicaSetAvailable");
  EXPECT_EQ(harbour.reason("Undone"), "True ProgressDeadlineExceeded") << "for as long as that template stays";
  harbour.image("v2");
  harbour.finish();
  EXPECT_EQ(harbour.reason("Undone"), "");
  EXPECT_EQ(harbour.undos, 1);
}

TEST(DeploymentPlan, AutoUndoNeverTurnsInACircle) {
  Harbour harbour(2);
  harbour.deployment.strategy = "Recreate";
  harbour.deployment.meta.annotations[kAutoUndo] = "true";
  harbour.finish();
  const auto fail = [&] {
    for (int i = 0; i < 4; ++i) {
      harbour.settle();
      harbour.bury();
      harbour.settle();
      harbour.now += std::chrono::seconds(700);
    }
    harbour.settle();
  };
  harbour.image("bad");
  fail();
  EXPECT_EQ(harbour.undos, 1);
  fail();  // The one that was put back is not well either: nobody's registry answers.
  fail();
  EXPECT_EQ(harbour.undos, 1);
  EXPECT_EQ(harbour.of("v1").set->replicas, 2);
  harbour.image("bad too");
  fail();
  EXPECT_EQ(harbour.undos, 2) << "somebody tried again, that is another rollout";
  harbour.deployment.meta.annotations.erase(kAutoUndo);
  harbour.image("worse");
  fail();
  EXPECT_EQ(harbour.undos, 2);
}

TEST(DeploymentPlan, ARolloverTakesThePodsOfTheSecondTemplateThatNeverWereWellFirst) {
  Harbour harbour(10);
  harbour.finish();
  harbour.image("v2");
  harbour.settle();
  harbour.image("v3");
  harbour.settle();
  EXPECT_EQ(harbour.of("v1").set->replicas, 8);
  EXPECT_EQ(harbour.of("v2").set->replicas, 0);
  EXPECT_EQ(harbour.of("v3").set->replicas, 5);
}

TEST(DeploymentPlan, RecreateWaitsUntilTheLastOldPodIsGone) {
  Harbour harbour(3);
  harbour.deployment.strategy = "Recreate";
  harbour.finish();
  harbour.image("v2");
  harbour.settle();
  EXPECT_EQ(harbour.sets.size(), 1U) << "pods that are ending have what they had";
  EXPECT_EQ(harbour.of("v1").set->replicas, 0);
  harbour.bury();
  harbour.settle();
  EXPECT_EQ(harbour.of("v2").set->replicas, 3);
  harbour.finish();
  EXPECT_EQ(harbour.deployment.status.updated, 3);
}

TEST(DeploymentPlan, WhilePausedNothingIsRolledAndScalingIsShared) {
  Harbour harbour(10);
  harbour.finish();
  harbour.image("v2");
  harbour.settle();  // 8 and 5
  harbour.deployment.paused = true;
  harbour.scale(20);
  harbour.settle();
  EXPECT_EQ(harbour.reason("Progressing"), "Unknown DeploymentPaused");
  // Of 25: as in Kubernetes' conformance test, in proportion, and what is left over for the largest.
  EXPECT_EQ(harbour.of("v1").set->replicas, 15);
  EXPECT_EQ(harbour.of("v2").set->replicas, 10);
  harbour.ready_all();
  harbour.settle();
  EXPECT_EQ(harbour.of("v1").set->replicas, 15) << "paused is paused";
  harbour.deployment.paused = false;
  harbour.finish();
  EXPECT_EQ(harbour.of("v2").set->replicas, 20);
  EXPECT_EQ(harbour.of("v1").set->replicas, 0);
}

TEST(DeploymentPlan, WhatAnOldSetMayStillBeMakingHasItsPlace) {
  Harbour harbour(4);  // At most 5.
  harbour.finish();
  harbour.image("v2");
  harbour.deploy();
  harbour.deploy();
  EXPECT_EQ(harbour.of("v1").set->replicas, 3);
  const auto before = harbour.of("v2").set->replicas;
  harbour.deploy();
  EXPECT_EQ(harbour.of("v2").set->replicas, before) << "the old one has not seen yet that it is to shrink";
  harbour.fill();
  harbour.deploy();
  EXPECT_EQ(harbour.of("v2").set->replicas, before + 1);
}

TEST(DeploymentPlan, PausedFromTheStartItMakesNothing) {
  Harbour harbour(2);
  harbour.deployment.paused = true;
  harbour.settle();
  EXPECT_TRUE(harbour.sets.empty());
}

TEST(DeploymentPlan, TheProportionsOfKubernetesOwnCases) {
  model::Deployment deployment;
  const auto shared = [&](std::int32_t replicas, model::CountOrPercent surge, std::vector<SizedSet> sets) {
    deployment.replicas = replicas;
    deployment.max_surge = surge;
    deployment.max_unavailable = {1, false};
    return share_out(deployment, sets);
  };
  const auto set = [](const char* name, const char* created, std::int32_t replicas, std::int32_t max) {
    return SizedSet{name, created, replicas, max};
  };
  EXPECT_THAT(shared(10, {0, false}, {set("v2", "2", 3, 5), set("v1", "1", 2, 5)}), ElementsAre(6, 4));
  EXPECT_THAT(shared(5, {0, false}, {set("v2", "2", 7, 10), set("v1", "1", 3, 10)}), ElementsAre(3, 2));
  EXPECT_THAT(shared(30, {3, false}, {set("v3", "3", 5, 13), set("v1", "1", 8, 13)}), ElementsAre(13, 20));
  EXPECT_THAT(shared(0, {3, false}, {set("v2", "2", 3, 9), set("v1", "1", 6, 9)}), ElementsAre(0, 0));
}

TEST(DeploymentPlan, HistoryIsKeptToItsLimitAndWhatATemplateGoesBackToIsNotMadeAnew) {
  Harbour harbour(1);
  harbour.deployment.revision_history_limit = 2;
  for (const auto* image : {"v1", "v2", "v3", "v4", "v5"}) {
    harbour.image(image);
    harbour.finish();
  }
  EXPECT_EQ(harbour.sets.size(), 3U);
  harbour.image("v3");
  harbour.finish();
  EXPECT_EQ(harbour.sets.size(), 3U);
  EXPECT_EQ(revision_of(*harbour.of("v3").set), 6);
  EXPECT_EQ(revision_of(*harbour.of("v5").set), 5);
}

TEST(DeploymentPlan, ANameThatIsTakenIsACollisionAndTheNextOneIsAnother) {
  Harbour harbour(1);
  harbour.taken = "web-" + hash_for(harbour.deployment);
  harbour.settle();
  EXPECT_EQ(harbour.deployment.status.collision_count, 1);
  ASSERT_EQ(harbour.sets.size(), 1U);
  EXPECT_NE(harbour.sets[0].set->meta.name, harbour.taken);
}

TEST(DeploymentPlan, WhatAFileSaysOfTheDeploymentIsNotSaidOfItsSets) {
  Harbour harbour(1);
  harbour.deployment.meta.annotations = {{"kubernetes.io/change-cause", "because"},
                                         {"berth.io/source", "/etc/berth/manifests/web.yaml"},
                                         {"kubectl.kubernetes.io/last-applied-configuration", "{}"}};
  harbour.settle();
  const auto& annotations = harbour.sets[0].set->meta.annotations;
  EXPECT_EQ(annotations.at("kubernetes.io/change-cause"), "because");
  EXPECT_FALSE(annotations.contains("berth.io/source")) << "a file that goes would delete it";
  EXPECT_FALSE(annotations.contains("kubectl.kubernetes.io/last-applied-configuration"));
}

TEST(DeploymentPlan, ATemplateThatWasKeptWithFewerDefaultsIsTheSame) {
  Harbour harbour(2);
  harbour.finish();
  auto fuller = harbour.deployment.pod_template.raw;
  model::apply_template_defaults(fuller);
  ASSERT_NE(fuller, harbour.deployment.pod_template.raw);
  harbour.deployment.pod_template.raw = fuller;
  ++harbour.deployment.meta.generation;
  harbour.finish();
  EXPECT_EQ(harbour.sets.size(), 1U) << "a new version of ours replaces no pods";
}

TEST(DeploymentPlan, SetsThatMatchAreTakenAndOthersLetGoBeforeAnythingElse) {
  Harbour harbour(2);
  harbour.finish();
  auto facts = harbour.facts();
  auto stranger = std::make_shared<model::ReplicaSet>(*harbour.sets[0].set);
  stranger->meta.labels = {{"app", "other"}};
  facts.sets[0].set = stranger;
  facts.free = {harbour.sets[0].set};
  const auto plan = plan_deployment(harbour.deployment, facts);
  EXPECT_EQ(plan.release.size(), 1U);
  EXPECT_EQ(plan.adopt.size(), 1U);
  EXPECT_FALSE(plan.create);
  EXPECT_TRUE(plan.edits.empty());
}

TEST(DeploymentPlan, WithoutADeadlineThereIsNoConditionOfProgress) {
  Harbour harbour(1);
  harbour.deployment.progress_deadline_seconds = std::numeric_limits<std::int32_t>::max();
  harbour.finish();
  EXPECT_EQ(harbour.reason("Progressing"), "");
  EXPECT_EQ(harbour.reason("Available"), "True MinimumReplicasAvailable");
}

/// Whatever a user and a host do: never more pods than replicas + maxSurge, no pod that is ready is stopped when that
/// leaves less than replicas - maxUnavailable, it ends as it should, and its history is right.
TEST(DeploymentDays, KeepTheFloorAndTheCeilingAndEndAsTheyShould) {
  const auto* only = std::getenv("BERTH_SEED");
  const auto first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  const auto last = only == nullptr ? runs() : first;
  std::uint64_t stops = 0;
  for (auto seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(fmt::format("BERTH_SEED={}", seed));
    std::mt19937_64 random(seed);
    const auto below = [&](int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random); };
    Harbour harbour(1 + below(8));
    auto& deployment = harbour.deployment;
    if (below(8) == 0) deployment.strategy = "Recreate";
    deployment.max_surge = {below(3), false};
    deployment.max_unavailable = {below(3), false};
    if (below(2) == 0) deployment.max_surge = deployment.max_unavailable = {25, true};
    deployment.revision_history_limit = below(4);
    auto most = deployment.replicas + max_surge(deployment);
    auto scaled = false;  // Shares of a changed number are about fairness, not about the floor.
    harbour.on_fill = [&] { EXPECT_LE(harbour.all_active(), most) << "more than the surge"; };
    harbour.on_stop = [&] {
      if (scaled || deployment.strategy == "Recreate") return;
      ++stops;
      EXPECT_GT(harbour.all_available(), deployment.replicas - max_unavailable(deployment)) << "below the floor";
    };
    const auto shrinks = [&] {
      return std::any_of(harbour.sets.begin(), harbour.sets.end(),
                         [](const auto& each) { return each.active() > each.set->replicas; });
    };
    int version = 1;
    const auto scales = below(2) == 0;
    for (int i = 0; i < 80; ++i) {
      harbour.now += std::chrono::seconds(below(30));
      switch (below(14)) {
        case 0: harbour.image(fmt::format("v{}", below(2) == 0 ? ++version : 1 + below(version))); break;
        case 1:
          if (scales && below(3) == 0) {
            harbour.scale(below(9));
            most = std::max(most, deployment.replicas + max_surge(deployment));
            scaled = true;
          }
          break;
        case 2:
          deployment.paused = below(3) == 0;
          ++deployment.meta.generation;
          break;
        case 3: harbour.bury(); break;
        case 4:
        case 5:  // What is decided is carried out before somebody gets well or falls ill: nobody could have known.
          if (shrinks()) break;
          for (auto& each : harbour.sets) {
            for (auto& pod : each.pods) {
              if (is_active(*pod) && below(2) == 0) Harbour::set_ready(*pod, true);
            }
          }
          break;
        case 6:
          if (shrinks()) break;
          for (auto& each : harbour.sets) {
            for (auto& pod : each.pods) {
              if (is_active(*pod) && below(6) == 0) Harbour::set_ready(*pod, false);
              if (is_active(*pod) && below(20) == 0) pod->status.phase = "Failed";
            }
          }
          break;
        case 7:
        case 8:
        case 9: harbour.fill(); break;
        default: harbour.deploy(); break;
      }
    }
    deployment.paused = false;
    ++deployment.meta.generation;
    harbour.finish();
    const auto image =
        std::string(find_string(json::value(deployment.pod_template.raw).at("spec").at("containers").at(0), {"image"}));
    std::set<std::int64_t> revisions;
    std::size_t old = 0;
    for (const auto& each : harbour.sets) {
      EXPECT_TRUE(revisions.insert(revision_of(*each.set)).second) << "two of one revision";
      if (each.image() == image) {
        EXPECT_EQ(each.set->replicas, deployment.replicas);
        EXPECT_EQ(each.active(), deployment.replicas);
      } else {
        ++old;
        EXPECT_EQ(each.active(), 0);
      }
    }
    EXPECT_LE(old, static_cast<std::size_t>(deployment.revision_history_limit));
    EXPECT_EQ(revision_of(*harbour.of(image).set), *revisions.rbegin()) << "the newest has the highest number";
    EXPECT_EQ(deployment.meta.annotations.at(kRevision), std::to_string(*revisions.rbegin()));
    EXPECT_EQ(harbour.reason("Progressing"), "True NewReplicaSetAvailable");
    EXPECT_EQ(deployment.status.available, deployment.replicas);
    EXPECT_EQ(deployment.status.unavailable, 0);
    EXPECT_EQ(deployment.status.observed_generation, deployment.meta.generation);
    if (testing::Test::HasFailure()) return;
  }
  if (only == nullptr) {
    EXPECT_GT(stops, last) << "the floor was hardly ever asked about";
  }
}

}  // namespace
}  // namespace berth::agent
