// tests/agent/controller_runner_test.cpp - one plan per key, back-off, lost races, effects; on a writer that the test
// answers.
#include "agent/control/controller_runner.hpp"

#include <gmock/gmock.h>

#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

/// A controller whose plans the test writes; its keys are config maps.
class ControllerRunnerTest : public ControllerFixture {
 protected:
  ControllerRunnerTest() {
    begin({{.name = "test",
            .wakes =
                [this](const store::Change& change, const Waker& wake) {
                  if (change.object->kind != Kind::ConfigMap) return;
                  if (wakes_anew) {
                    wake.anew(change.object->key());
                  } else {
                    wake(change.object->key());
                  }
                },
            .all = [](const Waker&) {},
            .plan =
                [this](const model::ObjectKey& key) {
                  planned.push_back(key.name);
                  return next_plan ? std::exchange(next_plan, nullptr)() : Work{};
                },
            .ended = [this](const model::ObjectKey& key, const Waker&) { ended.push_back(key.name); }}});
  }
  void touch(const std::string& name) {
    put(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"(","namespace":"default"},
        "data":{"n":")" +
        std::to_string(++count) + R"("}})");
    settle();
  }
  static Write create_secret(const std::string& name) {
    return {
        .verb = Write::Verb::Create,
        .key = {Kind::Secret, "default", name},
        .object = {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", name}, {"namespace", "default"}}}}};
  }
  static Work write(Write one) {
    Work work;
    work.writes.push_back(std::move(one));
    return work;
  }
  static Work fail(ErrorCode code) {
    Work work;
    work.failed = Error(code, "no");
    return work;
  }

  std::vector<std::string> planned;
  std::vector<std::string> ended;
  std::function<Work()> next_plan;
  bool wakes_anew = false;
  int count = 0;
};

TEST_F(ControllerRunnerTest, AWokenKeyIsPlannedOnceHoweverOftenItWasWoken) {
  for (int i = 0; i < 5; ++i) {
    put(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},"data":{"n":")" +
        std::to_string(i) + R"("}})");
  }
  settle();
  EXPECT_THAT(planned, ElementsAre("a"));
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(ControllerRunnerTest, AKeyIsNotPlannedAgainWhileAnEffectOfItRuns) {
  Answer answer;
  next_plan = [&] {
    Work work;
    work.effects.push_back([&](Answer given) { answer = std::move(given); });
    return work;
  };
  touch("a");
  touch("a");
  touch("b");
  EXPECT_THAT(planned, ElementsAre("a", "b"));
  EXPECT_TRUE(runner.is_busy("test", {Kind::ConfigMap, "default", "a"}));
  EXPECT_THAT(ended, ElementsAre("b"));
  answer(write(create_secret("made")));  // What an effect asks for is a part of the same plan.
  settle();
  EXPECT_TRUE(exists(Kind::Secret, "made"));
  EXPECT_THAT(planned, ElementsAre("a", "b", "a")) << "it was woken meanwhile";
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(ControllerRunnerTest, WhatFailsIsTriedAgainWithPatienceWhateverWakesIt) {
  for (int i = 0; i < 20; ++i) {
    next_plan = [] { return fail(ErrorCode::ResourceExhausted); };
    touch("a");
  }
  EXPECT_EQ(planned.size(), 1U) << "nineteen wakes in no time are no reason to try again";
  pass(milliseconds(999));
  EXPECT_EQ(planned.size(), 1U);
  pass(milliseconds(1));
  EXPECT_EQ(planned.size(), 2U);
  next_plan = [] { return fail(ErrorCode::ResourceExhausted); };
  pass(milliseconds(1999));
  EXPECT_EQ(planned.size(), 2U) << "twice as long the second time";
  pass(milliseconds(1));
  EXPECT_EQ(planned.size(), 3U);
}

TEST_F(ControllerRunnerTest, AnotherWishIsNotDelayedByAnEarlierFailure) {
  next_plan = [] { return fail(ErrorCode::InvalidArgument); };
  touch("a");
  wakes_anew = true;
  touch("a");
  EXPECT_EQ(planned.size(), 2U);
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(ControllerRunnerTest, ALostRaceIsNoFailure) {
  next_plan = [] {
    auto one = write({.key = {Kind::ConfigMap, "default", "a"},
                      .edit = [](json::object&) { return Edit::Refuse; },
                      .refused = EventText{{}, "", "Warning", "Failed", "no"}});
    auto second = create_secret("after");
    second.after = true;
    one.writes.push_back(std::move(second));
    return one;
  };
  touch("a");
  EXPECT_EQ(planned.size(), 2U) << "planned again at once";
  EXPECT_FALSE(exists(Kind::Secret, "after")) << "what came after it was not written";
  EXPECT_THAT(events, IsEmpty());
  EXPECT_TRUE(runner.is_idle());
}

/// Where several hosts plan: one that makes the same a moment earlier is seen by the next plan. What is still in the
/// way then has no business there.
TEST_F(ControllerRunnerTest, WhatAnotherHostWasFasterToMakeIsALostRaceForAWhile) {
  ControllerRunner shared(
      {.loop = loop,
       .clock = clock,
       .writer = writer,
       .events = [this](const model::ObjectKey&, const std::string&, std::string_view, std::string_view reason,
                        const std::string&) { events.emplace_back(reason); },
       .is_mine = [](const model::ObjectKey&) { return true; }});
  int plans = 0;
  bool sees = false;
  const auto waker = shared.add({.name = "shared",
                                 .wakes = [](const store::Change&, const Waker&) {},
                                 .all = [](const Waker&) {},
                                 .plan =
                                     [&](const model::ObjectKey& key) {
                                       ++plans;
                                       auto made = create_secret("there");
                                       made.refused = EventText{key, "", "Warning", "FailedCreate", "create"};
                                       return sees ? Work{} : write(made);
                                     }});
  put(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"there","namespace":"default"}})");
  waker({Kind::ConfigMap, "default", "a"});
  settle();
  EXPECT_EQ(plans, 3) << "twice at once, then later";
  EXPECT_THAT(events, IsEmpty());
  sees = true;
  clock.advance(milliseconds(5));
  shared.run_due();
  settle();
  EXPECT_TRUE(shared.is_idle());
  EXPECT_THAT(events, IsEmpty());

  sees = false;
  waker({Kind::ConfigMap, "default", "a"});
  for (int i = 0; i < 20; ++i) {
    settle();
    clock.advance(milliseconds(100));
    shared.run_due();
  }
  EXPECT_THAT(events, testing::Contains("FailedCreate"));
  EXPECT_FALSE(shared.is_idle()) << "tried again with patience";
}

