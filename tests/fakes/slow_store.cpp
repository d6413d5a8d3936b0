// tests/fakes/slow_store.cpp - see slow_store.hpp.
#include "tests/fakes/slow_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <utility>

namespace berth::store {

/// What is to be run for watchers, in order.
struct SlowStore::Jobs {
  std::mutex mutex;
  std::deque<std::function<void()>> waiting;
  bool closing = false;  ///< Run at once what comes now.

  bool run_one() {
    std::function<void()> job;
    {
      const std::scoped_lock lock(mutex);
      if (waiting.empty()) return false;
      job = std::move(waiting.front());
      waiting.pop_front();
    }
    job();
    return true;
  }
};

class SlowStore::QueueLane final : public Lane {
 public:
  explicit QueueLane(std::shared_ptr<Jobs> jobs) : jobs_(std::move(jobs)) {}
  void run(std::function<void()> job) override {
    {
      const std::scoped_lock lock(jobs_->mutex);
      if (!jobs_->closing) {
        jobs_->waiting.push_back(std::move(job));
        return;
      }
    }
    job();
  }
  std::chrono::milliseconds oldest() const override { return std::chrono::milliseconds{0}; }

 private:
  std::shared_ptr<Jobs> jobs_;
};

namespace {

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(const std::chrono::microseconds& now) : now_(now) {}
  SteadyTime now() const override { return SteadyTime{} + now_; }
  WallTime wall() const override { return kSlowStoreBegin + std::chrono::floor<std::chrono::seconds>(now_); }

 private:
  const std::chrono::microseconds& now_;
};

}  // namespace

struct SlowStore::SessionState {
  std::string name;
  std::function<void()> on_lost;
  std::atomic<bool> lost{false};
};

class SlowStore::SlowSession final : public Session {
 public:
  SlowSession(std::shared_ptr<SessionState> state, std::shared_ptr<HolderBoard> holders)
      : state_(std::move(state)), holders_(std::move(holders)) {}
  SlowSession(const SlowSession&) = delete;
  SlowSession& operator=(const SlowSession&) = delete;
  ~SlowSession() override {
    if (!state_->lost) holders_->remove(state_->name);
  }
  const std::string& name() const override { return state_->name; }
  bool surely_alive(BootClock::time_point /*now*/) const override { return !state_->lost; }

 private:
  std::shared_ptr<SessionState> state_;
  std::shared_ptr<HolderBoard> holders_;
};

SlowStore::SlowStore(const SlowStoreOptions& options)
    : options_(options),
      random_(options.seed),
      clock_(std::make_unique<VirtualClock>(now_)),
      down_(0),
      up_(0),
      jobs_(std::make_shared<Jobs>()),
      server_(std::make_unique<ObjectTable>(options.limits, make_inline_lane())),
      view_(std::make_unique<ObjectTable>(options.limits, std::make_unique<QueueLane>(jobs_))),
      holders_(std::make_shared<HolderBoard>([this](HolderBoard::Job job) { view_->post(std::move(job)); })) {
  identity_.id = "slow-store";
  identity_.opened = 1;
  identity_.made_now = true;
}

SlowStore::~SlowStore() {
  pump(false);
  std::deque<std::function<void()>> left;
  {
    const std::scoped_lock lock(jobs_->mutex);
    jobs_->closing = true;
    left.swap(jobs_->waiting);
  }
  for (auto& job : left) job();
  holders_->close();
  view_.reset();
}

void SlowStore::at(Micros when, std::function<void()> what) { agenda_.emplace(when, std::move(what)); }

SlowStore::Micros SlowStore::later() {
  std::uniform_int_distribution<std::int64_t> between(options_.latency_min.count(), options_.latency_max.count());
  return now_ + Micros{between(random_)};
}

bool SlowStore::chance(double probability) {
  if (probability <= 0) return false;
  return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
}

std::size_t SlowStore::step() {
  const std::scoped_lock lock(mutex_);
  if (jobs_->run_one()) return 1;
  if (agenda_.empty()) return 0;
  auto next = agenda_.extract(agenda_.begin());
  now_ = std::max(now_, next.key());
  next.mapped()();
  return 1;
}

void SlowStore::run_for(Micros span) {
  const std::scoped_lock lock(mutex_);
  const auto end = now_ + span;
  for (;;) {
    if (jobs_->run_one()) continue;
    if (agenda_.empty() || agenda_.begin()->first > end) break;
    step();
  }
  now_ = end;
}

bool SlowStore::settle(std::size_t most) {
  for (; most > 0; --most) {
    if (step() == 0) return true;
  }
  return false;
}

SlowStore::Micros SlowStore::now() const {
  const std::scoped_lock lock(mutex_);
  return now_;
}

void SlowStore::heal() {
  const std::scoped_lock lock(mutex_);
  options_.aborted = options_.refused = options_.unavailable = 0;
  options_.lost_answer = options_.no_answer = options_.lost_watch = 0;
}

void SlowStore::commit(Txn txn, Durability /*durability*/, Committed done) {
  const std::scoped_lock lock(mutex_);
  // One connection: writes arrive in the order in which they were sent.
  up_ = std::max(up_, later());
  at(up_, [this, txn = std::move(txn), done = std::move(done)]() mutable { arrive(std::move(txn), std::move(done)); });
}

