// tests/agent/status_writer_test.cpp - pods' status in the store: the newest wins, what others wrote stays.
#include "agent/pods/status_writer.hpp"

#include <random>

#include "tests/agent/controller_fixture.hpp"
#include "tests/fakes/slow_store.hpp"

namespace berth::agent {
namespace {

constexpr std::string_view kPod = R"({"apiVersion": "v1", "kind": "Pod",
  "metadata": {"name": "web-0", "namespace": "default", "uid": "u-1"},
  "spec": {"nodeName": "host", "containers": [{"name": "main", "image": "busybox"}]}})";

model::PodStatus status_of(const std::string& phase, const std::string& ready) {
  model::PodStatus status;
  status.phase = phase;
  status.conditions.push_back({"Ready", ready, "", "", "2026-11-21T10:00:00Z"});
  return status;
}

class StatusWriterTest : public ControllerFixture {
 protected:
  void write(const model::PodStatus& status) { statuses.write(key, "u-1", status); }
  json::object stored() const { return store->get(key)->raw.at("status").get_object(); }
  std::string phase() const { return std::string(stored().at("phase").get_string()); }

  const model::ObjectKey key{model::Kind::Pod, "default", "web-0"};
  std::vector<std::string> answers;
  StatusWriter statuses{writer, [this](const std::string&, const Status& done) {
                          answers.emplace_back(done ? "stored" : to_string(done.error().code()));
                        }};
};

TEST(MergePodStatusTest, KeepsWhatOthersWroteAndDropsWhatWeNoLongerSay) {
  auto stored = parse_json(R"({"phase": "Failed", "reason": "Evicted", "message": "by hand", "podIP": "10.0.0.1",
    "nominatedNodeName": "other",
    "conditions": [{"type": "example.com/gate", "status": "True"}, {"type": "Ready", "status": "True"}]})")
                    ->get_object();
  EXPECT_TRUE(merge_pod_status(stored, status_of("Running", "False")));
  EXPECT_EQ(stored.at("phase").get_string(), "Running");
  EXPECT_EQ(stored.at("nominatedNodeName").get_string(), "other");
  for (const auto* gone : {"reason", "message", "podIP"}) EXPECT_FALSE(stored.contains(gone)) << gone;
  const auto& conditions = stored.at("conditions").get_array();
  ASSERT_EQ(conditions.size(), 2U);
  EXPECT_EQ(find_string(conditions.at(0), {"status"}), "False");
  EXPECT_EQ(find_string(conditions.at(1), {"type"}), "example.com/gate");
  EXPECT_FALSE(merge_pod_status(stored, status_of("Running", "False"))) << "it is there already";
}

TEST(MergePodStatusTest, AForeignConditionIsNoDifference) {
  auto theirs = status_of("Running", "True");
  theirs.conditions.insert(theirs.conditions.begin(), {"example.com/gate", "True", "", "", ""});
  EXPECT_TRUE(shows(theirs, status_of("Running", "True")));
  EXPECT_FALSE(shows(theirs, status_of("Running", "False")));
  theirs.phase = "Failed";
  EXPECT_FALSE(shows(theirs, status_of("Running", "True")));
}

TEST_F(StatusWriterTest, WhileOneWriteIsUnderWayOnlyTheNewestWaits) {
  put(kPod);
  const auto before = store->revision();
  write(status_of("Pending", "False"));
  write(status_of("Running", "False"));
  write(status_of("Running", "True"));
  EXPECT_EQ(statuses.size(), 1U);
  ASSERT_NE(statuses.under_way("u-1"), nullptr);
  EXPECT_EQ(*statuses.under_way("u-1"), status_of("Running", "True"));
  settle();
  EXPECT_EQ(statuses.under_way("u-1"), nullptr);
  EXPECT_EQ(find_string(stored().at("conditions").at(0), {"status"}), "True");
  EXPECT_EQ(store->revision(), before + 2) << "the first, and the newest of those that came meanwhile";
  EXPECT_EQ(answers, std::vector<std::string>{"stored"}) << "of the newest only";
  EXPECT_EQ(statuses.size(), 0U);
}