TEST_F(ControllerRunnerTest, WritesAreToldWithTheirOutcome) {
  next_plan = [] {
    auto one = create_secret("new");
    one.said = EventText{{}, "", "Normal", "Made", "it"};
    return write(std::move(one));
  };
  touch("a");
  next_plan = [] {
    auto one = create_secret("new");
    one.refused = EventText{{}, "", "Warning", "NotMade", "it"};
    return write(std::move(one));
  };
  touch("b");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0], "Made: it");
  EXPECT_THAT(events[1], testing::StartsWith("NotMade: it: "));
  next_plan = [] {
    auto one = create_secret("new");
    one.may_exist = true;
    one.refused = EventText{{}, "", "Warning", "NotMade", "it"};
    return write(std::move(one));
  };
  touch("c");
  EXPECT_EQ(events.size(), 2U);
}

TEST_F(ControllerRunnerTest, AFailedEffectMayStillWriteWhatItHasToSay) {
  next_plan = [] {
    auto work = fail(ErrorCode::FailedPrecondition);
    work.writes.push_back(create_secret("note"));
    return work;
  };
  touch("a");
  EXPECT_TRUE(exists(Kind::Secret, "note"));
  EXPECT_FALSE(runner.is_idle()) << "it is tried again";
}

TEST_F(ControllerRunnerTest, TimeThatNothingTellsOfIsLookedForAgain) {
  next_plan = [] {
    Work work;
    work.look_again = seconds(5);
    return work;
  };
  touch("a");
  pass(milliseconds(4999));
  EXPECT_EQ(planned.size(), 1U);
  pass(milliseconds(1));
  EXPECT_EQ(planned.size(), 2U);
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(ControllerRunnerTest, KeysOfOtherHostsAreNotPlanned) {
  std::vector<std::string> mine;
  ControllerRunner partly{{.loop = loop,
                           .clock = clock,
                           .writer = writer,
                           .events = [](auto&&...) {},
                           .is_mine = [](const model::ObjectKey& key) { return key.name == "mine"; }}};
  partly.add({.name = "test",
              .wakes = [](const store::Change& change, const Waker& wake) { wake(change.object->key()); },
              .all =
                  [](const Waker& wake) {
                    wake({Kind::ConfigMap, "default", "mine"});
                    wake({Kind::ConfigMap, "default", "theirs"});
                  },
              .plan =
                  [&](const model::ObjectKey& key) {
                    mine.push_back(key.name);
                    return Work{};
                  }});
  partly.wake_all();
  settle();
  EXPECT_THAT(mine, ElementsAre("mine"));
}

TEST_F(ControllerRunnerTest, WhatBecomesAnotherHostsIsLetGo) {
  bool mine = true;
  int plans = 0;
  std::function<Work()> next = [] { return Work{}; };
  ControllerRunner here{{.loop = loop,
                         .clock = clock,
                         .writer = writer,
                         .events = [](auto&&...) {},
                         .is_mine = [&](const model::ObjectKey&) { return mine; }}};
  const auto wake = here.add({.name = "test",
                              .wakes = [](const store::Change&, const Waker&) {},
                              .all = [](const Waker&) {},
                              .plan =
                                  [&](const model::ObjectKey&) {
                                    ++plans;
                                    return next();
                                  }});
  const model::ObjectKey key{Kind::ConfigMap, "default", "a"};
  // Due, and not planned yet.
  wake(key);
  mine = false;
  settle();
  EXPECT_EQ(plans, 0);
  EXPECT_TRUE(here.is_idle());
  // Looked at again, or failing: not here.
  mine = true;
  next = [] {
    auto work = fail(ErrorCode::ResourceExhausted);
    work.look_again = seconds(5);
    return work;
  };
  wake(key);
  settle();
  EXPECT_EQ(plans, 1);
  mine = false;
  clock.advance(seconds(60));
  here.run_due();
  EXPECT_EQ(plans, 1);
  EXPECT_TRUE(here.is_idle());
  // An effect under way: what it then wants written is not, and nothing comes after.
  mine = true;
  Answer answer;
  next = [&] {
    Work work;
    work.effects.push_back([&](Answer given) { answer = std::move(given); });
    return work;
  };
  wake(key);
  settle();
  EXPECT_EQ(plans, 2);
  mine = false;
  answer(write(create_secret("late")));
  settle();
  EXPECT_FALSE(exists(Kind::Secret, "late"));
  EXPECT_TRUE(here.is_idle());
}

/// Takes writes and keeps silent.
TEST_F(ControllerRunnerTest, AnAnswerThatDoesNotComeIsNotWaitedForForEver) {
  next_plan = [] { return write(create_secret("s")); };
  touch("a");
  ASSERT_EQ(planned.size(), 1U);
  // The same, with an answer that is lost: the loop that would run it belongs to a writer that is gone.
  auto lost = std::make_unique<StoreWriter>(loop, *store, clock);
  ControllerRunner deaf{{.loop = loop, .clock = clock, .writer = *lost, .events = [](auto&&...) {}}};
  int plans = 0;
  deaf.add({.name = "test",
            .wakes = [](const store::Change&, const Waker&) {},
            .all =
                [](const Waker& wake) {
                  wake({Kind::ConfigMap, "default", "a"});
                },
            .plan =
                [&](const model::ObjectKey&) {
                  ++plans;
                  return plans == 1 ? write(create_secret("unanswered")) : Work{};
                }});
  deaf.wake_all();
  deaf.run_due();
  lost.reset();  // Its answer never comes.
  settle();
  EXPECT_TRUE(exists(Kind::Secret, "unanswered"));
  clock.advance(ControllerRunner::kAnswerDeadline);
  deaf.give_up_waiting();
  EXPECT_FALSE(deaf.is_busy("test", {Kind::ConfigMap, "default", "a"}));
  clock.advance(seconds(1));
  deaf.run_due();
  EXPECT_EQ(plans, 2) << "the next plan looks at what is there by now";
  EXPECT_TRUE(deaf.is_idle());
}

TEST_F(ControllerRunnerTest, KeysThatLoseAndWakeEachOtherByThatDoNotTurnWithoutEnd) {
  touch("a");
  int plans = 0;
  const auto wake = runner.add({.name = "turns",
                                .wakes = [](const store::Change&, const Waker&) {},
                                .all = [](const Waker&) {},
                                .plan =
                                    [&](const model::ObjectKey&) {
                                      ++plans;
                                      return write({.key = {Kind::ConfigMap, "default", "a"},
                                                    .edit = [](json::object&) { return Edit::Refuse; }});
                                    },
                                .ended =
                                    [](const model::ObjectKey& key, const Waker& again) {
                                      again({Kind::ConfigMap, "default", key.name == "b" ? "c" : "b"});
                                    }});
  wake({Kind::ConfigMap, "default", "b"});
  for (int i = 0; i < 1000; ++i) loop.poll();
  EXPECT_GE(plans, 4);
  EXPECT_LT(plans, 12) << "no time has passed";
}

/// A pod's holder is noted in a config map; the two are one group.
class ControllerGroupTest : public ControllerRunnerTest {
 protected:
  static Write note(Edit outcome) {
    return {.key = {Kind::ConfigMap, "default", "a"},
            .edit =
                [outcome](json::object& raw) {
                  if (outcome == Edit::Done) raw["data"] = {{"note", "made"}};
                  return outcome;
                },
            .group = 1};
  }
  static Write create(const std::string& name, bool may_exist = false) {
    auto write = create_secret(name);
    write.group = 1;
    write.may_exist = may_exist;
    write.said = EventText{write.key, "", "Normal", "Made", name};
    write.refused = EventText{write.key, "", "Warning", "NotMade", name};
    return write;
  }
  void plan_once(std::vector<Write> writes) {
    next_plan = [writes] {
      Work work;
      work.writes = writes;
      return work;
    };
    touch("a");
  }
  std::vector<int> looks;
  bool is_noted() const {
    const auto* data = get(Kind::ConfigMap, "a")->raw.if_contains("data");
    return data != nullptr && find(*data, {"note"}) != nullptr;
  }
};

TEST_F(ControllerGroupTest, IsSeenAsOneByEverybody) {
  std::vector<std::string> seen;  // At each change of the note: is the secret there?
  const auto follow = *store->watch(Kind::ConfigMap, store->revision(), [&](const store::Change& change) {
    const auto* data = change.object->raw.if_contains("data");
    if (data == nullptr || find(*data, {"note"}) == nullptr) return;
    seen.emplace_back(store->get({Kind::Secret, "default", "s"}) ? "both" : "one");
  });
  plan_once({note(Edit::Done), create("s")});
  EXPECT_THAT(seen, ElementsAre("both"));
  EXPECT_THAT(events, ElementsAre("Made: s"));
}

TEST_F(ControllerGroupTest, HappensWholeOrNotAtAll) {
  plan_once({create("s")});
  events.clear();
  plan_once({note(Edit::Done), create("s"), create("t")});
  EXPECT_FALSE(is_noted()) << "s is there already, and that was not expected";
  EXPECT_FALSE(exists(Kind::Secret, "t"));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_THAT(events[0], testing::HasSubstr("NotMade: s: "));
  EXPECT_THAT(events[1], testing::HasSubstr("NotMade: t: "));
  EXPECT_FALSE(runner.is_idle()) << "to be tried again";
}

TEST_F(ControllerGroupTest, WhatMayExistDoesNotStopTheRest) {
  plan_once({create("s")});
  plan_once({note(Edit::Done), create("s", /*may_exist=*/true), create("t")});
  EXPECT_TRUE(is_noted());
  EXPECT_TRUE(exists(Kind::Secret, "t"));
}

TEST_F(ControllerGroupTest, AnEditThatRefusesEndsItAndTheKeyIsPlannedAgain) {
  plan_once({create("s"), note(Edit::Refuse)});
  EXPECT_FALSE(exists(Kind::Secret, "s"));
  EXPECT_THAT(planned, ElementsAre("a", "a")) << "a lost race";
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(ControllerGroupTest, WhenOneOfThemIsGoneTheKeyIsPlannedAgain) {
  auto edit = note(Edit::Done);
  edit.key.name = "gone";
  plan_once({create("s"), std::move(edit)});
  EXPECT_FALSE(exists(Kind::Secret, "s"));
  EXPECT_THAT(planned, ElementsAre("a", "a"));
  EXPECT_THAT(events, IsEmpty());
  EXPECT_TRUE(runner.is_idle());
}

/// "Only while that is so": what an edit leaves as it is is a condition of the others.
TEST_F(ControllerGroupTest, WhatIsLeftAsItIsHasToStaySo) {
  plan_once({create("s"), note(Edit::Leave)});
  EXPECT_TRUE(exists(Kind::Secret, "s"));
  touch("a");
  next_plan = [&] {
    Work work;
    auto check = note(Edit::Leave);
    check.edit = [this, first = true](json::object& raw) mutable {
      // Between our look and our write somebody else writes, once: the look has to be repeated.
      looks.push_back(static_cast<int>(raw.at("data").at("n").as_string().size()));
      if (!std::exchange(first, false)) return Edit::Leave;
      put(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},"data":{"n":"long"}})");
      return Edit::Leave;
    };
    work.writes = {create("t"), std::move(check)};
    return work;
  };
  touch("a");
  EXPECT_THAT(looks, ElementsAre(1, 4));
  EXPECT_TRUE(exists(Kind::Secret, "t"));
}

}  // namespace
}  // namespace berth::agent
