// tests/fakes/far_etcd.cpp - see far_etcd.hpp.
#include "tests/fakes/far_etcd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace berth::store {
namespace {

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(const std::chrono::microseconds& now) : now_(now) {}
  SteadyTime now() const override { return SteadyTime{} + std::chrono::hours{1} + now_; }
  WallTime wall() const override {
    constexpr WallTime kBegin = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21};
    return kBegin + std::chrono::floor<std::chrono::seconds>(now_);
  }

 private:
  const std::chrono::microseconds& now_;
};

}  // namespace

/// Runs what it is given in a later step; once the view ends, at once: its table waits for its last job.
class FarEtcd::View::AgendaLane final : public Lane {
 public:
  AgendaLane(FarEtcd& etcd, std::shared_ptr<bool> alive) : etcd_(etcd), alive_(std::move(alive)) {}
  void run(std::function<void()> job) override {
    if (!*alive_) return job();
    etcd_.at(etcd_.now(), [alive = alive_, job = std::move(job)] {
      if (*alive) job();
    });
  }
  std::chrono::milliseconds oldest() const override { return std::chrono::milliseconds{0}; }

 private:
  FarEtcd& etcd_;
  const std::shared_ptr<bool> alive_;
};

FarEtcd::FarEtcd(const FarEtcdOptions& options)
    : options_(options),
      random_(options.seed),
      clock_(std::make_unique<VirtualClock>(now_)),
      server_(std::make_unique<ObjectTable>(limits_, make_inline_lane())) {}

FarEtcd::~FarEtcd() = default;

std::unique_ptr<FarEtcd::View> FarEtcd::connect() {
  std::unique_ptr<View> view(new View(*this));
  views_.push_back(view.get());
  return view;
}

FarEtcd::Micros FarEtcd::soon() {
  std::uniform_int_distribution<std::int64_t> between(options_.latency_min.count(), options_.latency_max.count());
  return now_ + Micros{between(random_)};
}

bool FarEtcd::chance(double probability) {
  if (probability <= 0) return false;
  return std::uniform_real_distribution<double>(0, 1)(random_) < probability;
}

bool FarEtcd::step(Micros until) {
  if (agenda_.empty() || agenda_.begin()->first > until) {
    now_ = std::max(now_, until);
    return false;
  }
  auto next = agenda_.extract(agenda_.begin());
  now_ = std::max(now_, next.key());
  next.mapped()();
  return true;
}

void FarEtcd::heal() { options_.aborted = options_.unavailable = options_.lost_answer = options_.broken = 0; }

/// What is made gets its uid from the seed: names and the order of what follows may hang on it.
void FarEtcd::name(Txn& txn) {
  for (auto& write : txn.writes) {
    if (!write.object || !write.object->meta.uid.empty() || server_->get(write.key)) continue;
    const auto high = random_();
    const auto low = random_();
    write.object->meta.uid = fmt::format("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", high >> 32U, (high >> 16U) & 0xffffU,
                                         high & 0xfffU, low >> 52U, low & 0xffff'ffff'ffffU);
  }
}

Result<std::vector<model::ObjectPtr>> FarEtcd::happen(Txn txn) {
  name(txn);
  Draft draft(*server_, {limits_, *clock_, unreadable_});
  auto staged = draft.stage(std::move(txn));
  if (!staged) return std::move(staged).error();
  auto objects = publish(*server_, *staged);
  const auto changes = std::make_shared<std::vector<Change>>();
  for (auto& each : *staged) {
    if (each.no_op) continue;
    if (look_) look_(each.change);
    changes->push_back(std::move(each.change));
  }
  if (changes->empty()) return objects;
  for (auto* view : views_) {
    view->tell([view, changes] {
      if (changes->back().revision > view->table_->revision()) view->table_->publish(*changes);
    });
  }
  return objects;
}

FarEtcd::Token FarEtcd::open_session(const std::string& name, const Holder& holder) {
  for (const auto& [token, lease] : leases_) {
    if (lease.name == name) return 0;
  }
  const auto token = ++last_token_;
  leases_[token] = {name, holder, now_ + options_.ttl};
  end_session_when_due(token);
  for (auto* view : views_) view->tell([view, name, holder] { view->holders_->set(name, holder); });
  return token;
}

bool FarEtcd::keep_session(Token token) {
  const auto found = leases_.find(token);
  if (found == leases_.end()) return false;
  found->second.ends = now_ + options_.ttl;
  return true;
}

void FarEtcd::end_session_when_due(Token token) {
  const auto found = leases_.find(token);
  if (found == leases_.end()) return;
  if (found->second.ends > now_) return at(found->second.ends, [this, token] { end_session_when_due(token); });
  const auto name = found->second.name;
  leases_.erase(found);
  for (auto* view : views_) view->tell([view, name] { view->holders_->remove(name); });
}

// --- a host's view --------------------------------------------------------------------------------

