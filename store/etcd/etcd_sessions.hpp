// store/etcd/etcd_sessions.hpp - the names that this process holds in etcd: taken, taken over after a crash, told of.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/etcd/etcd_client.hpp"
#include "store/etcd/etcd_keys.hpp"
#include "store/etcd/etcd_session.hpp"

namespace berth::store::etcd {

/// Any thread.
class EtcdSessions {
 public:
  struct Options {
    std::string node;      ///< Who holds them; empty: somebody else each time.
    std::string instance;  ///< Of that node.
    std::string version;   ///< Said in each.
    std::chrono::seconds ttl;
    SessionHooks hooks{};
  };

  EtcdSessions(std::shared_ptr<EtcdClient> client, const EtcdKeys& keys, Options options);

  /// Store::open_session(): asks etcd and waits for it.
  Result<std::unique_ptr<Session>> open(std::string name, std::function<void()> on_lost);

  /// Tell it what the mirror sees: `lease` keeps the key of `name` since `revision`; 0: it is gone.
  void key_is(const std::string& name, LeaseId lease, Revision revision);

 private:
  /// What was last heard of a session's key; of revision 0: nothing.
  struct KeyTold {
    LeaseId lease = 0;
    Revision revision = 0;
  };

  Result<Revision> write_key(const std::string& name, LeaseId lease);

  const std::shared_ptr<EtcdClient> client_;
  const EtcdKeys& keys_;
  const Options options_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<EtcdSession::State>> sessions_;
  std::map<std::string, KeyTold> opening_;
};

}  // namespace berth::store::etcd
