// tests/fakes/slow_store.hpp - a store that is far away: late, losing races, answers and connections; on virtual time.
//
// What is true is in a table that only this class sees (the "server"). What get(), list(), watch() and follow() show is
// a copy of it that lags behind. A write travels to the server, is judged there, its changes travel back, and Done is
// called after the copy has them. Nothing happens by itself: a test calls step() (the next thing happens) or run_for().
// The same seed gives the same run, uids and creationTimestamps with it, as long as the calls come in the same order:
// drive everything from one thread.
//
//     store::SlowStore store({.seed = seed, .aborted = 0.05, .lost_answer = 0.01, .lost_watch = 0.01});
//     Loop loop;
//     MyController controller(loop, store, ...);     // writes, follows
//     while (loop.poll() + store.step() != 0) {}     // until neither has anything to do
//     EXPECT_EQ(...store.truth(kind)...)             // what is really stored; invariants are checked on this
//
// - Other writers (a user, another host) write through elsewhere(): at once and truly, seen here when it arrives.
// - `aborted`: the write is answered Aborted and did not happen (somebody else won).
// - `refused`: ResourceExhausted, and did not happen. `unavailable`: Unavailable, and did not happen.
// - `lost_answer`: it happened or did not (a coin), and the answer is DeadlineExceeded, after `deadline`.
// - `no_answer`: it happened or did not, and Done is never called. A controller must live with that or bound it.
// - `lost_watch`: on each delivery, the chance that the connection breaks: followers hear on_lost, changes are missed,
// and
//   after `reconnect` the whole is told again as a snapshot; watch() from before it is OutOfRange then.
// - Sessions: lose_sessions() ends all of them: surely_alive() is false and on_lost is called in a later step.
// With pump(true) a thread of its own steps in real time (1 ms of it is `tick` of virtual time): how the contract
// suite, which waits for its writes, runs on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "store/draft.hpp"
#include "store/holder_board.hpp"
#include "store/object_table.hpp"
#include "store/store.hpp"

namespace berth::store {

/// The time of day when its virtual time begins.
inline constexpr WallTime kSlowStoreBegin = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21};

struct SlowStoreOptions {
  std::uint64_t seed = 1;
  StoreLimits limits{};
  std::chrono::microseconds latency_min{200};  ///< One way.
  std::chrono::microseconds latency_max{5'000};
  std::chrono::microseconds deadline{10'000'000};
  std::chrono::microseconds reconnect{100'000};
  // Chances, 0 to 1, for each write or delivery.
  double aborted = 0;
  double refused = 0;
  double unavailable = 0;
  double lost_answer = 0;
  double no_answer = 0;
  double lost_watch = 0;
};

class SlowStore final : public Store {
 public:
  explicit SlowStore(const SlowStoreOptions& options = {});
  ~SlowStore() override;
  SlowStore(const SlowStore&) = delete;
  SlowStore& operator=(const SlowStore&) = delete;

  /// The next thing happens, and virtual time goes on to it. Returns how many there were: 1, or 0 when nothing is left.
  std::size_t step();
  /// Everything happens that falls into the next `span` of virtual time.
  void run_for(std::chrono::microseconds span);
  /// Until nothing is left. Followers and Done may keep it busy for ever: `most` bounds it; false when it was reached.
  bool settle(std::size_t most = 100'000);
  std::chrono::microseconds now() const;
  /// From now on no faults, only lateness: to see whether everything converges.
  void heal();

  /// A write by somebody else, who is beside the server.
  Result<std::vector<model::ObjectPtr>> elsewhere(Txn txn);
  /// What is really stored.
  model::ObjectPtr truth(const model::ObjectKey& key) const;
  std::vector<model::ObjectPtr> truth(model::Kind kind) const;
  /// Called for each change at the moment at which it becomes true, for invariants.
  void on_truth(std::function<void(const Change&)> look);

  void lose_watches();
  void lose_sessions();
  void pump(bool on);

  // Store.
  model::ObjectPtr get(const model::ObjectKey& key) const override { return view_->get(key); }
  Listing list(model::Kind kind, std::string_view ns) const override { return view_->list(kind, ns); }
  void visit(model::Kind kind, std::string_view ns,
             const std::function<void(const model::ObjectPtr&)>& see) const override {
    view_->visit(kind, ns, see);
  }
  std::size_t count(model::Kind kind) const override { return view_->count(kind); }
  Revision revision() const override { return view_->revision(); }
  void commit(Txn txn, Durability durability, Committed done) override;
  std::unique_ptr<Watch> follow(Scope scope, Follower follower) override;
  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change) override;
  Result<History> history(model::Kind kind, Revision from) const override { return view_->history(kind, from); }
  Progress progress(model::Kind kind) const override { return view_->progress(kind); }
  Result<std::unique_ptr<Session>> open_session(std::string name, std::function<void()> on_lost) override;
  std::unique_ptr<Watch> follow_holders(std::function<void(const Holders&)> on_change) override {
    return holders_->follow(std::move(on_change));
  }
  Identity identity() const override { return identity_; }
  std::vector<StoreProblem> problems() const override { return {}; }
  Status flush() override;

 private:
  struct Jobs;
  class QueueLane;
  class SlowSession;
  struct SessionState;
  using Micros = std::chrono::microseconds;

  void at(Micros when, std::function<void()> what);
  Micros later();
  bool chance(double probability);
  void arrive(Txn txn, Committed done);
  void name(Txn& txn);
  Result<std::vector<model::ObjectPtr>> happen(Txn txn);
  void deliver(std::vector<Change> changes);
  void reconnect();
  void answer(const Committed& done, const Result<std::vector<model::ObjectPtr>>& result);

  SlowStoreOptions options_;
  std::mt19937_64 random_;
  const Unreadable unreadable_;
  const std::unique_ptr<Clock> clock_;  ///< Virtual time as a time of day: when objects were made.
  Identity identity_;
  mutable std::recursive_mutex mutex_;  ///< Only for pump(): tests with one thread never wait for it.
  Micros now_{0};
  std::multimap<Micros, std::function<void()>> agenda_;  ///< Equal times: in order of insertion.
  Micros down_;                                          ///< No change arrives here before this moment.
  Micros up_;                                            ///< No write arrives there before.
  bool connected_ = true;
  std::function<void(const Change&)> look_;
  std::map<std::string, std::weak_ptr<SessionState>> sessions_;
  std::shared_ptr<Jobs> jobs_;  ///< What the view has to tell its watchers.
  std::unique_ptr<ObjectTable> server_;
  std::unique_ptr<ObjectTable> view_;
  std::shared_ptr<HolderBoard> holders_;
  std::jthread pump_;
};

}  // namespace berth::store
