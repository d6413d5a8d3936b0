// store/etcd/etcd_session.cpp - see etcd_session.hpp.
#include "store/etcd/etcd_session.hpp"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "store/etcd/session_clock.hpp"

namespace berth::store::etcd {
namespace {

constexpr std::chrono::milliseconds kAgain{500};  ///< After a question that failed.
constexpr std::chrono::seconds kGiveBack{2};

}  // namespace

struct EtcdSession::State {
  State(std::shared_ptr<EtcdClient> asked, SessionStart begun)
      : client(std::move(asked)), start(std::move(begun)), clock(start.lease.sent, start.lease.ttl) {}

  std::shared_ptr<EtcdClient> client;  ///< Of the session's thread, then of who ends it: never the last on its own.
  const SessionStart start;
  std::mutex mutex;
  std::condition_variable wake;
  SessionClock clock;
  bool asking = false;  ///< An answer is awaited.
  bool failed = false;  ///< The last one was an error.
  bool ended = false;   ///< The holder is done with it.
  std::thread thread;

  bool alive(BootClock::time_point now) {
    const std::scoped_lock lock(mutex);
    return !ended && clock.alive(now);
  }

  void answered(const Result<LeaseKept>& kept) {
    const std::scoped_lock lock(mutex);
    asking = false;
    failed = !kept.ok();
    // No such lease: etcd says that in either way.
    if (kept) {
      if (clock.kept(kept->sent, kept->ttl, BootClock::now())) tell_kept();
    } else if (kept.error().code() == ErrorCode::NotFound) {
      clock.lose();
    }
    wake.notify_all();
  }

  void tell_kept() const {
    if (start.hooks.on_kept) start.hooks.on_kept(static_cast<std::uint64_t>(start.lease.id), clock.deadline());
  }

  static void run(const std::shared_ptr<State>& self) {
    const auto interval = std::chrono::milliseconds(self->start.lease.ttl) / 3;
    auto next = std::chrono::steady_clock::now() + interval;
    std::unique_lock lock(self->mutex);
    while (!self->ended) {
      const auto now = BootClock::now();
      if (!self->clock.alive(now)) break;
      if (!self->asking && std::chrono::steady_clock::now() >= next) {
        self->asking = true;
        next = std::chrono::steady_clock::now() + interval;
        lock.unlock();
        // The client may be destroyed first: it answers before it goes.
        self->client->keep(self->start.lease.id, [self](const Result<LeaseKept>& kept) { self->answered(kept); });
        lock.lock();
        continue;
      }
      if (!self->asking && std::exchange(self->failed, false)) {
        next = std::min(next, std::chrono::steady_clock::now() + kAgain);
      }
      // Not longer than until the deadline, on the other clock: while the host sleeps this one stands still.
      const auto left = std::chrono::steady_clock::now() + (self->clock.deadline() - now);
      self->wake.wait_until(lock, self->asking ? left : std::min(next, left));
    }
    const bool lost = !self->ended;
    lock.unlock();
    if (lost && self->start.on_lost) self->start.on_lost();
  }
};

EtcdSession::EtcdSession(std::shared_ptr<EtcdClient> client, SessionStart start)
    : state_(std::make_shared<State>(std::move(client), std::move(start))) {
  state_->tell_kept();
  state_->thread = std::thread([state = state_] { State::run(state); });
}

EtcdSession::~EtcdSession() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->ended = true;
  }
  state_->wake.notify_all();
  // on_lost may destroy us: then this is its thread.
  if (state_->thread.get_id() == std::this_thread::get_id()) {
    state_->thread.detach();
  } else {
    state_->thread.join();
  }
  const auto client = std::move(state_->client);
  const auto& may_give_back = state_->start.hooks.may_give_back;
  if (may_give_back && !may_give_back()) return;
  const auto revoked = std::make_shared<std::promise<void>>();
  auto end = revoked->get_future();
  client->revoke(state_->start.lease.id, [revoked](const Result<Ok>&) { revoked->set_value(); });
  end.wait_for(kGiveBack);
}

const std::string& EtcdSession::name() const { return state_->start.name; }

bool EtcdSession::surely_alive(BootClock::time_point now) const { return state_->alive(now); }

void session_key_is(const std::shared_ptr<EtcdSession::State>& session, LeaseId lease, Revision revision) {
  const std::scoped_lock lock(session->mutex);
  if (lease == session->start.lease.id || revision <= session->start.written) return;
  session->clock.lose();
  session->wake.notify_all();
}

bool session_is_over(const std::shared_ptr<EtcdSession::State>& session) { return !session->alive(BootClock::now()); }

}  // namespace berth::store::etcd
