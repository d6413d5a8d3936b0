// agent/objects/session_term.hpp - until when what the store gives to this host surely is this host's.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "base/boot_time.hpp"

namespace berth::agent {

/// While our session holds nobody takes away what is ours. It says nothing of what was taken before it began, when we
/// were out of sight: so it counts from the moment on at which all that was stored before it is known here.
class SessionTerm {
 public:
  /// `name`: the session's ("live/worker1").
  explicit SessionTerm(std::string name) : name_(std::move(name)) {}

  struct Kept {
    std::uint64_t session = 0;  ///< The last that was ours; 0: there was none yet.
    BootTime until{};           ///< It surely holds until then.
  };

  /// store::etcd::SessionHooks::on_kept. Any thread.
  void on_kept(std::uint64_t session, BootTime until) {
    const std::scoped_lock lock(mutex_);
    kept_.until = until;
    if (std::exchange(kept_.session, session) != session) tell();
  }
  /// store::etcd::SessionHooks::on_seen.
  void on_seen(const std::string& name, std::uint64_t session) {
    if (name != name_) return;
    const std::scoped_lock lock(mutex_);
    if (std::exchange(told_, session) != session) tell();
  }

  /// Of the session alone, whatever is known here. Any thread.
  Kept kept() const {
    const std::scoped_lock lock(mutex_);
    return kept_;
  }

  /// From now on `told` whenever there is another session to take(), on the thread of whoever told us; it must not call
  /// back. What was told before is taken: whoever follows the store from now on knows as much.
  void follow(std::function<void(std::uint64_t session)> told) {
    const std::scoped_lock lock(mutex_);
    follower_ = std::move(told);
    taken_ = told_;
  }
  /// Loop thread, when it knows what it was told before it was told this.
  void take(std::uint64_t session) {
    const std::scoped_lock lock(mutex_);
    taken_ = session;
  }

  /// What is ours as far as the loop knows is surely ours until then; 0: that is not known now. Any thread.
  BootTime until(BootTime now) const {
    const std::scoped_lock lock(mutex_);
    return kept_.session != 0 && kept_.session == taken_ && now < kept_.until ? kept_.until : BootTime{};
  }

 private:
  void tell() const {
    if (follower_) follower_(told_);
  }

  const std::string name_;
  mutable std::mutex mutex_;
  std::function<void(std::uint64_t)> follower_;
  Kept kept_;
  std::uint64_t told_ = 0;   ///< Whose key the store's followers have seen last.
  std::uint64_t taken_ = 0;  ///< The same, of the loop.
};

}  // namespace berth::agent