FarEtcd::View::View(FarEtcd& etcd)
    : etcd_(etcd),
      // Nobody resumes a watch here; the past is kept by the followers that need it.
      table_(std::make_unique<ObjectTable>(StoreLimits{.history = 16}, std::make_unique<AgendaLane>(etcd, alive_))),
      holders_(std::make_shared<HolderBoard>([this](HolderBoard::Job job) { table_->post(std::move(job)); })) {
  take_all();
}

FarEtcd::View::~View() {
  *alive_ = false;
  holders_->close();
  std::erase(etcd_.views_, this);
}

void FarEtcd::View::at(Micros when, std::function<void()> what) {
  etcd_.at(when, [alive = alive_, what = std::move(what)] {
    if (*alive) what();
  });
}

/// Sent to it: arrives in the order of sending, unless the connection breaks before.
void FarEtcd::View::tell(std::function<void()> what) {
  if (!connected_) return;
  down_ = std::max(down_, etcd_.soon());
  at(down_, [this, connection = connection_, what = std::move(what)] {
    if (connection != connection_) return;
    if (etcd_.chance(etcd_.options_.broken)) return lose();
    what();
  });
}

void FarEtcd::View::cut(bool on) {
  if (cut_ == on) return;
  cut_ = on;
  if (on) {
    lose();
  } else {
    at(etcd_.now() + etcd_.options_.reconnect, [this] { take_all(); });
  }
}

void FarEtcd::View::lose() {
  if (!connected_) return;
  connected_ = false;
  ++connection_;
  table_->lose();
  at(etcd_.now() + etcd_.options_.reconnect, [this] { take_all(); });
}

void FarEtcd::View::take_all() {
  if (cut_) return;
  connected_ = true;
  ++connection_;
  down_ = etcd_.now();
  Listing all{.objects = {}, .revision = etcd_.server_->revision()};
  for (const auto& kind : model::all_kinds()) {
    for (auto& object : etcd_.server_->list(kind.kind, {}).objects) all.objects.push_back(std::move(object));
  }
  table_->replace(all);
  Holders holders;
  for (const auto& [token, lease] : etcd_.leases_) holders[lease.name] = lease.holder;
  holders_->replace(std::move(holders));
}

void FarEtcd::View::answer(Micros when, const Committed& done, const Result<std::vector<model::ObjectPtr>>& result) {
  at(when, [this, done, result] { table_->post([done, result] { done(result); }); });
}

void FarEtcd::View::fail(Micros when, const Committed& done, ErrorCode code) {
  answer(when, done, Error(code, "far etcd: no answer"));
}

void FarEtcd::View::commit(Txn txn, Durability /*durability*/, Committed done) {
  if (!connected_) return fail(etcd_.now() + etcd_.options_.reconnect, done, ErrorCode::Unavailable);
  up_ = std::max(up_, etcd_.soon());
  at(up_, [this, connection = connection_, txn = std::move(txn), done = std::move(done)]() mutable {
    if (connection == connection_) return arrive(std::move(txn), std::move(done));
    fail(etcd_.now() + etcd_.options_.deadline, done, ErrorCode::DeadlineExceeded);
  });
}

void FarEtcd::View::arrive(Txn txn, Committed done) {
  const auto& options = etcd_.options_;
  if (etcd_.chance(options.aborted)) return fail(etcd_.soon(), done, ErrorCode::Aborted);
  if (etcd_.chance(options.unavailable)) return fail(etcd_.soon(), done, ErrorCode::Unavailable);
  if (etcd_.chance(options.lost_answer)) {
    fail(etcd_.now() + options.deadline, done, ErrorCode::DeadlineExceeded);
    if (etcd_.chance(0.5)) return;
    const auto late = std::uniform_int_distribution<std::int64_t>(0, options.deadline.count() - 1)(etcd_.random_);
    // Whatever becomes of the sender.
    etcd_.at(etcd_.now() + Micros{late}, [&etcd = etcd_, txn = std::move(txn)] { (void)etcd.happen(txn); });
    return;
  }
  const auto result = etcd_.happen(std::move(txn));
  // After its changes, which were sent before.
  down_ = std::max(down_, etcd_.soon());
  at(down_, [this, connection = connection_, done = std::move(done), result] {
    if (connection == connection_) return answer(etcd_.now(), done, result);
    fail(etcd_.now() + etcd_.options_.deadline, done, ErrorCode::DeadlineExceeded);
  });
}

Result<std::unique_ptr<Session>> FarEtcd::View::open_session(std::string name, std::function<void()> /*on_lost*/) {
  return Error(ErrorCode::Unimplemented, "open session " + name + ": a modelled host holds its session itself");
}

Identity FarEtcd::View::identity() const {
  Identity identity;
  identity.id = "far-etcd";
  identity.opened = 1;
  return identity;
}

}  // namespace berth::store
