// tests/store/sqlite_store_test.cpp - what only a file can do: last, break, fill up, be held by another.
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>

#include "store/backup.hpp"
#include "store/store.hpp"
#include "tests/temp_dir.hpp"

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
  SqliteStore() { file_ = dir_ / "store.db"; }

  std::unique_ptr<Store> open_bounded(unsigned pages) {
    SqliteOptions options;
    options.max_pages = pages;
    return open(options);
  }

  std::unique_ptr<Store> open(const SqliteOptions& options = {}) {
    auto store = open_sqlite_store(file_, options);
    if (!store) ADD_FAILURE() << store.error().message();
    return store ? *std::move(store) : nullptr;
  }

  void run_sql(const char* sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }

  /// Every row of the objects, as text.
  std::vector<std::string> rows() {
    std::vector<std::string> all;
    sqlite3* handle = nullptr;
    EXPECT_EQ(sqlite3_open(file_.c_str(), &handle), SQLITE_OK);
    sqlite3_exec(
        handle, "SELECT kind || ' ' || namespace || '/' || name || ' ' || json FROM objects",
        [](void* into, int, char** values, char**) {
          static_cast<std::vector<std::string>*>(into)->emplace_back(values[0]);
          return 0;
        },
        &all, nullptr);
    sqlite3_close(handle);
    return all;
  }

  TempDir temp_;
  const std::filesystem::path dir_ = temp_.path();
  std::filesystem::path file_;
};

