// store/sqlite_store.cpp - one thread that judges writes, brings groups of them to the file, and then shows them.
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <thread>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "store/backup.hpp"
#include "store/draft.hpp"
#include "store/local_sessions.hpp"
#include "store/object_table.hpp"
#include "store/problem_list.hpp"
#include "store/sqlite_database.hpp"
#include "store/store.hpp"

namespace berth::store {
namespace {

using model::ObjectKey;
using model::ObjectPtr;

/// The file promises revisions in blocks, so that none is handed out twice even when the newest
/// (lazy) writes are lost in a crash: it holds a number above all that were used.
constexpr Revision kRevisionBlock = 100'000;
constexpr Revision kExtendBelow = 50'000;  ///< Promise the next block when fewer are left.
constexpr std::size_t kMaxWaiting = 10'000;
constexpr std::chrono::seconds kLazyDelay{1};
constexpr std::chrono::minutes kFirstCopy{1};  ///< Where there is none.

/// A transaction that nobody has seen yet.
struct Waiting {
  Txn txn;
  bool durable = false;
  Committed done;
};

using Outcome = Result<std::vector<Staged>>;

class SqliteStore final : public Store, public Copyable {
 public:
  SqliteStore(std::unique_ptr<SqliteDatabase> database, std::filesystem::path file, SqliteOptions options)
      : file_(std::move(file)),
        options_(std::move(options)),
        clock_(options_.clock != nullptr ? *options_.clock : system_clock_),
        table_(options_.limits),
        database_(std::move(database)) {}
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
    const auto version = database_->version();
    if (!version) return version.error();
    const auto upgraded = contents->revision != 0 && *version != options_.version;
    if (upgraded && !options_.copy.empty()) copy_before_upgrade(*version);
    auto identity = database_->sign(options_.node, options_.version);
    if (!identity) return std::move(identity).error();
    identity_ = *std::move(identity);
    promised_ = contents->revision + kRevisionBlock;
    if (auto written = database_->write({}, promised_, Durability::Durable); !written) return written;
    unreadable_ = std::move(contents->unreadable);
    for (const auto& problem : contents->problems) report(problem);
    table_.load(std::move(contents->objects), contents->revision);
    copy_due_ = std::chrono::steady_clock::now() + until_first_copy();
    writer_ = std::thread([this] { write_groups(); });
    return Ok{};
  }

  ObjectPtr get(const ObjectKey& key) const override { return table_.get(key); }
  Listing list(model::Kind kind, std::string_view ns) const override { return table_.list(kind, ns); }
  void visit(model::Kind kind, std::string_view ns,
             const std::function<void(const model::ObjectPtr&)>& see) const override {
    table_.visit(kind, ns, see);
  }
  std::size_t count(model::Kind kind) const override { return table_.count(kind); }
  Revision revision() const override { return table_.revision(); }

  void commit(Txn txn, Durability durability, Committed done) override {
    {
      const std::scoped_lock lock(mutex_);
      if (waiting_.size() < kMaxWaiting) {
        waiting_.push_back({std::move(txn), durability == Durability::Durable, std::move(done)});
        wake_.notify_one();
        return;
      }
    }
    answer(std::move(done),
           Error(ErrorCode::Unavailable, fmt::format("store: {} writes wait for the disk", kMaxWaiting)));
  }
  std::unique_ptr<Watch> follow(Scope scope, Follower follower) override {
    return table_.follow(std::move(scope), std::move(follower));
  }
  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change) override {
    return table_.watch(kind, from, std::move(on_change));
  }
  Result<History> history(model::Kind kind, Revision from) const override { return table_.history(kind, from); }
  Progress progress(model::Kind kind) const override { return table_.progress(kind); }
  Result<std::unique_ptr<Session>> open_session(std::string name, std::function<void()> /*on_lost*/) override {
    return sessions_.open(std::move(name));
  }
  std::unique_ptr<Watch> follow_holders(std::function<void(const Holders&)> on_change) override {
    return sessions_.follow(std::move(on_change));
  }
  Identity identity() const override { return identity_; }
  std::vector<StoreProblem> problems() const override { return problems_.all(); }

  Status flush() override { return wait_for_group({}); }
  Status copy_to(const std::filesystem::path& target) override { return wait_for_group(target); }

 private:
  /// Somebody waits until everything before is durable, and perhaps copied.
  struct Flush {
    std::filesystem::path copy;  ///< Empty: nowhere.
    std::promise<Status> done;
  };

  Status wait_for_group(const std::filesystem::path& copy) {
    const auto flush = std::make_shared<Flush>();
    flush->copy = copy;
    auto answer = flush->done.get_future();
    {
      const std::scoped_lock lock(mutex_);
      flushes_.push_back(flush);
    }
    wake_.notify_all();
    return answer.get();
  }