TEST_F(StatusWriterTest, AnEditThatCameBetweenTwoWritesStays) {
  put(kPod);
  // Whoever is told of the first write answers with an edit, as an API client may, while the second waits for its turn.
  auto raced = false;
  const auto racer = store->watch(std::nullopt, store->revision(), [&](const store::Change& change) {
    if (std::exchange(raced, true)) return;
    loop.post([this, object = change.object] {
      auto raw = object->raw;
      raw["metadata"].get_object()["labels"] = json::object{{"by", "hand"}};
      store->update(*model::make_object(std::move(raw)), 0, Durability::Lazy, [](const auto&) {});
      write(status_of("Running", "True"));
    });
  });
  ASSERT_TRUE(racer);
  write(status_of("Pending", "False"));
  write(status_of("Running", "False"));
  settle();
  EXPECT_EQ(phase(), "Running");
  EXPECT_EQ(find_string(stored().at("conditions").at(0), {"status"}), "True");
  EXPECT_EQ(store->get(key)->meta.labels.at("by"), "hand");
  EXPECT_EQ(answers, std::vector<std::string>{"stored"});
}

/// A host that was away says that its pod is ready, while another one still says that nobody sees it; what that one
/// wrote is heard here before our own write is answered.
TEST_F(StatusWriterTest, WhatSomebodyWroteAfterOursAndBeforeItsAnswerIsMendedToo) {
  put(kPod);
  auto raced = false;
  const auto racer = store->watch(std::nullopt, store->revision(), [&](const store::Change& change) {
    if (std::exchange(raced, true)) return;
    auto raw = change.object->raw;
    merge_pod_status(raw["status"].get_object(), status_of("Running", "Unknown"));
    store->update(*model::make_object(std::move(raw)), 0, Durability::Lazy, [](const auto&) {});
    write(status_of("Running", "True"));  // As the driver does when it hears of that.
  });
  ASSERT_TRUE(racer);
  write(status_of("Running", "True"));
  settle();
  EXPECT_TRUE(raced);
  EXPECT_EQ(find_string(stored().at("conditions").at(0), {"status"}), "True");
  EXPECT_EQ(statuses.size(), 0U);
}

TEST_F(StatusWriterTest, WhileItIsClosedTheNewestWaits) {
  put(kPod);
  statuses.set_open(false);
  write(status_of("Pending", "False"));
  write(status_of("Running", "True"));
  settle();
  EXPECT_FALSE(stored().contains("phase"));
  EXPECT_EQ(statuses.size(), 1U);
  ASSERT_NE(statuses.under_way("u-1"), nullptr);
  EXPECT_EQ(*statuses.under_way("u-1"), status_of("Running", "True"));
  const auto before = store->revision();
  statuses.set_open(true);
  statuses.set_open(true);
  settle();
  EXPECT_EQ(phase(), "Running");
  EXPECT_EQ(store->revision(), before + 1);
  EXPECT_EQ(statuses.size(), 0U);
}

TEST_F(StatusWriterTest, WhatIsUnderWayWhenItClosesIsStoredAndTheNextWaits) {
  put(kPod);
  write(status_of("Pending", "False"));
  write(status_of("Running", "True"));
  statuses.set_open(false);
  settle();
  EXPECT_EQ(phase(), "Pending");
  EXPECT_TRUE(answers.empty());
  statuses.set_open(true);
  settle();
  EXPECT_EQ(phase(), "Running");
  EXPECT_EQ(answers, std::vector<std::string>{"stored"});
}

TEST_F(StatusWriterTest, APodThatIsGoneIsNotWrittenAndOneOfTheSameNameIsNotHurt) {
  put(kPod);
  statuses.write(key, "u-0", status_of("Failed", "False"));
  settle();
  EXPECT_FALSE(stored().contains("phase"));
  EXPECT_EQ(answers, std::vector<std::string>{"NotFound"});
}

/// A pod, and its status as a driver writes it that is far from the store.
struct FarAway {
  explicit FarAway(const store::SlowStoreOptions& options) : store(options) {
    EXPECT_TRUE(store.elsewhere({{}, {store::Write::put(*model::make_object(parse_json(kPod)->get_object()))}}));
    EXPECT_TRUE(store.settle());
  }
  void write(int message) {
    newest = status_of("Running", "True");
    newest.message = std::to_string(message);
    statuses.write(key, "u-1", newest);
  }
  void go_on(std::size_t steps) {
    for (; steps > 0; --steps) {
      store.step();
      loop.poll();
    }
  }

