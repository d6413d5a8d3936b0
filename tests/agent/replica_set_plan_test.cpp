// tests/agent/replica_set_plan_test.cpp - how many pods to make, which to delete first, whose they are.
#include "agent/sets/replica_set_plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/sets/pod_names.hpp"
#include "agent/sets/status_numbers.hpp"

namespace berth::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const WallTime kNow = *parse_rfc3339("2026-11-29T10:00:00Z");

model::ReplicaSet set_of(std::int32_t replicas) {
  model::ReplicaSet set;
  set.meta.name = "web";
  set.meta.uid = "web-uid";
  set.replicas = replicas;
  set.selector.match_labels = {{"app", "web"}};
  set.pod_template.meta.labels = {{"app", "web"}, {"tier", "front"}};
  return set;
}

struct PodSketch {
  std::string name;
  std::string node = "n1";
  std::string phase = "Running";
  bool ready = true;
  std::string ready_since = "2026-11-29T09:00:00Z";
  std::string created = "2026-11-29T08:00:00Z";
  std::string cost{};
  int restarts = 0;
  model::StringMap labels{{"app", "web"}};
};

std::shared_ptr<model::Pod> make(const PodSketch& sketch) {
  auto pod = std::make_shared<model::Pod>();
  pod->meta.name = sketch.name;
  pod->meta.labels = sketch.labels;
  pod->meta.creation_timestamp = sketch.created;
  if (!sketch.cost.empty()) pod->meta.annotations["controller.kubernetes.io/pod-deletion-cost"] = sketch.cost;
  pod->spec.node_name = sketch.node;
  pod->status.phase = sketch.phase;
  pod->status.conditions = {{"Ready", sketch.ready ? "True" : "False", "", "", sketch.ready_since}};
  model::ContainerStatus container;
  container.restart_count = sketch.restarts;
  pod->status.container_statuses.push_back(container);
  return pod;
}

std::vector<std::string> names(const std::vector<PodPtr>& pods) {
  std::vector<std::string> out;
  for (const auto& pod : pods) out.push_back(pod->meta.name);
  return out;
}

TEST(ReplicaSetPlan, MissingPodsAreMadeAndThoseThatEndedOrEndDoNotCount) {
  ReplicaFacts facts{.pods = {make({.name = "a"}), make({.name = "b", .phase = "Failed"}), make({.name = "c"})},
                     .free = {},
                     .now = kNow};
  auto ending = make({.name = "d"});
  ending->meta.deletion_timestamp = "2026-11-29T10:00:00Z";
  facts.pods.push_back(ending);
  const auto plan = plan_replica_set(set_of(3), facts);
  EXPECT_EQ(plan.create, 1);
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_EQ(plan.replicas, 2);
  EXPECT_EQ(plan.ready, 2);
  EXPECT_EQ(plan_replica_set(set_of(2000), {.pods = {}, .free = {}, .now = kNow}).create, kBurst);
}

TEST(ReplicaSetPlan, OfTooManyThoseGoFirstThatAreMissedTheLeast) {
  const std::vector<PodSketch> order{
      {.name = "unassigned", .node = "", .phase = "Pending", .ready = false},
      {.name = "pending", .phase = "Pending", .ready = false},
      {.name = "unknown", .phase = "Unknown", .ready = false},
      {.name = "not-ready", .ready = false},
      {.name = "cheap", .cost = "-5"},
      {.name = "ready-for-less-long", .ready_since = "2026-11-29T09:30:00Z"},
      {.name = "restarted", .restarts = 3},
      {.name = "younger", .created = "2026-11-29T08:30:00Z"},
      {.name = "z-of-equals"},
      {.name = "a-of-equals"},
      {.name = "dear", .ready_since = "2026-11-29T09:30:00Z", .cost = "7"},
  };
  ReplicaFacts facts{.pods = {}, .free = {}, .now = kNow};
  std::vector<std::string> wanted;
  for (const auto& each : order) wanted.push_back(each.name);
  for (auto it = order.rbegin(); it != order.rend(); ++it) facts.pods.push_back(make(*it));
  EXPECT_EQ(names(plan_replica_set(set_of(0), facts).remove), wanted);
  EXPECT_THAT(names(plan_replica_set(set_of(9), facts).remove), ElementsAre("unassigned", "pending"));
  EXPECT_THAT(names(plan_replica_set(set_of(11), facts).remove), IsEmpty());
}

