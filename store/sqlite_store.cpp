// store/sqlite_store.cpp - the table in memory, and one thread that writes groups of changes to the file.
#include "store/sqlite_store.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <future>
#include <thread>

#include "base/clock.hpp"
#include "store/object_table.hpp"
#include "store/sqlite_database.hpp"

namespace berth::store {
namespace {

using model::ObjectKey;
using model::ObjectPtr;

/// The file promises revisions in blocks, so that none is handed out twice even when the newest
/// (lazy) writes are lost in a crash: it holds a number above all that were used.
constexpr Revision kRevisionBlock = 100'000;
constexpr Revision kExtendBelow = 50'000;  ///< Promise the next block when fewer are left.
constexpr Revision kRefuseBelow = 20'000;  ///< More than the writes that can wait: the rest takes them back.
constexpr std::size_t kMaxWaiting = 10'000;
constexpr std::chrono::seconds kLazyDelay{1};

/// A change that is in memory and not yet in the file.
struct Waiting {
  ObjectKey key;
  std::string text;  ///< Empty: removed.
  ObjectPtr before;  ///< What to go back to.
  ObjectPtr after;   ///< What Done gets.
  bool removed = false;
  bool durable = false;
  bool no_op = false;  ///< Nothing to write; Done still waits for what came before.
  Done done;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<SqliteDatabase> database, const StoreLimits& limits)
      : table_(limits), database_(std::move(database)) {}
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  ~SqliteStore() override {
    {
      const std::scoped_lock lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    if (writer_.joinable()) writer_.join();
  }

  Status start() {
    auto contents = database_->read_all();
    if (!contents) return std::move(contents).error();
    promised_ = contents->revision + kRevisionBlock;
    if (auto written = database_->write({}, promised_, Durability::Durable); !written) return written;
    table_.load(std::move(contents->objects), contents->revision);
    writer_ = std::thread([this] { write_groups(); });
    return Ok{};
  }

  ObjectPtr get(const ObjectKey& key) const override { return table_.get(key); }
  Listing list(model::Kind kind, std::string_view ns) const override { return table_.list(kind, ns); }
  Revision revision() const override { return table_.revision(); }

  void create(model::Object object, Durability durability, Done done) override {
    enqueue([&] { return table_.create(std::move(object)); }, durability, std::move(done));
  }
  void update(model::Object object, Revision expected, Durability durability, Done done) override {
    enqueue([&] { return table_.update(std::move(object), expected); }, durability, std::move(done));
  }
  void remove(const ObjectKey& key, Revision expected, Durability durability, Done done) override {
    enqueue([&] { return table_.remove(key, expected); }, durability, std::move(done));
  }
  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change) override {
    return table_.watch(kind, from, std::move(on_change));
  }
  Result<History> history(model::Kind kind, Revision from) const override { return table_.history(kind, from); }
  Progress progress(model::Kind kind) const override { return table_.progress(kind); }

  Status flush() override {
    const auto promise = std::make_shared<std::promise<Status>>();
    auto answer = promise->get_future();
    {
      const std::scoped_lock lock(mutex_);
      flushes_.push_back(promise);
    }
    wake_.notify_all();
    return answer.get();
  }

 private:
  struct Group {
    std::vector<Waiting> writes;
    std::vector<std::shared_ptr<std::promise<Status>>> flushes;
    bool durable = false;
    bool last = false;  ///< We are closing.
  };

  /// Applies a write to the table and queues it for the file, in one step: the file sees the order
  /// in which the table did.
  template <typename Apply>
  void enqueue(Apply apply, Durability durability, Done done) {
    const std::scoped_lock lock(mutex_);
    if (const auto refused = refuse()) return answer(std::move(done), *refused);
    auto applied = apply();
    if (!applied) return answer(std::move(done), std::move(applied).error());
    const bool durable = durability == Durability::Durable;
    auto object = applied->change.object;
    if (!durable) {
      answer(std::exchange(done, nullptr), object);
      if (applied->no_op) return;
      if (!lazy_since_) lazy_since_ = std::chrono::steady_clock::now();
    }
    durable_waits_ = durable_waits_ || durable;
    const bool removed = applied->change.type == ChangeType::Deleted;
    waiting_.push_back({object->key(), std::move(applied->text), applied->change.previous, object, removed, durable,
                        applied->no_op, std::move(done)});
    wake_.notify_one();
  }