  store::SlowStore store;
  Loop loop;
  ManualClock clock;
  StoreWriter writer{loop, store, clock};
  const model::ObjectKey key{model::Kind::Pod, "default", "web-0"};
  model::PodStatus newest;
  StatusWriter statuses{writer, [this](const std::string& uid, const Status& done) {
                          // As the driver does, a second later.
                          if (!done) loop.post([this, uid] { statuses.write(key, uid, newest); });
                        }};
};

/// Far away, with others who write too: whatever races are lost, the newest status ends up stored.
TEST(StatusWriterFarAwayTest, TheNewestStatusWinsWhateverRacesAreLost) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    FarAway far({.seed = seed, .aborted = 0.3, .refused = 0.1, .unavailable = 0.1});
    std::mt19937 random(static_cast<unsigned>(seed));
    for (int i = 0; i < 40; ++i) {
      far.write(i);
      if (random() % 3 == 0) {  // Somebody else is faster.
        auto raw = far.store.truth(far.key)->raw;
        raw["metadata"].get_object()["labels"] = json::object{{"edit", std::to_string(i)}};
        ASSERT_TRUE(far.store.elsewhere({{}, {store::Write::put(*model::make_object(std::move(raw)))}}));
      }
      far.go_on(random() % 8);
    }
    far.store.heal();
    while (far.loop.poll() + far.store.step() != 0) {
    }
    const auto stored = far.store.truth(far.key);
    EXPECT_EQ(find_string(json::value(stored->raw), {"status", "message"}), "39");
    EXPECT_TRUE(stored->meta.labels.contains("edit"));
    EXPECT_EQ(far.statuses.size(), 0U);
  }
}

/// Answers that never come hold no status back, and nothing of them is kept; a write that is carried out after its
/// deadline replaces no newer one.
TEST(StatusWriterFarAwayTest, AnswersThatNeverComeAreGivenUpAndTheNewestStatusWins) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    FarAway far({.seed = seed, .aborted = 0.2, .lost_answer = 0.1, .no_answer = 0.4});
    std::mt19937 random(static_cast<unsigned>(seed));
    for (int i = 0; i < 40; ++i) {
      far.write(i);
      far.go_on(random() % 8);
      if (random() % 4 == 0) {
        far.clock.advance(StoreWriter::kAnswerDeadline);
        far.writer.give_up_waiting();
      }
    }
    far.store.heal();
    for (int quiet = 0; quiet < 2;) {
      while (far.loop.poll() + far.store.step() != 0) quiet = 0;
      far.clock.advance(StoreWriter::kAnswerDeadline);
      far.writer.give_up_waiting();
      ++quiet;
    }
    EXPECT_EQ(find_string(json::value(far.store.truth(far.key)->raw), {"status", "message"}), "39");
    EXPECT_EQ(far.statuses.size(), 0U);
    EXPECT_EQ(far.writer.waiting(), 0U);
  }
}

TEST(StatusWriterFarAwayTest, AStoreThatNeverAnswersIsToldOfAfterADeadline) {
  store::SlowStore store({.no_answer = 1.0});
  Loop loop;
  ManualClock clock;
  StoreWriter writer(loop, store, clock);
  const model::ObjectKey key{model::Kind::Pod, "default", "web-0"};
  ASSERT_TRUE(store.elsewhere({{}, {store::Write::put(*model::make_object(parse_json(kPod)->get_object()))}}));
  ASSERT_TRUE(store.settle());
  std::vector<ErrorCode> answers;
  StatusWriter statuses(writer, [&](const std::string&, const Status& done) {
    answers.push_back(done ? ErrorCode::Unknown : done.error().code());
  });
  statuses.write(key, "u-1", status_of("Running", "True"));
  const auto wait = [&](std::chrono::milliseconds time) {
    while (loop.poll() + store.step() != 0) {
    }
    clock.advance(time);
    writer.give_up_waiting();
  };
  wait(StoreWriter::kAnswerDeadline - std::chrono::seconds(1));
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(statuses.size(), 1U);
  wait(std::chrono::seconds(1));
  EXPECT_EQ(answers, std::vector{ErrorCode::DeadlineExceeded});
  EXPECT_EQ(statuses.size(), 0U);
  EXPECT_EQ(writer.waiting(), 0U);
}

}  // namespace
}  // namespace berth::agent