void SlowStore::arrive(Txn txn, Committed done) {
  const auto fail = [&](ErrorCode code, const char* why) {
    down_ = std::max(down_, later());
    at(down_, [this, done = std::move(done), error = Error(code, why)] {
      if (done) view_->post([done, error] { done(error); });
    });
  };
  if (chance(options_.aborted)) return fail(ErrorCode::Aborted, "slow store: changed meanwhile");
  if (chance(options_.refused)) return fail(ErrorCode::ResourceExhausted, "slow store: database or disk is full");
  if (chance(options_.unavailable)) return fail(ErrorCode::Unavailable, "slow store: away");
  const bool no_answer = chance(options_.no_answer);
  const bool lost_answer = !no_answer && chance(options_.lost_answer);
  const bool happens = !(no_answer || lost_answer) || chance(0.5);
  auto result = happens ? happen(std::move(txn)) : Error(ErrorCode::DeadlineExceeded, "slow store: no answer");
  if (no_answer || !done) return;
  if (lost_answer) {
    at(now_ + options_.deadline, [this, done = std::move(done)] {
      view_->post([done] { done(Error(ErrorCode::DeadlineExceeded, "slow store: no answer")); });
    });
    return;
  }
  // After its changes, which were sent before: Done comes after visibility. While the connection is down neither comes.
  at(down_, [this, done = std::move(done), result = std::move(result)] { answer(done, result); });
}

void SlowStore::answer(const Committed& done, const Result<std::vector<model::ObjectPtr>>& result) {
  if (!connected_) return at(now_ + options_.reconnect, [this, done, result] { answer(done, result); });
  view_->post([done, result] { done(result); });
}

/// What is made gets its uid from the seed: names and the order of what follows may hang on it.
void SlowStore::name(Txn& txn) {
  for (auto& write : txn.writes) {
    if (!write.object || !write.object->meta.uid.empty() || server_->get(write.key)) continue;
    const auto high = random_();
    const auto low = random_();
    write.object->meta.uid = fmt::format("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", high >> 32U, (high >> 16U) & 0xffffU,
                                         high & 0xfffU, low >> 52U, low & 0xffff'ffff'ffffU);
  }
}

Result<std::vector<model::ObjectPtr>> SlowStore::happen(Txn txn) {
  name(txn);
  Draft draft(*server_, {options_.limits, *clock_, unreadable_});
  auto staged = draft.stage(std::move(txn));
  down_ = std::max(down_, later());
  if (!staged) return std::move(staged).error();
  auto objects = publish(*server_, *staged);
  std::vector<Change> changes;
  for (auto& each : *staged) {
    if (each.no_op) continue;
    if (look_) look_(each.change);
    changes.push_back(std::move(each.change));
  }
  if (!changes.empty()) at(down_, [this, changes = std::move(changes)] { deliver(changes); });
  return objects;
}

void SlowStore::deliver(std::vector<Change> changes) {
  if (!connected_ || changes.back().revision <= view_->revision()) return;  // The next snapshot has it, or had.
  if (chance(options_.lost_watch)) return lose_watches();
  view_->publish(changes);
}

void SlowStore::lose_watches() {
  const std::scoped_lock lock(mutex_);
  if (!connected_) return;
  connected_ = false;
  view_->lose();
  at(now_ + options_.reconnect, [this] { reconnect(); });
}

void SlowStore::reconnect() {
  connected_ = true;
  Listing next{.objects = {}, .revision = server_->revision()};
  for (const auto& kind : model::all_kinds()) {
    for (auto& object : server_->list(kind.kind, {}).objects) next.objects.push_back(std::move(object));
  }
  view_->replace(std::move(next));
}

Result<std::vector<model::ObjectPtr>> SlowStore::elsewhere(Txn txn) {
  const std::scoped_lock lock(mutex_);
  return happen(std::move(txn));
}

model::ObjectPtr SlowStore::truth(const model::ObjectKey& key) const { return server_->get(key); }

std::vector<model::ObjectPtr> SlowStore::truth(model::Kind kind) const { return server_->list(kind, {}).objects; }

void SlowStore::on_truth(std::function<void(const Change&)> look) {
  const std::scoped_lock lock(mutex_);
  look_ = std::move(look);
}

std::unique_ptr<Watch> SlowStore::follow(Scope scope, Follower follower) {
  return view_->follow(std::move(scope), std::move(follower));
}

Result<std::unique_ptr<Watch>> SlowStore::watch(std::optional<model::Kind> kind, Revision from,
                                                std::function<void(const Change&)> on_change) {
  return view_->watch(kind, from, std::move(on_change));
}

Result<std::unique_ptr<Session>> SlowStore::open_session(std::string name, std::function<void()> on_lost) {
  const std::scoped_lock lock(mutex_);
  auto& held = sessions_[name];
  if (const auto other = held.lock(); other && !other->lost) {
    return Error(ErrorCode::AlreadyExists, "open session " + name + ": another one holds that name");
  }
  auto state = std::make_shared<SessionState>();
  state->name = std::move(name);
  state->on_lost = std::move(on_lost);
  held = state;
  holders_->set(state->name, {});
  return std::unique_ptr<Session>(std::make_unique<SlowSession>(std::move(state), holders_));
}

void SlowStore::lose_sessions() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, held] : sessions_) {
    const auto state = held.lock();
    if (!state || state->lost.exchange(true)) continue;
    at(later(), [this, state] {
      holders_->remove(state->name);
      if (state->on_lost) view_->post(state->on_lost);
    });
  }
}

Status SlowStore::flush() {
  settle();
  return Ok{};
}

void SlowStore::pump(bool on) {
  if (!on) {
    pump_ = {};
    return;
  }
  pump_ = std::jthread([this](const std::stop_token& stop) {
    constexpr std::chrono::milliseconds kPause{1};
    while (!stop.stop_requested()) {
      while (step() != 0 && !stop.stop_requested()) {
      }
      std::this_thread::sleep_for(kPause);
    }
  });
}

}  // namespace berth::store
