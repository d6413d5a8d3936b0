// tests/store/etcd_copy_test.cpp - an etcd store that begins while its etcd is away: on its copy, and on none of
// others.
#include "store/etcd/copy_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/etcd_member_file.hpp"
#include "store/etcd/etcd_store.hpp"
#include "store/etcd/member_keeper.hpp"
#include "tests/fakes/fake_etcd.hpp"
#include "tests/temp_dir.hpp"

namespace berth::store::etcd {
namespace {

using model::Kind;
using model::ObjectKey;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

model::Object object_of(Kind kind, const std::string& name, const std::string& value = "v") {
  return *model::make_object({{"apiVersion", model::info(kind).api_version()},
                              {"kind", model::info(kind).name},
                              {"metadata", {{"name", name}, {"namespace", "default"}}},
                              {"data", {{"key", value}}}});
}

model::Object config_map(const std::string& name, const std::string& value = "v") {
  return object_of(Kind::ConfigMap, name, value);
}

std::string text_of(const std::string& name) {
  auto object = config_map(name);
  object.raw["metadata"].as_object()["uid"] = "11111111-1111-4111-8111-111111111111";
  return json::serialize(object.raw);
}

ObjectKey key(const std::string& name) { return {Kind::ConfigMap, "default", name}; }

std::vector<std::string> names_in(const Listing& all) {
  std::vector<std::string> names;
  for (const auto& object : all.objects) names.push_back(object->meta.name);
  return names;
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777U;
}

class EtcdCopy : public testing::Test {
 protected:
  EtcdCopy() {
    options_.node = "here";
    options_.access.endpoints = {"https://10.0.0.1:2379", "https://10.0.0.2:2379"};
    options_.copy = dir_.path() / "copy" / "objects.db";
    options_.stand_in_after = milliseconds{0};
    options_.open_within = milliseconds{300};
    options_.retry_first = milliseconds{1};
    options_.retry_most = milliseconds{5};
    options_.on_problem = [this](const StoreProblem& problem) {
      const std::scoped_lock lock(mutex_);
      said_ += problem.what + ": " + problem.reason + "\n";
    };
  }

