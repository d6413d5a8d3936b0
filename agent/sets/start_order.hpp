// agent/sets/start_order.hpp - whose turn is it to begin? A set's pods begin in order after a boot, too. Loop thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/clock.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// Why a pod that has nothing on its host yet does not begin.
struct StartWait {
  std::string why;                                      ///< One sentence; empty: it may begin.
  std::optional<std::chrono::milliseconds> look_again;  ///< minReadySeconds of one before it runs.
};

/// One pod of a set as it is now, not as the store remembers it from before a boot.
struct OrderedPod {
  PodPtr pod;
  const model::PodStatus* status = nullptr;  ///< Null: not looked at yet.
};

/// May the pod of that ordinal begin? Of a set that is OrderedReady, only when each before it is there, Ready for as
/// long as minReadySeconds, and staying: what stateful_set_plan asks before it makes the pod. A pod beyond `replicas`
/// waits for those that are wanted, too. The annotation berth.io/boot-order: Parallel lifts it. Pure.
StartWait plan_start(const model::StatefulSet& set, const std::map<std::int32_t, OrderedPod>& pods,
                     std::int32_t ordinal, WallTime now);

/// Pods are made in order, but after a boot all objects are there and every container is gone. Asked for a pod that
/// would begin from nothing; a pod that runs, or whose network is there, is never asked for, so neither a restart of
/// the agent nor a container that crashed waits for anybody. Nobody waits for the same one for longer than kPatience:
/// a quorum that grew one by one has no member that becomes Ready alone.
class StartOrder {
 public:
  static constexpr std::chrono::minutes kPatience{2};

  /// `seen`: a pod's status as this process saw it, null before its first look. Pods of other nodes are as the store
  /// has them.
  StartOrder(const Clock& clock, const ObjectCache& cache, std::string node_name,
             std::function<const model::PodStatus*(const std::string& uid)> seen);

  /// Remembers those that have to wait.
  StartWait ask(const model::Pod& pod);

  /// Something about the set with that uid, or about one of its pods, changed: these pods may have to be looked at
  /// again.
  std::vector<std::string> waiting_in(const std::string& set_uid) const;
  void forget(const std::string& pod_uid) { waiting_.erase(pod_uid); }

 private:
  const Clock& clock_;
  const ObjectCache& cache_;
  std::string node_name_;
  std::function<const model::PodStatus*(const std::string& uid)> seen_;
  struct Waiting {
    std::string set_uid;
    std::string why;
    SteadyTime since;  ///< For this reason.
    bool has_given_up = false;
  };
  StartWait with_patience(const model::Pod& pod, const std::string& set_uid, StartWait wait);

  std::map<std::string, Waiting> waiting_;  ///< By pod's uid.
};

}  // namespace berth::agent
