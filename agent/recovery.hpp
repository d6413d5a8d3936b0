// agent/recovery.hpp - after a restart: which pods were here before us, and what is left of pods that have no object.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/lane.hpp"
#include "base/loop.hpp"
#include "network/pod_network.hpp"
#include "runtime/pod_runtime.hpp"
#include "store/store.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// Where recovery looks. All outlive it; `lane` ends before `loop` does.
struct RecoveryRooms {
  Loop& loop;
  Lane& lane;  ///< The rooms' listings block.
  store::Store& store;
  runtime::PodRuntime& runtime;
  network::PodNetwork& network;
  volumes::PodVolumes& volumes;
};

/// Loop thread.
class Recovery {
 public:
  /// Something of a pod is on this host that has no object: its deletion was decided before we went down.
  using OnOrphan = std::function<void(const runtime::PodIdentity&)>;

  Recovery(RecoveryRooms rooms, OnOrphan on_orphan);

  /// The pods bound to this node when we started; their adoption is reported once, when all have settled.
  void begin(std::set<std::string> uids);
  void on_settled(const std::string& uid);

  /// Looks through all rooms for pods without an object. A room that cannot be asked is asked again by retry().
  void look_for_orphans();
  /// containerd is there (again).
  void retry();

 private:
  RecoveryRooms rooms_;
  OnOrphan on_orphan_;
  std::set<std::string> unadopted_;  ///< uids of pods that were here before us and have not settled yet.
  std::size_t adopting_ = 0;
  bool incomplete_ = false;  ///< A room could not be asked yet.
};

}  // namespace berth::agent
