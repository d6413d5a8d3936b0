// store/etcd/etcd_session.hpp - a name held by a lease, kept alive by a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "store/etcd/etcd_client.hpp"
#include "store/etcd/session_hooks.hpp"
#include "store/session.hpp"

namespace berth::store::etcd {

/// What a session is made of once its key is written.
struct SessionStart {
  std::string name;
  LeaseGranted lease;
  Revision written = 0;           ///< When its key was.
  std::function<void()> on_lost;  ///< Once, on the session's thread; may be empty.
  SessionHooks hooks{};
};

/// Asks etcd three times within the lease's life, twice a second where no answer came. Any thread.
class EtcdSession final : public Session {
 public:
  EtcdSession(std::shared_ptr<EtcdClient> client, SessionStart start);
  /// Gives the name back, unless the hooks forbid it; waits for etcd, two seconds at the most.
  ~EtcdSession() override;
  EtcdSession(const EtcdSession&) = delete;
  EtcdSession& operator=(const EtcdSession&) = delete;

  const std::string& name() const override;
  bool surely_alive(BootClock::time_point now) const override;

  /// Its key, to be told of.
  struct State;
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

/// The key of a session is kept by `lease` since `revision`, 0: by none. Another one than its own: it is lost.
void session_key_is(const std::shared_ptr<EtcdSession::State>& session, LeaseId lease, Revision revision);

/// Its holder is done with it, or it is lost.
bool session_is_over(const std::shared_ptr<EtcdSession::State>& session);

}  // namespace berth::store::etcd
