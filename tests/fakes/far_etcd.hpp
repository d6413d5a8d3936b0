// tests/fakes/far_etcd.hpp - an etcd that many hosts share, each at the end of a connection of its own; on virtual
// time.
//
// What is true is in one table, the server's. A View is one host's Store: a copy that lags behind by what its
// connection has not delivered yet. Nothing happens by itself: a test calls step(). The same seed gives the same run,
// uids and times with it, as long as the calls come in the same order.
//
// - A write travels to the server, is judged there, its changes travel to all views, and Done comes after its own view
//   has them.
// - `aborted`, `unavailable`: it did not happen, and the answer says so. `lost_answer`: it happens within `deadline`,
//   however late, or never, and the answer is DeadlineExceeded.
// - `broken`: on each delivery, the chance that the connection breaks: what is on its way either way is lost, and after
//   `reconnect` the view is told everything anew, as after a compaction.
// - View::cut() is a partition; View::stall() a watch that is late.
// - A session is a lease: it ends `ttl` after the last keepalive that arrived, by the server's clock.
// tests/fakes/slow_store.hpp is the same for a single view, and with more ways to refuse a write.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "store/draft.hpp"
#include "store/holder_board.hpp"
#include "store/object_table.hpp"
#include "store/store.hpp"

namespace berth::store {

struct FarEtcdOptions {
  std::uint64_t seed = 1;
  std::chrono::microseconds latency_min{200};  ///< One way.
  std::chrono::microseconds latency_max{5'000};
  std::chrono::microseconds deadline{10'000'000};
  std::chrono::microseconds reconnect{100'000};
  std::chrono::microseconds ttl{15'000'000};
  // Chances, 0 to 1, for each write or delivery.
  double aborted = 0;
  double unavailable = 0;
  double lost_answer = 0;
  double broken = 0;
};

class FarEtcd {
 public:
  using Micros = std::chrono::microseconds;
  using Token = std::uint64_t;
  class View;

  explicit FarEtcd(const FarEtcdOptions& options);
  ~FarEtcd();
  FarEtcd(const FarEtcd&) = delete;
  FarEtcd& operator=(const FarEtcd&) = delete;

  /// One more host's way to it. Must not outlive it.
  std::unique_ptr<View> connect();

  // Time.
  Micros now() const { return now_; }
  const Clock& clock() const { return *clock_; }
  void at(Micros when, std::function<void()> what) { agenda_.emplace(when, std::move(what)); }
  /// When something that is sent now arrives.
  Micros soon();
  bool chance(double probability);
  /// The next thing happens; false: none does up to `until`, which it is now.
  bool step(Micros until);
  /// From now on no faults, only lateness.
  void heal();

  // As the server sees it.
  Result<std::vector<model::ObjectPtr>> happen(Txn txn);
  model::ObjectPtr truth(const model::ObjectKey& key) const { return server_->get(key); }
  std::vector<model::ObjectPtr> truth(model::Kind kind) const { return server_->list(kind, {}).objects; }
  Revision revision() const { return server_->revision(); }
  /// Called for each change at the moment at which it becomes true.
  void on_truth(std::function<void(const Change&)> look) { look_ = std::move(look); }

  /// A keepalive, or whatever asks for a session, has arrived. 0: another one holds the name.
  Token open_session(const std::string& name, const Holder& holder);
  /// False: it has ended.
  bool keep_session(Token token);

 private:
  struct Lease {
    std::string name;
    Holder holder;
    Micros ends{};
  };

  void name(Txn& txn);
  void end_session_when_due(Token token);

  FarEtcdOptions options_;
  std::mt19937_64 random_;
  const Unreadable unreadable_;
  const StoreLimits limits_{};
  Micros now_{0};
  const std::unique_ptr<Clock> clock_;
  std::multimap<Micros, std::function<void()>> agenda_;  ///< Equal times: in order of insertion.
  std::function<void(const Change&)> look_;
  std::unique_ptr<ObjectTable> server_;
  std::map<Token, Lease> leases_;
  Token last_token_ = 0;
  std::vector<View*> views_;
};

class FarEtcd::View final : public Store {
 public:
  ~View() override;
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  /// Nothing goes either way; afterwards the view is told everything anew.
  void cut(bool on);
  /// What is sent to it arrives after `until`.
  void stall(Micros until) { down_ = std::max(down_, until); }

  // Store.
  model::ObjectPtr get(const model::ObjectKey& key) const override { return table_->get(key); }
  Listing list(model::Kind kind, std::string_view ns) const override { return table_->list(kind, ns); }
  void visit(model::Kind kind, std::string_view ns,
             const std::function<void(const model::ObjectPtr&)>& see) const override {
    table_->visit(kind, ns, see);
  }
  std::size_t count(model::Kind kind) const override { return table_->count(kind); }
  Revision revision() const override { return table_->revision(); }
  void commit(Txn txn, Durability durability, Committed done) override;
  std::unique_ptr<Watch> follow(Scope scope, Follower follower) override {
    return table_->follow(std::move(scope), std::move(follower));
  }
  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change) override {
    return table_->watch(kind, from, std::move(on_change));
  }
  Result<History> history(model::Kind kind, Revision from) const override { return table_->history(kind, from); }
  Progress progress(model::Kind kind) const override { return table_->progress(kind); }
  /// Unimplemented: a modelled host holds its session itself.
  Result<std::unique_ptr<Session>> open_session(std::string name, std::function<void()> on_lost) override;
  std::unique_ptr<Watch> follow_holders(std::function<void(const Holders&)> on_change) override {
    return holders_->follow(std::move(on_change));
  }
  Identity identity() const override;
  std::vector<StoreProblem> problems() const override { return {}; }
  Status flush() override { return Ok{}; }

 private:
  friend class FarEtcd;
  class AgendaLane;

  explicit View(FarEtcd& etcd);
  void at(Micros when, std::function<void()> what);
  void tell(std::function<void()> what);
  void answer(Micros when, const Committed& done, const Result<std::vector<model::ObjectPtr>>& result);
  void fail(Micros when, const Committed& done, ErrorCode code);
  void arrive(Txn txn, Committed done);
  void lose();
  void take_all();

  FarEtcd& etcd_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<ObjectTable> table_;
  std::shared_ptr<HolderBoard> holders_;
  Micros down_{0};  ///< Nothing arrives here before this moment.
  Micros up_{0};    ///< No write arrives there before.
  bool cut_ = false;
  bool connected_ = true;
  std::uint64_t connection_ = 1;  ///< What was sent on an earlier one does not arrive.
};

}  // namespace berth::store