  std::optional<Error> refuse() const {
    if (waiting_.size() >= kMaxWaiting) {
      return Error(ErrorCode::ResourceExhausted, fmt::format("store: {} writes wait for the disk", waiting_.size()));
    }
    if (table_.revision() + kRefuseBelow > promised_) {
      return Error(ErrorCode::ResourceExhausted, "store: no revisions left until the disk takes writes again");
    }
    return std::nullopt;
  }

  void answer(Done done, Result<ObjectPtr> result) {
    if (!done) return;
    table_.post([done = std::move(done), result = std::move(result)] { done(result); });
  }

  Group next_group() {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto now = std::chrono::steady_clock::now();
      const bool lazy_due = lazy_since_ && *lazy_since_ + kLazyDelay <= now;
      if (closing_ || durable_waits_ || !flushes_.empty() || lazy_due) break;
      if (lazy_since_) {
        wake_.wait_until(lock, *lazy_since_ + kLazyDelay);
      } else {
        wake_.wait(lock);
      }
    }
    Group group{std::exchange(waiting_, {}), std::exchange(flushes_, {}), false, closing_};
    group.durable = durable_waits_ || !group.flushes.empty() || closing_;
    durable_waits_ = false;
    lazy_since_.reset();
    return group;
  }

  /// Only the last state of each key goes to the file.
  static std::vector<Row> rows_of(const std::vector<Waiting>& writes) {
    std::map<ObjectKey, const Waiting*> last;
    for (const auto& write : writes) {
      if (!write.no_op) last[write.key] = &write;
    }
    std::vector<Row> rows;
    rows.reserve(last.size());
    for (const auto& [key, write] : last) rows.push_back({key, write->removed ? std::string() : write->text});
    return rows;
  }

  void write_groups() {
    for (;;) {
      auto group = next_group();
      auto promise = promised_;
      const auto used = table_.revision();
      if (promise - used < kExtendBelow) {
        promise = used + kRevisionBlock;
        group.durable = true;
      }
      // At a clean end nothing more is used: the next start goes on without a gap.
      if (group.last) promise = used;
      const auto written =
          database_->write(rows_of(group.writes), promise, group.durable ? Durability::Durable : Durability::Lazy);
      if (written) {
        promised(promise);
        for (auto& write : group.writes) answer(std::move(write.done), write.after);
      } else {
        take_back(std::move(group.writes), written.error());
      }
      for (auto& flush : group.flushes) flush->set_value(written);
      if (group.last) return;
    }
  }

  void promised(Revision revision) {
    const std::scoped_lock lock(mutex_);
    promised_ = revision;
  }

  /// The file refused a group. Durable writes did not happen: their keys go back to what they were
  /// before the first of them, together with all that was built on it since. Lazy writes to other
  /// keys stay and are tried again.
  void take_back(std::vector<Waiting> writes, const Error& error) {
    const std::scoped_lock lock(mutex_);
    for (auto& later : waiting_) writes.push_back(std::move(later));
    waiting_.clear();
    durable_waits_ = false;

    std::map<ObjectKey, ObjectPtr> before;
    std::map<ObjectKey, Waiting> kept;  // the newest lazy write of each key
    for (auto& write : writes) {
      if (write.durable && !write.no_op) before.try_emplace(write.key, write.before);
      if (!write.durable && !before.contains(write.key)) kept[write.key] = std::move(write);
    }
    for (const auto& [key, state] : before) table_.restore(key, state);
    // Only now: who hears of the failure must find the old state.
    for (auto& write : writes) answer(std::move(write.done), error.context("store " + write.key.display()));
    for (auto& [key, write] : kept) waiting_.push_back(std::move(write));
    if (!waiting_.empty()) lazy_since_ = std::chrono::steady_clock::now();
  }

  ObjectTable table_;
  std::unique_ptr<SqliteDatabase> database_;  ///< The writer thread's, once started.

  std::mutex mutex_;  ///< Taken before the table's own lock.
  std::condition_variable wake_;
  std::vector<Waiting> waiting_;
  std::vector<std::shared_ptr<std::promise<Status>>> flushes_;
  bool durable_waits_ = false;
  std::optional<SteadyTime> lazy_since_;
  Revision promised_ = 0;
  bool closing_ = false;
  std::thread writer_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, const StoreLimits& limits,
                                                 const SqliteOptions& options) {
  auto database = SqliteDatabase::open(file, options.max_pages);
  if (!database) return std::move(database).error();
  auto store = std::make_unique<SqliteStore>(*std::move(database), limits);
  if (auto started = store->start(); !started) return std::move(started).error();
  return std::unique_ptr<Store>(std::move(store));
}

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, const StoreLimits& limits) {
  return open_sqlite_store(file, limits, SqliteOptions{});
}

}  // namespace berth::store
