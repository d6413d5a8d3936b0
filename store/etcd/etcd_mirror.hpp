// store/etcd/etcd_mirror.hpp - keeps the local table as etcd is: lists, watches on, and lists again after a compaction.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "store/draft.hpp"
#include "store/etcd/etcd_client.hpp"
#include "store/etcd/etcd_keys.hpp"
#include "store/etcd/etcd_txn.hpp"
#include "store/etcd/loop_poster.hpp"
#include "store/object_table.hpp"
#include "store/problem_list.hpp"

namespace berth::store::etcd {

/// Loop thread only.
class EtcdMirror {
 public:
  struct Options {
    std::string node;                       ///< Whose barrier it writes.
    std::chrono::milliseconds lost_after;   ///< Followers are told when etcd was away for so long.
    std::chrono::milliseconds retry_first;  ///< Between tries; doubled up to `retry_most`.
    std::chrono::milliseconds retry_most;
  };
  struct Events {
    std::function<void()> on_seen;  ///< More is known than before.
    /// A page of a list came, counted from 1: the list is on its way.
    std::function<void(std::size_t number)> on_page;
    /// The first snapshot is in the table, or why there is none yet: it goes on trying.
    std::function<void(Status)> on_first;
    /// The key of a session is kept by this lease since a revision; 0: it is gone. After the objects of that moment are
    /// in the table.
    std::function<void(const std::string& name, LeaseId lease, Revision revision)> on_session;
    /// All who hold sessions; after the objects of that moment are in the table.
    std::function<void(Holders)> on_holders;
    std::function<void()> on_answer;  ///< After stand_on(): the list is about to take the copy's place, and is ours.
    std::function<void()> on_list;    ///< The table was taken anew, as etcd is.
    std::function<void(const std::vector<Change>&)> on_change;  ///< These are in the table.
  };

  /// All outlive it.
  EtcdMirror(Loop& loop, std::shared_ptr<LoopPoster> poster, EtcdClient& client, const EtcdKeys& keys,
             ObjectTable& table, ProblemList& problems, Options options, Events events);
  ~EtcdMirror();
  EtcdMirror(const EtcdMirror&) = delete;
  EtcdMirror& operator=(const EtcdMirror&) = delete;

  void start();
  /// As long as there is no snapshot: the table has an older state of store `id`, see copy_file.hpp, and that counts
  /// until etcd answers. `what` is said of it.
  void stand_on(const std::string& id, Revision revision, const std::string& what);
  bool has_snapshot() const { return listed_; }

  /// The first answer of the store's own key: it was made now, or is this one.
  const Identity& identity() const { return identity_; }
  Knowledge knowledge() const;
  const Unreadable& unreadable() const { return strange_.unreadable; }
  /// Why nothing new is heard of etcd, when that is so for longer than a reconnection takes.
  std::optional<Error> away() const;

 private:
  /// What this version cannot read.
  struct Strange {
    Unreadable unreadable;
    std::map<model::ObjectKey, Revision> at;
    std::set<std::string> keys;  ///< As they are in etcd, those of unknown kinds too.
  };
  struct SessionKey {
    std::string name;
    LeaseId lease = 0;  ///< 0: it is gone.
    Revision since = 0;
  };
  struct Listed;  ///< A list on its way.

  void begin();
  void read_meta();
  void on_meta(Result<TxnAnswer> answer, const std::string& offered);
  bool is_ours(const std::string& text);
  void list_page(const std::shared_ptr<Listed>& so_far);
  void on_page(const std::shared_ptr<Listed>& so_far, Result<RangeAnswer> answer);
  void list_holders(const std::shared_ptr<Listed>& all);
  void on_list(Listed& all);
  void watch();
  void on_watching();
  void on_batch(WatchBatch batch);
  void on_watch_end(const Error& error);
  void write_barrier();
  void look_for_barrier();

  void fail(const Error& error);
  void retry();
  void lose();
  void found();

  /// The object of what is stored, or null; then it is noted as unreadable.
  model::ObjectPtr decode(const ObjectPath& path, const KeyValue& stored, Strange& strange);
  void forget_strange(const std::string& key);
  /// For callbacks of the client: `job` runs on the loop, unless what asked for it is over by then.
  template <typename T, typename Job>
  std::function<void(T)> here(Job job);

  Loop& loop_;
  const std::shared_ptr<LoopPoster> poster_;
  EtcdClient& client_;
  const EtcdKeys& keys_;
  ObjectTable& table_;
  ProblemList& problems_;
  const Options options_;
  const Events events_;

  Identity identity_;
  bool listed_ = false;  ///< There is a snapshot.
  bool copied_ = false;  ///< It is a copy's, and etcd did not answer yet.
  bool relist_ = true;   ///< The next thing to do is to list, not to watch on.
  Revision seen_ = 0;
  Holders holders_;
  Strange strange_;

  std::unique_ptr<EtcdWatch> watch_;
  std::uint64_t round_ = 0;  ///< Of begin(): what comes of an earlier one is late.
  std::unique_ptr<LoopHandle> retry_timer_;
  std::unique_ptr<LoopHandle> lost_timer_;
  std::chrono::milliseconds retry_in_;
  std::optional<SteadyTime> away_since_;
  std::optional<Error> why_away_;
  bool lost_ = false;                ///< Followers were told.
  std::optional<Revision> barrier_;  ///< When it is seen, nothing was missed.
};

}  // namespace berth::store::etcd