TEST_F(SqliteStore, ReopeningGivesTheSameObjectsAndTheSameRevision) {
  auto store = open();
  const auto a = create_and_wait(*store, config_map("a"));
  ASSERT_TRUE(create_and_wait(*store, config_map("gone")).ok());
  ASSERT_TRUE(remove_and_wait(*store, key("gone"), 0).ok());
  std::promise<void> shown;
  store->create(config_map("lazy"), Durability::Lazy, [&](auto) { shown.set_value(); });
  shown.get_future().wait();
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

TEST_F(SqliteStore, RowsThatThisVersionCannotReadAreKeptListedAndHurtNobody) {
  open();
  run_sql(
      "INSERT INTO objects VALUES"
      " ('ConfigMap', 'default', 'odd', '{\"kind\": 1}'),"
      " ('ConfigMap', 'default', 'text', 'no JSON at all'),"
      " ('Pod', 'default', 'newer', '{\"apiVersion\":\"v9\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"newer\","
      "\"namespace\":\"default\"}}'),"
      " ('ConfigMap', 'default', 'liar', '{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
      "\"other\",\"namespace\":\"default\"}}'),"
      " ('Widget', 'default', 'web', '{\"apiVersion\":\"apps/v1\",\"kind\":\"Widget\"}')");
  const auto dump = [this] { return rows(); };
  const auto before = dump();
  std::mutex mutex;
  std::vector<std::string> told;
  SqliteOptions options;
  options.on_problem = [&](const StoreProblem& problem) {
    const std::scoped_lock lock(mutex);
    told.push_back(problem.what);
  };
  auto store = open(options);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->problems().size(), 5U);
  EXPECT_EQ(store->list(Kind::ConfigMap).objects.size(), 0U);
  for (const auto* name : {"odd", "text", "liar"}) {
    EXPECT_TRUE(failed_with(create_and_wait(*store, config_map(name)), ErrorCode::FailedPrecondition)) << name;
    EXPECT_TRUE(failed_with(update_and_wait(*store, config_map(name), 0), ErrorCode::FailedPrecondition)) << name;
    EXPECT_TRUE(failed_with(remove_and_wait(*store, key(name), 0), ErrorCode::FailedPrecondition)) << name;
  }
  const auto refused = create_and_wait(*store, config_map("odd"));
  EXPECT_NE(refused.error().message().find("ConfigMap default/odd"), std::string::npos) << refused.error().message();
  ASSERT_TRUE(create_and_wait(*store, config_map("good")).ok());
  ASSERT_TRUE(remove_and_wait(*store, key("good"), 0).ok());
  store.reset();
  EXPECT_EQ(told.size(), 5U) << "each once";
  EXPECT_EQ(dump(), before) << "untouched, byte for byte";
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

TEST_F(SqliteStore, AWriteThatTheDiskRefusesWasNeverSeen) {
  const auto store = open_bounded(24);
  ASSERT_TRUE(create_and_wait(*store, config_map("a", "before")).ok());
  const auto revision = store->revision();
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
  EXPECT_EQ(store->revision(), revision);
  EXPECT_TRUE(store->history(Kind::ConfigMap, revision)->changes.empty());
  // Small writes still fit.
  ASSERT_TRUE(create_and_wait(*store, config_map("c")).ok());
  const std::scoped_lock lock(mutex);
  EXPECT_EQ(seen, std::vector<std::string>{"+c"});
}

TEST_F(SqliteStore, WhatWasBuiltOnARefusedWriteIsRefusedAndALazyWriteBesideItSurvives) {
  auto store = open_bounded(24);
  const std::string big(200'000, 'x');
  for (int round = 0; round < 20; ++round) {  // However the writes are grouped.
    std::vector<std::future<Result<model::ObjectPtr>>> answers;
    const auto done = [&] {
      const auto promise = std::make_shared<std::promise<Result<model::ObjectPtr>>>();
      answers.push_back(promise->get_future());
      return [promise](Result<model::ObjectPtr> result) { promise->set_value(std::move(result)); };
    };
    const auto beside = "beside-" + std::to_string(round);
    store->create(config_map("b", big), Durability::Durable, done());
    store->update(config_map("b", big + "1"), 0, Durability::Durable, done());
    store->update(config_map("b", big + "2"), 0, Durability::Lazy, done());
    store->create(config_map(beside), Durability::Lazy, done());
    for (const auto index : {0U, 1U, 2U}) EXPECT_FALSE(answers[index].get().ok()) << index;
    EXPECT_TRUE(answers[3].get().ok());
    EXPECT_EQ(value_of(*store, "b"), "(none)");
    EXPECT_EQ(value_of(*store, beside), "v");
    ASSERT_TRUE(store->flush().ok());
  }
  store.reset();
  store = open();
  EXPECT_EQ(value_of(*store, "b"), "(none)");
  EXPECT_EQ(store->list(Kind::ConfigMap).objects.size(), 20U);
}

TEST_F(SqliteStore, AFullDiskKeepsLazyWritesInMemoryAndTriesThemAgain) {
  auto store = open_bounded(24);
  store->create(config_map("status"), Durability::Lazy, {});
  EXPECT_TRUE(
      failed_with(create_and_wait(*store, config_map("b", std::string(200'000, 'x'))), ErrorCode::ResourceExhausted));
  EXPECT_EQ(value_of(*store, "status"), "v");
  EXPECT_TRUE(store->flush().ok());
  store.reset();
  EXPECT_EQ(value_of(*open(), "status"), "v");
}

/// What a reader knows who only follows: the state that the snapshot and the changes add up to.
class Mirror {
 public:
  explicit Mirror(Store& store) {
    watch_ = store.follow({}, {.on_snapshot =
                                   [this](const Listing& all) {
                                     const std::scoped_lock lock(mutex_);
                                     for (const auto& object : all.objects) objects_[object->meta.name] = object;
                                   },
                               .on_change =
                                   [this](const Change& change) {
                                     const std::scoped_lock lock(mutex_);
                                     ++changes_;
                                     if (change.type == ChangeType::Deleted) {
                                       objects_.erase(change.object->meta.name);
                                     } else {
                                       objects_[change.object->meta.name] = change.object;
                                     }
                                   },
                               .on_lost = {}});
  }
  std::map<std::string, model::ObjectPtr> objects() const {
    const std::scoped_lock lock(mutex_);
    return objects_;
  }
  std::size_t changes() const {
    const std::scoped_lock lock(mutex_);
    return changes_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, model::ObjectPtr> objects_;
  std::size_t changes_ = 0;
  std::unique_ptr<Watch> watch_;
};

TEST_F(SqliteStore, OfAThousandDeletesAndCreatesOnAFullDiskEveryRefusedOneHadNoEffectAtAll) {
  // The log grows with each transaction until it is copied back, and it is what runs full: a file system of its own
  // would need root, so SQLite's own bound makes the file full.
  auto store = open_bounded(300);
  std::map<std::string, std::string> expected;  // name -> resourceVersion
  std::size_t made = 0;
  for (;; ++made) {
    const auto name = "held-" + std::to_string(made);
    const auto created = create_and_wait(*store, config_map(name, std::string(3000, 'x')));
    if (!created) break;
    expected[name] = std::to_string((*created)->meta.resource_version);
  }
  ASSERT_GT(made, 50U);
  const auto as_text = [](const auto& objects) {
    std::map<std::string, std::string> all;
    for (const auto& [name, object] : objects) all[name] = std::to_string(object->meta.resource_version);
    return all;
  };
  const auto state = [&] {
    std::map<std::string, model::ObjectPtr> all;
    for (const auto& object : store->list(Kind::ConfigMap).objects) all[object->meta.name] = object;
    return as_text(all);
  };
  const auto mirror = std::make_unique<Mirror>(*store);
  std::size_t refused = 0;
  std::size_t allowed = 0;
  for (int round = 0; round < 1000; ++round) {
    const auto before = mirror->changes();
    const auto revision = store->revision();
    if (round % 2 == 0) {
      // A delete that is refused: it shares its transaction with what does not fit.
      const auto name = "held-" + std::to_string(static_cast<std::size_t>(round) / 2 % made);
      Txn txn;
      txn.writes.push_back(Write::remove(key(name)));
      txn.writes.push_back(Write::put(config_map("big", std::string(100'000, 'y'))));
      const auto gone = commit_and_wait(*store, std::move(txn));
      ASSERT_FALSE(gone.ok());
      ASSERT_EQ(gone.error().code(), ErrorCode::ResourceExhausted) << gone.error().message();
      ++refused;
    } else {
      const auto name = "new-" + std::to_string(round);
      const auto created = create_and_wait(*store, config_map(name, std::string(20'000, 'z')));
      if (created) {
        expected[name] = std::to_string((*created)->meta.resource_version);
        ++allowed;
        continue;
      }
      ASSERT_EQ(created.error().code(), ErrorCode::ResourceExhausted) << created.error().message();
      ++refused;
    }
    EXPECT_EQ(store->revision(), revision);
    EXPECT_EQ(mirror->changes(), before) << "a watcher heard of a refused write in round " << round;
    ASSERT_EQ(state(), expected) << "round " << round;
  }
  EXPECT_GE(refused, 900U) << allowed << " were allowed";
  EXPECT_EQ(as_text(mirror->objects()), expected);
  store->flush().ok();
  store.reset();
  store = open();
  EXPECT_EQ(state(), expected) << "after reopening";
}

mode_t mode_of(const std::filesystem::path& file) {
  struct stat found {};
  return ::stat(file.c_str(), &found) == 0 ? found.st_mode & 0777U : 0;
}

TEST_F(SqliteStore, TheFileItsLogAndItsCopyAreTheOwnersAlone) {
  std::ofstream(file_) << "";
  ASSERT_EQ(::chmod(file_.c_str(), 0644), 0);
  SqliteOptions options;
  options.copy = dir_ / "copy.db";
  options.copy_every = std::chrono::milliseconds{0};
  const auto store = open(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  ASSERT_TRUE(store->flush().ok());
  ASSERT_TRUE(store->flush().ok()) << "by now the copy of the first is made";
  EXPECT_EQ(mode_of(file_), 0600U);
  EXPECT_EQ(mode_of(dir_ / "store.db-wal"), 0600U);
  EXPECT_EQ(mode_of(options.copy), 0600U);
}

TEST_F(SqliteStore, ACopyThatIsPutBackHasTheObjectsAndIsAnotherStore) {
  SqliteOptions options;
  options.node = "here";
  options.copy = dir_ / "copy.db";
  options.copy_every = std::chrono::milliseconds{0};
  auto store = open(options);
  const auto first = store->identity();
  EXPECT_TRUE(first.made_now);
  EXPECT_EQ(first.id.size(), 36U);
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  ASSERT_TRUE(store->flush().ok());
  ASSERT_TRUE(store->flush().ok());
  store.reset();

  options.copy.clear();
  store = open(options);
  EXPECT_EQ(store->identity().id, first.id) << "the same store keeps its name";
  EXPECT_EQ(store->identity().opened, first.opened + 1);
  EXPECT_FALSE(store->identity().made_now);
  store.reset();

  std::filesystem::rename(dir_ / "copy.db", file_);
  std::filesystem::remove(dir_ / "store.db-wal");
  store = open(options);
  EXPECT_EQ(value_of(*store, "a"), "v");
  EXPECT_TRUE(store->identity().restored);
  const auto second = store->identity().id;
  EXPECT_NE(second, first.id);
  store.reset();
  store = open(options);
  EXPECT_EQ(store->identity().id, second);
  EXPECT_FALSE(store->identity().restored) << "only at its first start";
}

TEST_F(SqliteStore, ACopyThatIsAskedForHasEveryWriteBefore) {
  const auto store = open();
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  store->create(config_map("lazy"), Durability::Lazy, {});
  const auto copy = dir_ / "kept.db";
  ASSERT_TRUE(copy_store(*store, copy).ok());
  EXPECT_EQ(mode_of(copy), 0600U);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "kept.db-wal")) << "one file";
  EXPECT_FALSE(std::filesystem::exists(dir_ / "kept.db.new"));
  ASSERT_TRUE(create_and_wait(*store, config_map("later")).ok());
  const auto opened = open_sqlite_store(copy);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(value_of(**opened, "a"), "v");
  EXPECT_EQ(value_of(**opened, "lazy"), "v");
  EXPECT_EQ((*opened)->get(config_map("later").key()), nullptr);

  EXPECT_FALSE(copy_store(*store, dir_ / "nowhere" / "kept.db").ok());
  EXPECT_EQ(copy_store(*make_memory_store(), copy).error().code(), ErrorCode::Unimplemented);
  EXPECT_TRUE(create_and_wait(*store, config_map("b")).ok()) << "goes on";
}

class Restore : public SqliteStore {
 protected:
  /// A store of `node` with object "old", a copy of it, and the store with "new" as well, closed.
  void SetUp() override {
    SqliteStore::SetUp();
    SqliteOptions options;
    options.node = "here";
    options.version = "1.0";
    const auto store = open(options);
    id_ = store->identity().id;
    ASSERT_TRUE(create_and_wait(*store, config_map("old")).ok());
    ASSERT_TRUE(copy_store(*store, copy_).ok());
    ASSERT_TRUE(create_and_wait(*store, config_map("new")).ok());
  }
  std::size_t kept() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
      if (entry.path().filename().string().find("before-restore") != std::string::npos) ++count;
    }
    return count;
  }

  const std::filesystem::path copy_ = dir_ / "kept.db";
  std::string id_;
};

TEST_F(Restore, PutsTheCopyInPlaceAndKeepsWhatWasThere) {
  const auto restored = restore_sqlite_store(copy_, file_, "here");
  ASSERT_TRUE(restored.ok()) << restored.error().message();
  EXPECT_EQ(restored->objects, 1U);
  EXPECT_EQ(restored->identity.id, id_);
  EXPECT_EQ(restored->identity.node, "here");
  EXPECT_EQ(restored->version, "1.0");
  EXPECT_TRUE(std::filesystem::exists(copy_)) << "left as it is";
  EXPECT_EQ(mode_of(file_), 0600U);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "store.db.restoring"));
  {
    const auto store = open();
    EXPECT_EQ(value_of(*store, "old"), "v");
    EXPECT_EQ(store->get(config_map("new").key()), nullptr);
    EXPECT_TRUE(store->identity().restored);
    EXPECT_NE(store->identity().id, id_) << "what runs and is not in it belongs to another";
  }
  const auto before = open_sqlite_store(restored->old);
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(value_of(**before, "new"), "v");
  EXPECT_EQ((*before)->identity().id, id_);
}

TEST_F(Restore, APlainCopyOfTheFileIsMarkedToo) {
  std::filesystem::copy_file(file_, dir_ / "plain.db");
  ASSERT_TRUE(restore_sqlite_store(dir_ / "plain.db", file_, "here").ok());
  EXPECT_TRUE(open()->identity().restored);
}

TEST_F(Restore, IsRefusedWhileAnAgentHoldsTheStore) {
  const auto store = open();
  const auto restored = restore_sqlite_store(copy_, file_, "here");
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(value_of(*store, "new"), "v");
  EXPECT_TRUE(create_and_wait(*store, config_map("more")).ok());
  EXPECT_EQ(kept(), 0U);
}

TEST_F(Restore, WhatIsNoGoodCopyChangesNothing) {
  EXPECT_EQ(restore_sqlite_store(copy_, file_, "there").error().code(), ErrorCode::FailedPrecondition);
  EXPECT_EQ(restore_sqlite_store(dir_ / "none", file_, "here").error().code(), ErrorCode::NotFound);
  std::ofstream(dir_ / "empty") << "";
  EXPECT_EQ(restore_sqlite_store(dir_ / "empty", file_, "here").error().code(), ErrorCode::DataLoss);
  std::ofstream(dir_ / "text") << "not a database, but longer than the head of one: " << std::string(200, 'x');
  EXPECT_EQ(restore_sqlite_store(dir_ / "text", file_, "here").error().code(), ErrorCode::DataLoss);
  const auto half = dir_ / "half";
  std::filesystem::copy_file(copy_, half);
  std::filesystem::resize_file(half, std::filesystem::file_size(half) / 2);
  EXPECT_EQ(restore_sqlite_store(half, file_, "here").error().code(), ErrorCode::DataLoss);
  EXPECT_EQ(kept(), 0U);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "store.db.restoring"));
  const auto store = open();
  EXPECT_EQ(value_of(*store, "new"), "v");
  EXPECT_FALSE(store->identity().restored);
}

TEST_F(Restore, ADamagedOrMissingStoreIsReplacedAndItsLogIsNotPlayedIntoTheCopy) {
  std::ofstream(file_) << std::string(5000, 'x');
  std::ofstream(dir_ / "store.db-wal") << std::string(5000, 'y');
  const auto restored = restore_sqlite_store(copy_, file_, "");
  ASSERT_TRUE(restored.ok()) << restored.error().message();
  EXPECT_TRUE(std::filesystem::exists(restored->old.native() + "-wal"));
  EXPECT_EQ(value_of(*open(), "old"), "v");
  std::filesystem::remove(file_);
  const auto again = restore_sqlite_store(copy_, file_, "");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->old.empty()) << "there was none";
  EXPECT_EQ(value_of(*open(), "old"), "v");
}

TEST_F(SqliteStore, AFileThatIsRemovedWhileWeRunIsNoticedAndItsCopyHasEverything) {
  SqliteOptions options;
  options.copy = dir_ / "copy.db";
  auto store = open(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  EXPECT_TRUE(store->problems().empty());
  std::filesystem::remove(file_);
  ASSERT_TRUE(create_and_wait(*store, config_map("b")).ok());
  ASSERT_EQ(store->problems().size(), 1U);
  EXPECT_EQ(store->problems().front().what, file_.native());
  store.reset();
  EXPECT_FALSE(std::filesystem::exists(file_)) << "never made again silently";

  std::filesystem::rename(dir_ / "copy.db", file_);
  store = open();
  EXPECT_EQ(value_of(*store, "a"), "v");
  EXPECT_EQ(value_of(*store, "b"), "v");
}

TEST_F(SqliteStore, AFileThatIsPutBackWhileWeRunIsNoProblemAnyMore) {
  auto store = open();
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  std::filesystem::rename(file_, dir_ / "aside.db");
  ASSERT_TRUE(create_and_wait(*store, config_map("b")).ok());
  ASSERT_EQ(store->problems().size(), 1U);
  std::filesystem::rename(dir_ / "aside.db", file_);
  ASSERT_TRUE(create_and_wait(*store, config_map("c")).ok());
  EXPECT_TRUE(store->problems().empty()) << store->problems().front().reason;
}

TEST_F(SqliteStore, ACopyIsMadeBeforeAnotherVersionWrites) {
  SqliteOptions options;
  options.copy = dir_ / "copy.db";
  options.version = "1.0";
  auto store = open(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  store.reset();
  const auto before = dir_ / "store.db.before-upgrade";
  open(options);
  EXPECT_FALSE(std::filesystem::exists(before)) << "the same version";
  options.version = "2.0";
  store = open(options);
  ASSERT_TRUE(std::filesystem::exists(before));
  ASSERT_TRUE(update_and_wait(*store, config_map("a", "newer"), 0).ok());
  store.reset();
  std::filesystem::rename(before, file_);
  EXPECT_EQ(value_of(*open(), "a"), "v");
}

TEST_F(SqliteStore, NoCopyBeforeAnUpgradeIsNoProblemAnyMoreOnceThereAreCopiesAgain) {
  SqliteOptions options;
  options.copy = dir_ / "copy.db";
  options.version = "1.0";
  auto store = open(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("a")).ok());
  store.reset();
  std::filesystem::create_directories(dir_ / "store.db.before-upgrade" / "in the way");
  options.version = "2.0";
  store = open(options);
  ASSERT_EQ(store->problems().size(), 1U);
  EXPECT_NE(store->problems().front().reason.find("no copy before the upgrade"), std::string::npos);
  store.reset();
  options.version = "3.0";
  options.copy_every = std::chrono::milliseconds{0};
  store = open(options);
  ASSERT_TRUE(create_and_wait(*store, config_map("b")).ok());
  ASSERT_TRUE(store->flush().ok());
  ASSERT_TRUE(store->flush().ok()) << "by now a copy is made";
  EXPECT_TRUE(store->problems().empty()) << store->problems().front().reason;
}

TEST_F(SqliteStore, ALogWithoutItsFileIsKept) {
  std::ofstream(dir_ / "store.db-wal") << "what is left of the objects";
  EXPECT_NE(open(), nullptr);
  EXPECT_EQ(std::filesystem::file_size(dir_ / "store.db-wal.lost"), 27U);
}

TEST_F(SqliteStore, ATruncatedFileIsDataLossAndNotMadeAnew) {
  {
    const auto store = open();
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(create_and_wait(*store, config_map(std::to_string(i), std::string(2000, 'x'))).ok());
    }
  }
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) / 2);
  const auto size = std::filesystem::file_size(file_);
  EXPECT_TRUE(failed_with(open_sqlite_store(file_), ErrorCode::DataLoss));
  EXPECT_EQ(std::filesystem::file_size(file_), size);
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
