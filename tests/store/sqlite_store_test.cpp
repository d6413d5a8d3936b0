// tests/store/sqlite_store_test.cpp - what only a file can do: last, break, fill up, be held by another.
#include "store/sqlite_store.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>

namespace berth::store {
namespace {

using model::Kind;
using model::ObjectKey;

model::Object config_map(const std::string& name, const std::string& value = "v") {
  json::object raw{{"apiVersion", "v1"},
                   {"kind", "ConfigMap"},
                   {"metadata", {{"name", name}, {"namespace", "default"}, {"x-unknown", {1, 2}}}},
                   {"data", {{"key", value}}}};
  return *model::make_object(std::move(raw));
}

ObjectKey key(const std::string& name) { return {Kind::ConfigMap, "default", name}; }

std::string value_of(const Store& store, const std::string& name) {
  const auto object = store.get(key(name));
  return object == nullptr ? "(none)" : std::string(view(object->raw.at("data").at("key").as_string()));
}

class SqliteStore : public testing::Test {
 protected:
  SqliteStore() {
    auto pattern = testing::TempDir() + "sqlite-XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    file_ = dir_ / "store.db";
  }
  ~SqliteStore() override { std::filesystem::remove_all(dir_); }

  std::unique_ptr<Store> open(const SqliteOptions& options = {}) {
    auto store = open_sqlite_store(file_, StoreLimits{}, options);
    if (!store) ADD_FAILURE() << store.error().message();
    return store ? *std::move(store) : nullptr;
  }

  void run_sql(const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }

  std::filesystem::path dir_;
  std::filesystem::path file_;
};

TEST_F(SqliteStore, ReopeningGivesTheSameObjectsAndTheSameRevision) {
  auto store = open();
  const auto a = create_and_wait(*store, config_map("a"));
  ASSERT_TRUE(create_and_wait(*store, config_map("gone")).ok());
  ASSERT_TRUE(remove_and_wait(*store, key("gone"), 0).ok());
  store->create(config_map("lazy"), Durability::Lazy, {});
  const auto revision = store->revision();
  store.reset();

  store = open();
  EXPECT_EQ(store->revision(), revision);
  ASSERT_NE(store->get(key("a")), nullptr);
  EXPECT_EQ(store->get(key("a"))->raw, (*a)->raw) << "unknown fields included";
  EXPECT_EQ(store->get(key("a"))->meta.uid, (*a)->meta.uid);
  EXPECT_EQ(store->get(key("gone")), nullptr);
  EXPECT_NE(store->get(key("lazy")), nullptr) << "a clean end loses nothing";
  EXPECT_TRUE(failed_with(store->watch(std::nullopt, revision - 1, [](const Change&) {}), ErrorCode::OutOfRange));
  EXPECT_TRUE(store->watch(std::nullopt, revision, [](const Change&) {}).ok());
}

TEST_F(SqliteStore, ASecondOpenerIsToldItIsHeld) {
  const auto store = open();
  EXPECT_TRUE(failed_with(open_sqlite_store(file_), ErrorCode::Unavailable));
  const auto child = ::fork();
  if (child == 0) ::_exit(failed_with(open_sqlite_store(file_), ErrorCode::Unavailable) ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(create_and_wait(*store, config_map("a")).ok()) << "the first one is not disturbed";
}

TEST_F(SqliteStore, WhatIsNotOurDatabaseIsDataLossAndLeftAlone) {
  std::ofstream(file_) << "this is not a database, whatever its name says";
  EXPECT_TRUE(failed_with(open_sqlite_store(file_), ErrorCode::DataLoss));
  EXPECT_EQ(std::filesystem::file_size(file_), 46U);
  std::filesystem::remove(file_);
  run_sql("CREATE TABLE t (x)");
  EXPECT_TRUE(failed_with(open_sqlite_store(file_), ErrorCode::DataLoss));
}

TEST_F(SqliteStore, ADamagedFileIsDataLoss) {
  {
    const auto store = open();
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(create_and_wait(*store, config_map(std::to_string(i), std::string(2000, 'x'))).ok());
    }
  }
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5 * 4096);
    file << std::string(8 * 4096, '\xee');
  }
  EXPECT_TRUE(failed_with(open_sqlite_store(file_), ErrorCode::DataLoss));
}

