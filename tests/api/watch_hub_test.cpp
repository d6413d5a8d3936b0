// tests/api/watch_hub_test.cpp - many readers of one queue: each change once, in order, and nobody waits for the slow.
#include "api/reads/watch_hub.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace berth::api {
namespace {

using model::Kind;

class Hub : public testing::Test {
 protected:
  static model::Object object(std::string_view kind, const std::string& name, const std::string& ns, int number) {
    auto raw = parse_json(fmt::format(
        R"({{"apiVersion":"v1","kind":"{}","metadata":{{"name":"{}","namespace":"{}"}},"data":{{"n":"{}"}}}})", kind,
        name, ns, number));
    return *model::make_object(raw->get_object());
  }
  void write(int number, const std::string& ns = "a", std::string_view kind = "ConfigMap") {
    auto wanted = object(kind, "x", ns, number);
    const auto key = wanted.key();
    ASSERT_TRUE(store_->get(key) ? update_and_wait(*store_, std::move(wanted), 0)
                                 : create_and_wait(*store_, std::move(wanted)));
  }
  std::unique_ptr<ChangeReader> reader(store::Revision from, const std::string& ns = {}) {
    auto made = hub_.read(Kind::ConfigMap, ns, from);
    EXPECT_TRUE(made);
    return made ? *std::move(made) : nullptr;
  }
  static int number(const SharedChange& change) {
    return std::stoi(std::string(find_string(json::value(change->object->raw), {"data", "n"})));
  }
  static std::vector<int> all(ChangeReader& from) {
    std::vector<int> out;
    while (const auto change = from.next()) out.push_back(number(*change));
    return out;
  }
  /// Runs what the store's thread posts until `done`; fails after 20 s.
  template <typename Done>
  void run_until(Done done) {
    while (!done()) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex_);
        ASSERT_TRUE(posted_.wait_for(lock, std::chrono::seconds(20), [&] { return !jobs_.empty(); }));
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job();
    }
  }

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> jobs_;
  std::unique_ptr<store::Store> store_ = store::make_memory_store({.object_bytes = 1024 * 1024, .history = 100});
  WatchHub hub_{[this](std::function<void()> job) {
                  {
                    const std::lock_guard lock(mutex_);
                    jobs_.push_back(std::move(job));
                  }
                  posted_.notify_all();
                },
                *store_};
};

TEST_F(Hub, ReadersOfAKindShareEachChangeAndItsText) {
  const auto one = reader(0);
  const auto two = reader(0);
  int woken = 0;
  one->on_wake([&] { ++woken; });
  two->on_wake([&] { ++woken; });
  write(1);
  run_until([&] { return woken == 2; });
  const auto first = one->next();
  const auto second = two->next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(&first->text(), &second->text());
  EXPECT_EQ(first->text(), json::serialize((*first)->object->raw));
  EXPECT_EQ(one->next(), nullptr);
}

TEST_F(Hub, WhatHappenedBeforeOneJoinedComesOnceEvenWhileItIsOnItsWay) {
  const auto early = reader(0);
  write(1);
  write(2);  // neither was taken from the store's thread yet
  const auto late = reader(1);
  write(3);
  std::vector<int> seen;
  run_until([&] {
    for (const auto n : all(*late)) seen.push_back(n);
    return !seen.empty() && seen.back() == 3;
  });
  EXPECT_EQ(seen, (std::vector<int>{2, 3}));
  EXPECT_EQ(all(*early), (std::vector<int>{1, 2, 3}));
}

TEST_F(Hub, ASlowReaderFallsBehindAndTheOthersDoNotNotice) {
  const auto quick = reader(0);
  const auto slow = reader(0);
  std::vector<int> seen;
  quick->on_wake([&] {
    for (const auto n : all(*quick)) seen.push_back(n);
  });
  constexpr int kWrites = static_cast<int>(WatchHub::kMaxChanges) + 200;
  for (int i = 1; i <= kWrites; ++i) write(i);
  run_until([&] { return seen.size() == kWrites; });
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_TRUE(slow->fell_behind());
  EXPECT_EQ(slow->next(), nullptr);
  EXPECT_FALSE(quick->fell_behind());
}

TEST_F(Hub, ReadersOfANamespaceAreWokenForItOnly) {
  const auto mine = reader(0, "a");
  const auto other = reader(0, "b");
  int woken = 0;
  int other_woken = 0;
  mine->on_wake([&] { ++woken; });
  other->on_wake([&] { ++other_woken; });
  write(1, "a");
  run_until([&] { return woken > 0; });
  EXPECT_EQ(other_woken, 0);
  EXPECT_EQ(other->next(), nullptr);
  EXPECT_EQ(other->progress(), store_->revision());
  EXPECT_EQ(mine->progress(), 0U) << "its change was not read yet";
  EXPECT_EQ(all(*mine), (std::vector<int>{1}));
  EXPECT_EQ(mine->progress(), store_->revision());
}

TEST_F(Hub, ProgressNeverPassesAChangeThatIsOnItsWay) {
  const auto one = reader(0);
  write(1);
  const auto before = store_->revision();
  write(2, "a", "Secret");
  EXPECT_LT(one->progress(), before);
  run_until([&] { return one->next() != nullptr; });
  EXPECT_EQ(one->progress(), store_->revision());
}

TEST_F(Hub, AReaderMayLeaveWhileItIsBeingTold) {
  auto one = reader(0);
  const auto two = reader(0);
  bool told = false;
  one->on_wake([&] { one.reset(); });
  two->on_wake([&] { told = true; });
  write(1);
  run_until([&] { return told; });
  EXPECT_EQ(one, nullptr);
  EXPECT_EQ(all(*two), (std::vector<int>{1}));
}

TEST_F(Hub, AfterTheLastReaderLeftTheNextOneStartsAnew) {
  reader(0).reset();
  write(1);
  const auto next = reader(1);
  write(2);
  std::vector<int> seen;
  run_until([&] {
    for (const auto n : all(*next)) seen.push_back(n);
    return !seen.empty();
  });
  EXPECT_EQ(seen, (std::vector<int>{2}));
}

TEST_F(Hub, ARevisionThatIsNotKeptIsOutOfRange) {
  for (int i = 0; i < 150; ++i) write(i);
  EXPECT_EQ(hub_.read(Kind::ConfigMap, "", 1).error().code(), ErrorCode::OutOfRange);
  EXPECT_EQ(hub_.read(Kind::ConfigMap, "", 1000).error().code(), ErrorCode::OutOfRange);
}

}  // namespace
}  // namespace berth::api
