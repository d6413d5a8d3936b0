// agent/control/pod_making.hpp - pods of sets that several hosts may plan at once: none is made twice. Pure, but for
// what was refused. Loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "agent/control/work.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// Annotation of a set in a store that hosts share: how many pods were made for it.
inline constexpr const char* kPodsMade = "berth.io/pods-made";
std::uint64_t pods_made(const model::ObjectMeta& set);

/// "x7k2p": what the set's pod of that number has at the end of its name. The same on every host.
std::string letters_of(const std::string& set_uid, std::uint64_t number);

/// Where several hosts share a store, a set's pods are made in one transaction with the number of pods that it has had,
/// and only while the set is what the plan has seen. Of two planners one is second: its plan is made again, with the
/// pods of the first in sight. A planner that is behind, or whose answer was lost, makes none. On a store of one host
/// nothing is counted, and pods are made each for itself.
class PodMaking {
 public:
  static constexpr std::size_t kAtOnce = 50;  ///< An etcd takes 128 keys in a transaction.

  explicit PodMaking(bool shared) : shared_(shared) {}
  /// Are there other planners? Then names come from letters_of(), numbered from pods_made() on.
  bool shared() const { return shared_; }

  /// Takes the creations of pods that `work` has together. They wait for the next plan when `work` has something else
  /// to write of the set. A set whose pods are refused gets one at a time: a quota may have room for some.
  void gather(const model::ObjectKey& key, const model::ObjectMeta& set, Work& work);
  /// For the controller's row.
  void refused(const model::ObjectKey& key, const Write& write);

 private:
  const bool shared_;
  std::set<model::ObjectKey> refused_;
};

}  // namespace berth::agent