TEST(ReplicaSetPlan, ACostThatIsNoNumberIsNone) {
  ReplicaFacts facts{
      .pods = {make({.name = "a", .cost = "9x"}), make({.name = "b", .cost = "1"})}, .free = {}, .now = kNow};
  EXPECT_THAT(names(plan_replica_set(set_of(1), facts).remove), ElementsAre("a"));
}

TEST(ReplicaSetPlan, PodsAreTakenAndLetGoBeforeAnythingIsMadeOrDeleted) {
  ReplicaFacts facts{.pods = {make({.name = "a"}), make({.name = "debug", .labels = {{"app", "debug"}}})},
                     .free = {make({.name = "b"}), make({.name = "ended", .phase = "Succeeded"})},
                     .now = kNow};
  const auto plan = plan_replica_set(set_of(5), facts);
  EXPECT_THAT(names(plan.adopt), ElementsAre("b"));
  EXPECT_THAT(names(plan.release), ElementsAre("debug"));
  EXPECT_EQ(plan.create, 0);
  EXPECT_EQ(plan.replicas, 1) << "what is let go does not count";
}

TEST(ReplicaSetPlan, ASetThatGoesTouchesNothing) {
  auto set = set_of(0);
  set.meta.deletion_timestamp = "2026-11-29T10:00:00Z";
  const auto plan = plan_replica_set(set, {.pods = {make({.name = "a"})}, .free = {make({.name = "b"})}, .now = kNow});
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_THAT(plan.adopt, IsEmpty());
  EXPECT_EQ(plan.replicas, 1);
}

TEST(ReplicaSetPlan, TheStatusCountsLabelsAndHowLongAPodIsReady) {
  auto set = set_of(3);
  set.min_ready_seconds = 60;
  ReplicaFacts facts{
      .pods = {make({.name = "a", .labels = {{"app", "web"}, {"tier", "front"}}}),
               make({.name = "b", .ready_since = "2026-11-29T09:59:30Z"}), make({.name = "c", .ready = false})},
      .free = {},
      .now = kNow};
  const auto plan = plan_replica_set(set, facts);
  EXPECT_EQ(plan.replicas, 3);
  EXPECT_EQ(plan.fully_labeled, 1);
  EXPECT_EQ(plan.ready, 2);
  EXPECT_EQ(plan.available, 1);
  ASSERT_TRUE(plan.look_again);
  EXPECT_EQ(plan.look_again->count(), 30'000);
}

TEST(PodNames, ANameIsAskedForUntilItIsSeenAndNeverAgain) {
  PodNames drawn;
  std::set<std::string> there;
  const auto is_seen = [&](const std::string& name) { return there.contains(name); };
  const auto first = drawn.draw("web", 3, is_seen);
  ASSERT_EQ(first.size(), 3U);
  for (const auto& name : first) EXPECT_TRUE(testing::Matches(testing::MatchesRegex("web-....."))(name)) << name;
  EXPECT_THAT(drawn.draw("web", 3, is_seen), testing::UnorderedElementsAreArray(first)) << "no answer";
  there.insert(first[0]);
  drawn.seen(first[1]);  // It came and went.
  const auto second = drawn.draw("web", 3, is_seen);
  EXPECT_THAT(second, testing::Contains(first[2]));
  EXPECT_THAT(second, testing::Not(testing::Contains(first[0])));
  EXPECT_THAT(second, testing::Not(testing::Contains(first[1])));
  EXPECT_LE(drawn.draw(std::string(80, 'x'), 1, is_seen).front().size(), 63U);
}

TEST(StatusNumbers, ZerosAreLeftOutAndTheRestIsLeftAlone) {
  json::object raw{{"status", {{"replicas", 3}, {"readyReplicas", 1}, {"conditions", json::array{"kept"}}}}};
  EXPECT_TRUE(put_numbers(raw, {{"replicas", 0}, {"readyReplicas", 0}, {"availableReplicas", 2}}));
  EXPECT_EQ(json::serialize(raw.at("status").at("conditions")), R"(["kept"])");
  EXPECT_EQ(raw.at("status").at("replicas").as_int64(), 0);
  EXPECT_FALSE(raw.at("status").as_object().contains("readyReplicas"));
  EXPECT_FALSE(put_numbers(raw, {{"replicas", 0}, {"readyReplicas", 0}, {"availableReplicas", 2}}));
}

}  // namespace
}  // namespace berth::agent
