// tests/agent/store_writer_test.cpp - what is removed is the object that was meant, however far away the store is.
#include "agent/objects/store_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "tests/fakes/manual_clock.hpp"
#include "tests/fakes/slow_store.hpp"

namespace berth::agent {
namespace {

using testing::ElementsAre;

class StoreWriterRemoveTest : public testing::Test {
 protected:
  static model::Object pod(const std::string& uid, const std::string& label = "first") {
    return *model::make_object(parse_json(fmt::format(R"({{"apiVersion":"v1","kind":"Pod",
        "metadata":{{"name":"web-0","namespace":"default","uid":"{}","labels":{{"at":"{}"}}}},
        "spec":{{"containers":[{{"name":"main","image":"web:1"}}]}}}})",
                                                      uid, label))
                                   ->get_object());
  }

  void SetUp() override {
    elsewhere(store::Write::put(pod("u-1")));
    settle();
  }
  /// Somebody beside the store writes; we do not see it before settle().
  void elsewhere(store::Write write) {
    std::vector<store::Write> writes;
    writes.push_back(std::move(write));
    const auto done = store.elsewhere({{}, std::move(writes)});
    ASSERT_TRUE(done.ok()) << done.error().message();
  }
  void remove(const std::string& uid) {
    writer.remove(key, uid, [this](const Status& done) {
      answers.emplace_back(done ? "gone" : std::string(to_string(done.error().code())));
    });
  }
  void settle() {
    while (loop.poll() + store.step() != 0) {
    }
  }
  std::string there() const {
    const auto stored = store.truth(key);
    return stored == nullptr ? "nothing" : stored->meta.uid;
  }

  const model::ObjectKey key{model::Kind::Pod, "default", "web-0"};
  store::SlowStore store;
  Loop loop;
  ManualClock clock;
  StoreWriter writer{loop, store, clock};
  std::vector<std::string> answers;
};

/// Its last status may be on its way to us: a condition on the revision that we know would lose this race each time.
TEST_F(StoreWriterRemoveTest, ThatVeryObjectGoesWhateverWasWrittenToItLast) {
  elsewhere(store::Write::put(pod("u-1", "second")));
  remove("u-1");
  settle();
  EXPECT_EQ(there(), "nothing");
  EXPECT_THAT(answers, ElementsAre("gone"));
}

TEST_F(StoreWriterRemoveTest, OneOfItsNameThatWasMadeMeanwhileStays) {
  elsewhere(store::Write::remove(key));
  elsewhere(store::Write::put(pod("u-2")));
  remove("u-1");
  settle();
  EXPECT_EQ(there(), "u-2");
  EXPECT_THAT(answers, ElementsAre("Aborted")) << "what we knew was of before";
  remove("u-1");
  settle();
  EXPECT_EQ(there(), "u-2");
  EXPECT_THAT(answers, ElementsAre("Aborted", "gone"));
}

TEST_F(StoreWriterRemoveTest, OneThatSomebodyElseRemovedMeanwhileIsGone) {
  elsewhere(store::Write::remove(key));
  remove("u-1");
  settle();
  EXPECT_EQ(there(), "nothing");
  EXPECT_THAT(answers, ElementsAre("gone"));
}

TEST_F(StoreWriterRemoveTest, WithoutAUidWhicheverIsThere) {
  elsewhere(store::Write::remove(key));
  elsewhere(store::Write::put(pod("u-2")));
  remove("");
  settle();
  EXPECT_EQ(there(), "nothing");
  EXPECT_THAT(answers, ElementsAre("gone"));
}

}  // namespace
}  // namespace berth::agent
