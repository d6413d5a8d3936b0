// tests/fakes/fake_etcd.hpp - an etcd in memory, with one client: answers late, not at all, or in another order, when
// told.
//
// What it does with keys, revisions, leases, watches and compaction is what etcd does; tests/host/etcd_store_test.cpp
// runs the same suite on the real one. Time does not pass: leases end when somebody says so.
//
//     FakeEtcd etcd;
//     auto store = etcd::open_store_on(etcd.client(), options);
//     etcd.hold(FakeEtcd::Kind::Watches, true);     // from now on nothing is told
//     ... commit ...                                // etcd made it, and nobody here has seen it
//     etcd.hold(FakeEtcd::Kind::Watches, false);    // what was held back is told, in order
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/lane.hpp"
#include "store/etcd/etcd_client.hpp"

namespace berth::store::etcd {

class FakeEtcd {
 public:
  enum class Kind { Requests, Watches, Leases };

  FakeEtcd();
  ~FakeEtcd();
  FakeEtcd(const FakeEtcd&) = delete;
  FakeEtcd& operator=(const FakeEtcd&) = delete;

  /// Outlives neither us nor the stores that are made on it.
  std::shared_ptr<EtcdClient> client();

  // Somebody else beside the server.
  Revision put(const std::string& key, const std::string& value);
  void remove(const std::string& key);
  std::string value(const std::string& key) const;  ///< Empty: there is none.
  std::vector<std::string> keys() const;
  LeaseId lease_of(const std::string& key) const;
  Revision revision() const;
  void compact();
  void compact(Revision to);
  Revision compacted() const;
  void expire(LeaseId lease);

  // What can go wrong.
  void hold(Kind kind, bool on);
  /// Connections end, and none is made until it is false again.
  void away(bool on);
  /// The next transaction with writes is answered so; `happens` all the same or not.
  void fail_next_write(Error error, bool happens);
  /// What its status complains of from now on.
  void alarm(std::vector<std::string> alarms);
  /// Before the next transaction is looked at, `what` happens.
  void before_next_write(std::function<void()> what);
  /// Every transaction was looked at so often.
  std::size_t transactions() const;

 private:
  struct FakeWatch;
  class Client;
  class Handle;

  void run(Kind kind, std::function<void()> job);
  bool holds(const Compare& compare) const;
  std::vector<const KeyValue*> in(const KeyRange& range) const;
  void write(const std::string& key, std::optional<std::string> value, LeaseId lease, Revision revision);
  void tell(Revision from);
  TxnAnswer make(const TxnRequest& request);

  mutable std::mutex mutex_;
  std::map<std::string, KeyValue> keys_;
  std::vector<WatchEvent> history_;
  Revision revision_ = 1;
  Revision compacted_ = 0;
  LeaseId last_lease_ = 100;
  std::map<LeaseId, std::chrono::seconds> leases_;
  std::vector<std::weak_ptr<FakeWatch>> watches_;
  bool away_ = false;
  std::vector<std::string> alarms_;
  std::optional<std::pair<Error, bool>> fail_next_;
  std::function<void()> before_next_;
  std::size_t transactions_ = 0;
  std::mutex order_;  ///< Of what is told; taken last.
  std::map<Kind, bool> held_;
  std::map<Kind, std::deque<std::function<void()>>> waiting_;
  std::map<Kind, std::unique_ptr<Lane>> lanes_;
};

}  // namespace berth::store::etcd