  Result<std::unique_ptr<Store>> open() { return open_store_on(etcd_.client(), options_); }
  std::unique_ptr<Store> must_open() {
    // Others' machines may be slow; the copy is looked at once etcd failed at the first try.
    auto options = options_;
    options.open_within = milliseconds{20'000};
    auto store = open_store_on(etcd_.client(), options);
    if (!store) {
      ADD_FAILURE() << store.error().message();
      std::abort();
    }
    return *std::move(store);
  }
  /// A store that has these is closed, and etcd goes away.
  void leave_copy_of(const std::vector<std::string>& names) {
    {
      const auto store = must_open();
      for (const auto& name : names) ASSERT_TRUE(create_and_wait(*store, config_map(name)).ok());
    }
    etcd_.away(true);
  }
  std::string said() const {
    const std::scoped_lock lock(mutex_);
    return said_;
  }
  CopyOf copy_of() const { return {options_.access.endpoints, options_.prefix, options_.node}; }

  TempDir dir_;
  mutable std::mutex mutex_;
  std::string said_;
  FakeEtcd etcd_;
  EtcdOptions options_;
};

TEST_F(EtcdCopy, AStoreBeginsWithItAndGoesOnWithEtcdWhenThatAnswers) {
  leave_copy_of({"a", "b"});
  const auto store = must_open();
  EXPECT_EQ(names_in(store->list(Kind::ConfigMap)), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(store->identity().opened, 0U);
  const auto refused = create_and_wait(*store, config_map("c"));
  EXPECT_TRUE(failed_with(refused, ErrorCode::Unavailable)) << refused.error().message();
  EXPECT_TRUE(failed_with(store->open_session("live/here", {}), ErrorCode::Unavailable));
  ASSERT_EQ(store->problems().size(), 1U);
  EXPECT_THAT(store->problems().front().reason,
              testing::AllOf(HasSubstr("away since the start at 2"), HasSubstr("objects are as of 2"),
                             HasSubstr(options_.copy.native()), HasSubstr("nothing can be written")));

  std::promise<std::vector<std::string>> snapshots[2];
  std::atomic<int> told{0};
  const auto watch = store->follow({.kind = Kind::ConfigMap, .ns = {}, .node = {}},
                                   {.on_snapshot =
                                        [&](const Listing& all) {
                                          const auto number = told++;
                                          if (number < 2) snapshots[number].set_value(names_in(all));
                                        },
                                    .on_change = [](const Change&) {},
                                    .on_lost = {}});
  EXPECT_THAT(snapshots[0].get_future().get(), ElementsAre("a", "b"));
  const auto before = store->identity();
  // Another host did this meanwhile.
  etcd_.remove("/berth/objects/ConfigMap/default/a");
  etcd_.put("/berth/objects/ConfigMap/default/d", text_of("d"));
  etcd_.away(false);
  EXPECT_THAT(snapshots[1].get_future().get(), ElementsAre("b", "d"));
  EXPECT_EQ(store->identity().id, before.id);
  EXPECT_GT(store->identity().opened, 0U);
  while (!store->problems().empty()) std::this_thread::yield();
  EXPECT_TRUE(create_and_wait(*store, config_map("c")).ok());
  EXPECT_TRUE(store->open_session("live/here", {}).ok());
}

TEST_F(EtcdCopy, MembersThatCouldNotBeKeptAreSaidAndTakenBackWhenTheDiskTakesThemAgain) {
  const auto file = dir_.path() / "below" / "members.json";
  const auto members = std::make_shared<MemberKeeper>(file, options_.access.endpoints);
  ASSERT_TRUE(write_file(dir_.path() / "below", "in the way"));
  auto store = open_store_on(etcd_.client(), options_, members);
  ASSERT_TRUE(store) << store.error().message();
  members->learned({"https://10.0.0.3:2379"});
  while ((*store)->problems().empty()) std::this_thread::yield();
  EXPECT_EQ((*store)->problems().front().what, file.native());
  EXPECT_THAT((*store)->problems().front().reason, HasSubstr("the etcd's members are not kept for a start"));
  std::filesystem::remove(dir_.path() / "below");
  members->look(std::chrono::steady_clock::now() + MemberKeeper::kAgain);
  while (!(*store)->problems().empty()) std::this_thread::yield();
  EXPECT_THAT(read_etcd_members(file, options_.access.endpoints), ElementsAre("https://10.0.0.3:2379"));
  members->learned({"https://10.0.0.4:2379"});
  store->reset();  // Whoever still learns tells nobody.
  members->learned({"https://10.0.0.5:2379"});
}

TEST_F(EtcdCopy, ItFollowsWhatChangesAndHasNoEventsNorWhatIsLeftOut) {
  options_.not_copied = [](const ObjectKey& each) { return each.name == "ca"; };
  options_.copy_after = milliseconds{1};
  {
    const auto store = must_open();
    for (int i = 0; i < 300; ++i) {  // More than one write's rows.
      ASSERT_TRUE(create_and_wait(*store, config_map("m" + std::to_string(i))).ok());
    }
    ASSERT_TRUE(create_and_wait(*store, config_map("ca")).ok());
    ASSERT_TRUE(create_and_wait(*store, object_of(Kind::Event, "e")).ok());
    ASSERT_TRUE(update_and_wait(*store, config_map("m0", "changed"), 0).ok());
    ASSERT_TRUE(remove_and_wait(*store, key("m1"), 0).ok());
  }
  auto copied = read_copy(options_.copy, copy_of());
  ASSERT_TRUE(copied.ok()) << copied.error().message();
  EXPECT_EQ(copied->revision, etcd_.revision());
  ASSERT_EQ(copied->objects.size(), 299U);
  for (const auto& object : copied->objects) {
    EXPECT_THAT(object.meta.name, testing::AllOf(testing::Ne("ca"), testing::Ne("e"), testing::Ne("m1")));
    if (object.meta.name == "m0") EXPECT_EQ(find_string(object.raw.at("data"), {"key"}), "changed");
  }
}

TEST_F(EtcdCopy, WhatChangedWhileNobodyLookedIsMendedAtTheNextStart) {
  leave_copy_of({"a", "b"});
  etcd_.away(false);
  options_.stand_in_after = options_.open_within * 100;  // It is there.
  etcd_.remove("/berth/objects/ConfigMap/default/a");
  etcd_.put("/berth/objects/ConfigMap/default/b", text_of("b"));
  { const auto store = must_open(); }
  const auto copied = read_copy(options_.copy, copy_of());
  ASSERT_TRUE(copied.ok()) << copied.error().message();
  ASSERT_EQ(copied->objects.size(), 1U);
  EXPECT_EQ(copied->objects.front().meta.uid, "11111111-1111-4111-8111-111111111111");
  EXPECT_EQ(copied->objects.front().meta.resource_version, etcd_.revision());
}

TEST_F(EtcdCopy, ItIsItsOwnersAlone) {
  leave_copy_of({"a"});
  EXPECT_EQ(mode_of(options_.copy.parent_path()), 0700U);
  EXPECT_EQ(mode_of(options_.copy), 0600U);
}

TEST_F(EtcdCopy, WithoutOneEtcdIsWaitedFor) {
  etcd_.away(true);
  EXPECT_TRUE(failed_with(open(), ErrorCode::Unavailable));
  EXPECT_EQ(said(), "");
}

TEST_F(EtcdCopy, OneOfAnotherNodePrefixOrEtcdIsNotUsedAndThatIsSaid) {
  leave_copy_of({"a"});
  const auto ours = options_;
  options_.node = "there";
  EXPECT_TRUE(failed_with(open(), ErrorCode::Unavailable));
  EXPECT_THAT(said(), HasSubstr("is not used"));
  EXPECT_THAT(said(), HasSubstr(R"(its node is "here", not "there")"));
  options_ = ours;
  options_.prefix = "/other";
  EXPECT_TRUE(failed_with(open(), ErrorCode::Unavailable));
  EXPECT_THAT(said(), HasSubstr(R"(its prefix is "/berth", not "/other")"));
  options_ = ours;
  options_.access.endpoints = {"https://10.0.0.9:2379"};
  EXPECT_TRUE(failed_with(open(), ErrorCode::Unavailable));
  EXPECT_THAT(said(), HasSubstr("it is of the etcd at https://10.0.0.1:2379,https://10.0.0.2:2379, not of that at"));
  options_.access.endpoints = {"https://10.0.0.9:2379", "https://10.0.0.2:2379"};  // A member was replaced.
  EXPECT_TRUE(open().ok());
}

TEST_F(EtcdCopy, OneThatIsDamagedIsNotUsedAndMadeAnewWhenEtcdAnswers) {
  leave_copy_of({"a"});
  std::ofstream(options_.copy, std::ios::trunc)
      << "this is no database, and was one, of more than a hundred bytes, which "
         "is the size of the header of an SQLite file";
  EXPECT_TRUE(failed_with(open(), ErrorCode::Unavailable));
  EXPECT_THAT(said(), HasSubstr("is not used"));
  etcd_.away(false);
  options_.stand_in_after = options_.open_within * 100;  // It is there.
  { EXPECT_TRUE(must_open()->problems().empty()); }
  EXPECT_EQ(read_copy(options_.copy, copy_of())->objects.size(), 1U);
}

TEST_F(EtcdCopy, OneOfAnotherFormIsNotUsed) {
  leave_copy_of({"a"});
  {
    auto database = SqliteDatabase::open(options_.copy, 0);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)->set_fact("form", "etcd-copy 2").ok());
  }
  EXPECT_TRUE(failed_with(open(), ErrorCode::Unavailable));
  EXPECT_THAT(said(), HasSubstr(R"(its form is "etcd-copy 2", not "etcd-copy 1")"));
}

TEST_F(EtcdCopy, OneThatIsHalfWrittenIsNone) {
  leave_copy_of({"a"});
  {
    auto database = SqliteDatabase::open(options_.copy, 0);
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)->write({}, 0, Durability::Lazy).ok());  // As after the first of several writes.
  }
  EXPECT_TRUE(failed_with(read_copy(options_.copy, copy_of()), ErrorCode::NotFound));
  EXPECT_TRUE(failed_with(open(), ErrorCode::Unavailable));
}