TEST_F(SqliteStore, AnObjectThatIsNotOneIsDataLossAndNamed) {
  open();
  run_sql("INSERT INTO objects VALUES ('ConfigMap', 'default', 'odd', '{\"kind\": 1}')");
  const auto store = open_sqlite_store(file_);
  ASSERT_TRUE(failed_with(store, ErrorCode::DataLoss));
  EXPECT_NE(store.error().message().find("ConfigMap default/odd"), std::string::npos) << store.error().message();
}

TEST_F(SqliteStore, ANewerSchemaIsRefused) {
  open();
  run_sql("PRAGMA user_version = 99");
  const auto store = open_sqlite_store(file_);
  ASSERT_TRUE(failed_with(store, ErrorCode::DataLoss));
  EXPECT_NE(store.error().message().find("version 99"), std::string::npos) << store.error().message();
}

TEST_F(SqliteStore, AMissingDirectoryIsNamed) {
  const auto store = open_sqlite_store(dir_ / "none" / "store.db");
  ASSERT_FALSE(store.ok());
  EXPECT_NE(store.error().message().find("none/store.db"), std::string::npos) << store.error().message();
}

TEST_F(SqliteStore, AFullDiskFailsTheWriteAndEveryoneSeesItTakenBack) {
  const auto store = open({.max_pages = 20});
  ASSERT_TRUE(create_and_wait(*store, config_map("a", "before")).ok());
  std::mutex mutex;
  std::vector<std::string> seen;
  const auto watch = store->watch(std::nullopt, store->revision(), [&](const Change& change) {
    const std::scoped_lock lock(mutex);
    seen.push_back((change.type == ChangeType::Added      ? "+"
                    : change.type == ChangeType::Modified ? "~"
                                                          : "-") +
                   change.object->meta.name);
  });
  const std::string big(200'000, 'x');
  EXPECT_TRUE(failed_with(create_and_wait(*store, config_map("b", big)), ErrorCode::ResourceExhausted));
  EXPECT_TRUE(failed_with(update_and_wait(*store, config_map("a", big), 0), ErrorCode::ResourceExhausted));
  EXPECT_EQ(value_of(*store, "a"), "before");
  EXPECT_EQ(value_of(*store, "b"), "(none)");
  // Small writes still fit, and come after the changes that took the others back.
  ASSERT_TRUE(create_and_wait(*store, config_map("c")).ok());
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(seen, (std::vector<std::string>{"+b", "-b", "~a", "~a", "+c"}));
}

TEST_F(SqliteStore, AFullDiskKeepsLazyWritesInMemoryAndTriesThemAgain) {
  auto store = open({.max_pages = 20});
  store->create(config_map("status"), Durability::Lazy, {});
  EXPECT_TRUE(
      failed_with(create_and_wait(*store, config_map("b", std::string(200'000, 'x'))), ErrorCode::ResourceExhausted));
  EXPECT_EQ(value_of(*store, "status"), "v");
  EXPECT_TRUE(store->flush().ok());
  store.reset();
  EXPECT_EQ(value_of(*open(), "status"), "v");
}

/// Runs `work` in a child process that is killed with SIGKILL once it has said so.
void run_and_kill(const std::function<void()>& work) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto child = ::fork();
  if (child == 0) {
    work();
    std::ignore = ::write(ends[1], "x", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(SqliteStore, AKilledProcessLosesNothingDurableAndNeverRepeatsARevision) {
  Revision used = 0;
  for (int round = 0; round < 3; ++round) {
    const auto name = "durable-" + std::to_string(round);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    run_and_kill([&] {
      auto store = open_sqlite_store(file_);
      if (!store) ::_exit(1);
      if (!create_and_wait(**store, config_map(name))) ::_exit(1);
      for (int i = 0; i < 500; ++i) (*store)->create(config_map(name + std::to_string(i)), Durability::Lazy, {});
      const auto revision = (*store)->revision();
      std::ignore = ::write(ends[1], &revision, sizeof revision);
      std::ignore = store->release();  // the kill shall find it open
    });
    Revision revision = 0;
    ASSERT_EQ(::read(ends[0], &revision, sizeof revision), static_cast<ssize_t>(sizeof revision));
    ::close(ends[0]);
    ::close(ends[1]);
    EXPECT_GT(revision, used);
    used = revision;
    const auto store = open();
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(value_of(*store, name), "v");
    EXPECT_GE(store->revision(), used);
    const auto next = create_and_wait(*store, config_map("next-" + std::to_string(round)));
    ASSERT_TRUE(next.ok());
    EXPECT_GT((*next)->meta.resource_version, used);
    used = (*next)->meta.resource_version;
  }
}

}  // namespace
}  // namespace berth::store