  struct Group {
    std::vector<Waiting> writes;
    std::vector<std::shared_ptr<Flush>> flushes;
    bool last = false;      ///< We are closing.
    bool lazy_due = false;  ///< Lazy changes have been only in memory for long enough.
  };

  void answer(Committed done, Result<std::vector<ObjectPtr>> result) {
    if (!done) return;
    table_.post([done = std::move(done), result = std::move(result)] { done(result); });
  }

  Group next_group() {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto now = std::chrono::steady_clock::now();
      const bool lazy_due = lazy_since_ && *lazy_since_ + kLazyDelay <= now;
      const bool copy_due = !options_.copy.empty() && copy_due_ <= now;
      if (closing_ || !waiting_.empty() || !flushes_.empty() || lazy_due || copy_due) {
        return {std::exchange(waiting_, {}), std::exchange(flushes_, {}), closing_, lazy_due};
      }
      // A condition variable waits on the host's own clock, so that is the one which is read here.
      if (lazy_since_) {
        wake_.wait_until(lock, *lazy_since_ + kLazyDelay);
      } else if (!options_.copy.empty()) {
        wake_.wait_until(lock, copy_due_);
      } else {
        wake_.wait(lock);
      }
    }
  }

  void write_groups() {
    for (;;) {
      auto group = next_group();
      work_on(group);
      if (!options_.copy.empty() && copy_due_ <= std::chrono::steady_clock::now()) copy();
      if (group.last) {
        if (!in_place_ && !options_.copy.empty()) copy();
        return;
      }
    }
  }

  DraftRules rules() const { return {options_.limits, clock_, unreadable_}; }

  /// Judges the group's writes in order, brings what is durable to the file, and shows what is there. A group that the
  /// file refuses did not happen: its lazy writes are judged anew, as if there had been no others.
  void work_on(Group& group) {
    Draft draft(table_, rules());
    const bool has_durable =
        std::any_of(group.writes.begin(), group.writes.end(), [](const auto& write) { return write.durable; });
    std::vector<Outcome> outcomes;
    bool durable_done = false;
    for (auto& write : group.writes) {
      // Of a lazy one that shares its group with durable ones the transaction is kept: it may be judged again.
      outcomes.push_back(draft.stage(has_durable && !write.durable ? write.txn : std::move(write.txn)));
      durable_done = durable_done || (write.durable && outcomes.back());
    }
    const bool promise_short = promised_ < draft.revision() + kExtendBelow;
    const bool synced = durable_done || !group.flushes.empty() || group.last || promise_short;
    auto written = Status(Ok{});
    if (synced || group.lazy_due) {
      auto rows = dirty_;
      for (const auto& outcome : outcomes) {
        if (outcome) add_rows(rows, *outcome);
      }
      // At a clean end nothing more is used: the next start goes on without a gap.
      const auto promise = group.last      ? draft.revision()
                           : promise_short ? draft.revision() + kRevisionBlock
                                           : promised_;
      written = bring_to_file(rows, promise, synced ? Durability::Durable : Durability::Lazy);
    }
    if (written) {
      for (std::size_t i = 0; i < outcomes.size(); ++i) show(group.writes[i], outcomes[i], synced || group.lazy_due);
    } else {
      refuse(group.writes, outcomes, has_durable, written.error());
    }
    for (auto& flush : group.flushes) {
      const bool copies = written.ok() && !flush->copy.empty();
      flush->done.set_value(copies ? database_->copy_to(flush->copy) : written);
    }
  }

  Status bring_to_file(const std::map<ObjectKey, std::string>& rows, Revision promise, Durability durability) {
    look_after_file();
    lazy_since_.reset();
    const bool wants_sync = durability == Durability::Durable && unsynced_;
    if (rows.empty() && promise == promised_ && !wants_sync) return Ok{};
    std::vector<Row> list;
    list.reserve(rows.size());
    for (const auto& [key, text] : rows) list.push_back({key, text});
    const auto begun = std::chrono::steady_clock::now();
    auto written = database_->write(list, promise, durability);
    counters().store_commit.add(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    if (!written) counters().store_errors.fetch_add(1, std::memory_order_relaxed);
    if (written) {
      dirty_.clear();
      promised_ = promise;
      unsynced_ = durability == Durability::Lazy;
    } else if (!dirty_.empty()) {
      lazy_since_ = std::chrono::steady_clock::now();
    }
    return written;
  }

  /// Only the last state of each key goes to the file.
  static void add_rows(std::map<ObjectKey, std::string>& rows, const std::vector<Staged>& staged) {
    for (const auto& each : staged) {
      if (!each.no_op) rows[each.change.object->key()] = each.text;
    }
  }

  void show(Waiting& write, Outcome& outcome, bool in_file) {
    if (!outcome) return answer(std::move(write.done), std::move(outcome).error());
    if (!in_file) {
      add_rows(dirty_, *outcome);
      if (!dirty_.empty() && !lazy_since_) lazy_since_ = std::chrono::steady_clock::now();
    }
    answer(std::move(write.done), publish(table_, *outcome));
  }

  void refuse(std::vector<Waiting>& writes, std::vector<Outcome>& outcomes, bool has_durable, const Error& error) {
    for (std::size_t i = 0; i < writes.size(); ++i) {
      auto& write = writes[i];
      if (write.durable) {
        // Judged against writes that did not happen: what it was told would not be true either.
        answer(std::move(write.done), error);
        continue;
      }
      if (table_.revision() + write.txn.writes.size() >= promised_) {
        answer(std::move(write.done), error.context("no revisions left"));
        continue;
      }
      if (has_durable) {
        Draft draft(table_, rules());
        outcomes[i] = draft.stage(std::move(write.txn));
      }
      show(write, outcomes[i], /*in_file=*/false);
    }
  }

  void look_after_file() {
    const auto in_place = database_->in_place();
    if (in_place == in_place_) return;
    in_place_ = in_place;
    if (in_place) return problems_.solve(file_.native());
    if (!options_.copy.empty()) copy_due_ = {};
    report(
        {.what = file_.native(),
         .reason = "was removed or replaced while the agent runs: objects are in memory and are not found at the next "
                   "start" +
                   (options_.copy.empty() ? std::string()
                                          : "; a copy is kept in " + options_.copy.native() +
                                                ": stop berthd, put the copy in the file's place, start berthd"),
         .kind = {},
         .ns = {},
         .name = {}});
  }

  /// A copy of an earlier run counts: an agent that is started anew every half an hour has one all the same.
  std::chrono::milliseconds until_first_copy() const {
    std::error_code error;
    const auto written = std::filesystem::last_write_time(options_.copy, error);
    if (error) return std::min<std::chrono::milliseconds>(options_.copy_every, kFirstCopy);
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::filesystem::file_time_type::clock::now() - written);
    return std::clamp(options_.copy_every - age, std::chrono::milliseconds{0}, options_.copy_every);
  }

  std::filesystem::path copy_of_before() const {
    auto path = file_;
    path += ".before-upgrade";
    return path;
  }

  void copy_before_upgrade(const std::string& version) {
    const auto target = copy_of_before();
    if (auto copied = database_->copy_to(target); !copied) {
      report({.what = target.native(),
              .reason = fmt::format("no copy before the upgrade from {}: {}",
                                    version.empty() ? "an old version" : version, copied.error().message()),
              .kind = {},
              .ns = {},
              .name = {}});
    }
  }

  void copy() {
    copy_due_ = std::chrono::steady_clock::now() + options_.copy_every;
    look_after_file();
    if (copied_at_ == table_.revision() && in_place_) return;
    const auto revision = table_.revision();
    if (auto copied = database_->copy_to(options_.copy); copied) {
      copied_at_ = revision;
      problems_.solve(options_.copy.native());
      problems_.solve(copy_of_before().native());  // It is too late for that one, and the disk takes copies again.
    } else {
      report({.what = options_.copy.native(),
              .reason = "the copy of the store is not renewed: " + copied.error().message(),
              .kind = {},
              .ns = {},
              .name = {}});
    }
  }

  void report(const StoreProblem& problem) { problems_.report(problem.what, problem); }

  const std::filesystem::path file_;
  const SqliteOptions options_;
  const SystemClock system_clock_;
  const Clock& clock_;
  Unreadable unreadable_;  ///< Fixed once started.
  Identity identity_;      ///< Fixed once started.

  ProblemList problems_{[this](const StoreProblem& problem) {
    if (options_.on_problem) table_.post([this, problem] { options_.on_problem(problem); });
  }};

  ObjectTable table_;
  LocalSessions sessions_{[this](HolderBoard::Job job) { table_.post(std::move(job)); }};

  // The writer thread's, once started.
  std::unique_ptr<SqliteDatabase> database_;
  std::map<ObjectKey, std::string> dirty_;  ///< What readers see and the file does not have; empty text: removed.
  std::optional<SteadyTime> lazy_since_;    ///< Since when.
  SteadyTime copy_due_;
  Revision copied_at_ = 0;
  Revision promised_ = 0;
  bool unsynced_ = false;  ///< Lazy changes are in the file, and would not survive a power cut.
  bool in_place_ = true;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Waiting> waiting_;
  std::vector<std::shared_ptr<Flush>> flushes_;
  bool closing_ = false;
  std::thread writer_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, SqliteOptions options) {
  auto database = SqliteDatabase::open(file, options.max_pages);
  if (!database) return std::move(database).error();
  auto store = std::make_unique<SqliteStore>(*std::move(database), file, std::move(options));
  if (auto started = store->start(); !started) return std::move(started).error();
  return std::unique_ptr<Store>(std::move(store));
}

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, const StoreLimits& limits) {
  SqliteOptions options;
  options.limits = limits;
  return open_sqlite_store(file, std::move(options));
}

}  // namespace berth::store