TEST_F(EtcdCopy, AnEtcdThatIsAnotherStoreByThenIsNotBelievedNorWrittenTo) {
  leave_copy_of({"a"});
  const auto store = must_open();
  etcd_.put("/berth/meta", R"({"id":"22222222-2222-4222-8222-222222222222","format":1})");
  const auto revision = etcd_.revision();
  etcd_.away(false);
  while (store->problems().size() < 2) std::this_thread::yield();
  std::string reasons;
  for (const auto& problem : store->problems()) reasons += problem.reason + "\n";
  EXPECT_THAT(reasons, HasSubstr("nothing of it is believed"));
  EXPECT_NE(store->get(key("a")), nullptr);
  EXPECT_TRUE(failed_with(create_and_wait(*store, config_map("b")), ErrorCode::Unavailable));
  EXPECT_TRUE(failed_with(store->open_session("live/here", {}), ErrorCode::Unavailable));
  EXPECT_EQ(etcd_.revision(), revision);
}

TEST_F(EtcdCopy, OneThatCannotBeWrittenIsSaid) {
  std::ofstream(options_.copy.parent_path()) << "no directory";
  options_.copy_after = milliseconds{0};
  const auto store = must_open();
  while (store->problems().empty()) std::this_thread::yield();
  EXPECT_THAT(store->problems().front().reason, HasSubstr("the copy for a start without etcd is not renewed"));
  EXPECT_TRUE(create_and_wait(*store, config_map("a")).ok());
}

}  // namespace
}  // namespace berth::store::etcd
