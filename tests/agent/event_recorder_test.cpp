// tests/agent/event_recorder_test.cpp - what happened, counted, and by whom it is said.
#include "agent/objects/event_recorder.hpp"

#include <gtest/gtest.h>

#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;

class EventRecorderTest : public ControllerFixture {
 protected:
  EventRecorderTest() { put(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})"); }

  std::vector<model::ObjectPtr> events() const { return store->list(Kind::Event, {}).objects; }
  /// Who says that about one of the kind.
  std::string role(Kind kind, const std::string& reason) {
    const model::ObjectKey key{kind, model::info(kind).namespaced ? "default" : "", "a"};
    recorder.record(key, "uid-a", "Normal", reason, std::string(model::info(kind).name) + reason);
    settle();
    for (const auto& event : events()) {
      if (find_string(event->raw.at("involvedObject"), {"kind"}) != model::info(kind).name) continue;
      if (find_string(event->raw.at("reason"), {}) != reason) continue;
      EXPECT_EQ(find_string(event->raw.at("reportingComponent"), {}), "berthd");
      return std::string(find_string(event->raw.at("source"), {"component"}));
    }
    return "nobody";
  }

  EventRecorder recorder{loop, *store, writer, clock, "n1"};
};

TEST_F(EventRecorderTest, TheSourceIsWhoSaysItInKubernetes) {
  EXPECT_EQ(role(Kind::Pod, "Started"), "kubelet");
  EXPECT_EQ(role(Kind::Pod, "Scheduled"), "default-scheduler");
  EXPECT_EQ(role(Kind::Pod, "Preempted"), "default-scheduler");
  EXPECT_EQ(role(Kind::StatefulSet, "SuccessfulCreate"), "statefulset-controller");
  EXPECT_EQ(role(Kind::Namespace, "Anything"), "berthd");
}

TEST_F(EventRecorderTest, TheSameOfAnotherContainerIsAnotherEvent) {
  for (const auto* path : {"spec.containers{a}", "spec.containers{b}", "spec.containers{a}", ""}) {
    recorder.record({Kind::Pod, "default", "a"}, "u", "Normal", "Pulled", "it is here", path);
  }
  settle();
  std::map<std::string, std::int64_t> counts;
  for (const auto& event : events()) {
    const auto& involved = event->raw.at("involvedObject");
    EXPECT_EQ(involved.as_object().contains("fieldPath"), !find_string(involved, {"fieldPath"}).empty());
    counts[std::string(find_string(involved, {"fieldPath"}))] = event->raw.at("count").as_int64();
  }
  EXPECT_EQ(counts,
            (std::map<std::string, std::int64_t>{{"", 1}, {"spec.containers{a}", 2}, {"spec.containers{b}", 1}}));
}

TEST_F(EventRecorderTest, TheSameAgainIsCounted) {
  for (int i = 0; i < 3; ++i) recorder.record({Kind::Pod, "default", "a"}, "u", "Warning", "Failed", "it did");
  settle();
  ASSERT_EQ(events().size(), 1U);
  EXPECT_EQ(events().front()->raw.at("count").as_int64(), 3);
}

TEST_F(EventRecorderTest, WhatAnotherHostSaysIsNotItsToForget) {
  constexpr int kAsManyAsOneKeeps = 1000;
  recorder.record({Kind::Pod, "default", "a"}, "u", "Normal", "Started", "it did");
  settle();
  auto raw = events().front()->raw;
  raw["source"].as_object()["host"] = "n2";
  for (int i = 0; i < kAsManyAsOneKeeps; ++i) {
    raw["metadata"] = {{"name", "theirs." + std::to_string(i)}, {"namespace", "default"}};
    put(json::serialize(raw));
  }
  clock.advance(std::chrono::seconds(1));
  EventRecorder again{loop, *store, writer, clock, "n1"};
  again.record({Kind::Pod, "default", "a"}, "u", "Normal", "Started", "once more");
  settle();
  EXPECT_EQ(events().size(), kAsManyAsOneKeeps + 2U);
}

}  // namespace
}  // namespace berth::agent
