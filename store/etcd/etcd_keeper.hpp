// store/etcd/etcd_keeper.hpp - keeps an etcd from filling up: has old revisions dropped, and says what it complains of.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/loop.hpp"
#include "store/etcd/etcd_client.hpp"
#include "store/etcd/loop_poster.hpp"
#include "store/problem_list.hpp"

namespace berth::store::etcd {

/// Is `node` the one that looks after etcd? The first of those who hold sessions is, and whoever is alone.
bool keeps(const Holders& holders, const std::string& node);

/// etcd keeps every revision of every key until somebody compacts it, and refuses all writes when its file has reached
/// its quota (2 GiB unless told otherwise). Where nothing is written nothing is asked. Loop thread.
class EtcdKeeper {
 public:
  struct Options {
    std::chrono::milliseconds keep;  ///< Revisions of the last so long stay.
    std::function<bool()> is_ours;   ///< Asked when something is to be done.
  };

  /// All outlive it.
  EtcdKeeper(Loop& loop, std::shared_ptr<LoopPoster> poster, EtcdClient& client, ProblemList& problems,
             Options options);
  EtcdKeeper(const EtcdKeeper&) = delete;
  EtcdKeeper& operator=(const EtcdKeeper&) = delete;

  /// This is etcd's revision by now.
  void on_seen(Revision revision);
  /// It took a write, or refused it for want of room.
  void on_write(bool full);

 private:
  void compact();
  void look();
  void on_status(const Result<EtcdStatus>& status);

  Loop& loop_;
  const std::shared_ptr<LoopPoster> poster_;
  EtcdClient& client_;
  ProblemList& problems_;
  const Options options_;
  Revision seen_ = 0;
  Revision goal_ = 0;                  ///< What was the newest when the timer began.
  std::unique_ptr<LoopHandle> timer_;  ///< Until `goal_` may go.
  bool asking_ = false;
  bool complains_ = false;
};

}  // namespace berth::store::etcd
