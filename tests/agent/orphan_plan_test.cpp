// tests/agent/orphan_plan_test.cpp - what is taken down without an object, and what never is.
#include "agent/orphan_plan.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/temp_dir.hpp"

namespace berth::agent {
namespace {

/// A host with one pod of the store and one without an object; the mark is the store's.
OrphanFacts host() {
  OrphanFacts facts;
  facts.found["known"] = {.uid = "known", .ns = "default", .name = "web-0"};
  facts.found["left"] = {.uid = "left", .ns = "default", .name = "old-0"};
  facts.known = {"known"};
  facts.identity = {.id = "store-1", .node = "here", .opened = 8, .made_now = false, .restored = false};
  facts.mark = StoreMark{.id = "store-1", .opened = 7, .strangers = {}};
  facts.node = "here";
  return facts;
}

std::vector<std::string> removed(const OrphanFacts& facts) {
  std::vector<std::string> uids;
  for (const auto& pod : plan_orphans(facts).remove) uids.push_back(pod.uid);
  return uids;
}

TEST(OrphanPlan, TheStoreThatMadeThePodTakesItDownOnceItsObjectIsGone) {
  EXPECT_EQ(removed(host()), std::vector<std::string>{"left"});
  EXPECT_TRUE(plan_orphans(host()).strangers.empty());
  EXPECT_TRUE(plan_orphans(host()).same_store);
}

TEST(OrphanPlan, NoOtherStoreEverDoes) {
  struct Case {
    const char* what;
    void (*change)(OrphanFacts&);
  };
  const std::vector<Case> cases{
      {"new: it was missing or empty", [](OrphanFacts& f) { f.identity.made_now = true; }},
      {"put back from a copy", [](OrphanFacts& f) { f.identity.restored = true; }},
      {"of another host", [](OrphanFacts& f) { f.identity.id = "store-2"; }},
      {"an older state of it", [](OrphanFacts& f) { f.identity.opened = 7; }},
      {"no mark, and another node's",
       [](OrphanFacts& f) {
         f.mark.reset();
         f.identity.node = "there";
       }},
      {"no mark, and it knows nothing of what is here",
       [](OrphanFacts& f) {
         f.mark.reset();
         f.known = {"elsewhere"};
       }},
  };
  for (const auto& each : cases) {
    auto facts = host();
    each.change(facts);
    const auto plan = plan_orphans(facts);
    EXPECT_TRUE(plan.remove.empty()) << each.what;
    ASSERT_FALSE(plan.strangers.empty()) << each.what;
    EXPECT_EQ(plan.strangers.back().uid, "left") << each.what;
    EXPECT_EQ(plan.strangers.back().name, "old-0") << each.what;
    EXPECT_FALSE(plan.strangers.back().why.empty()) << each.what;
  }
}

TEST(OrphanPlan, AfterABootAPodThatTheStoreKnowsShowsThatItIsTheOne) {
  auto facts = host();
  facts.mark.reset();
  EXPECT_EQ(removed(facts), std::vector<std::string>{"left"});
}

TEST(OrphanPlan, AStrangerStaysOneUntilAPersonDecides) {
  auto facts = host();
  facts.mark->strangers = {"left"};
  const auto plan = plan_orphans(facts);
  EXPECT_TRUE(plan.remove.empty());
  ASSERT_EQ(plan.strangers.size(), 1U);
}

TEST(OrphanPlan, APodWhoseRowCannotBeReadIsLeftAlone) {
  auto facts = host();
  facts.problems = {
      {.what = "Pod default/old-0", .reason = "not JSON", .kind = "Pod", .ns = "default", .name = "old-0"}};
  EXPECT_TRUE(removed(facts).empty());
  facts.problems.front().name = "other";
  EXPECT_EQ(removed(facts), std::vector<std::string>{"left"});
  facts.found["left"].ns.clear();
  facts.found["left"].name = "left";
  EXPECT_TRUE(removed(facts).empty()) << "nothing says which pod it is of";
}

TEST(OrphanPlan, ARowThatLostItsUidMayBeOfAnyPodOfThatName) {
  auto facts = host();
  const auto row = [](const std::string& name, const std::string& uid) {
    model::Object object;
    object.meta.ns = "default";
    object.meta.name = name;
    object.meta.uid = uid;
    return std::make_shared<const model::Object>(object);
  };
  facts.problems = without_uid({row("web-0", "known"), row("web-1", "")});
  EXPECT_EQ(removed(facts), std::vector<std::string>{"left"});
  facts.problems = without_uid({row("web-0", "known"), row("old-0", "")});
  EXPECT_TRUE(removed(facts).empty());
  ASSERT_EQ(plan_orphans(facts).strangers.size(), 1U);
  EXPECT_EQ(plan_orphans(facts).strangers.front().uid, "left");
}

TEST(OrphanPlan, APodWaitsForTheStrangerOfItsNameOrOfItsDaemonSet) {
  const auto pod_of = [](const std::string& name, const std::string& kind, const std::string& owner) {
    model::Pod made;
    made.meta.ns = "default";
    made.meta.name = name;
    if (kind.empty()) return made;
    made.meta.owner_references.emplace_back();
    made.meta.owner_references.back().kind = kind;
    made.meta.owner_references.back().name = owner;
    made.meta.owner_references.back().controller = true;
    return made;
  };
  const auto waits = [](const std::string& stranger, const model::Pod& pod) {
    return in_the_way({.uid = "u", .ns = "default", .name = stranger, .why = {}}, pod);
  };
  EXPECT_TRUE(waits("web-0", pod_of("web-0", "", "")));
  EXPECT_FALSE(waits("web-0", pod_of("web-1", "StatefulSet", "web")));
  EXPECT_TRUE(waits("logs-x7k2p", pod_of("logs-b9dzq", "DaemonSet", "logs")));
  EXPECT_FALSE(waits("logs-x7k2p", pod_of("logs-b9dzq", "", "")));
  EXPECT_FALSE(waits("logs-old-x7k2p", pod_of("logs-b9dzq", "DaemonSet", "logs"))) << "that is the set logs-old's";
  EXPECT_FALSE(waits("logs", pod_of("logs-b9dzq", "DaemonSet", "logs")));
  EXPECT_FALSE(in_the_way({.uid = "u", .ns = "other", .name = "logs-x7k2p", .why = {}},
                          pod_of("logs-b9dzq", "DaemonSet", "logs")));
}

TEST(StoreMark, IsReadAsItWasWrittenAndAMissingOneIsNoError) {
  const TempDir dir;
  const auto file = dir.path() / "store.json";
  const auto none = read_store_mark(file);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  const StoreMark mark{.id = "store-1", .opened = 3, .strangers = {"a", "b"}};
  ASSERT_TRUE(write_store_mark(file, mark).ok());
  const auto read = read_store_mark(file);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, mark);
  std::ofstream(file) << "{}";
  EXPECT_FALSE(read_store_mark(file).ok()) << "damaged is not the same as missing";
}

}  // namespace
}  // namespace berth::agent
