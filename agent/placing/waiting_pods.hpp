// agent/placing/waiting_pods.hpp - pods that have no node yet and are about to get none: who is more important than
// another, and who has to be woken when there may be a place. Loop thread; no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "agent/objects/object_cache.hpp"

namespace berth::agent {

/// Tens of thousands may wait while each of them is looked at: what is asked here costs no more than what it answers.
class WaitingPods {
 public:
  void put(const Name& name, std::int64_t priority) {
    const auto [found, is_new] = priorities_.try_emplace(name, priority);
    if (!is_new && found->second == priority) return;
    if (!is_new) leave_rank(name, found->second);
    found->second = priority;
    ranks_[priority].insert(name);
  }
  void drop(const Name& name) {
    refused_.erase(name);
    const auto found = priorities_.find(name);
    if (found == priorities_.end()) return;
    leave_rank(name, found->second);
    priorities_.erase(found);
  }
  void clear() { *this = {}; }

  /// There is no place for it now, or nothing is known of it yet. Who was not refused is looked at soon in any case.
  void refuse(const Name& name) { refused_.insert(name); }
  const std::set<Name>& refused() const { return refused_; }

  /// Those of higher priority.
  std::vector<Name> above(std::int64_t priority) const {
    std::vector<Name> out;
    for (auto rank = ranks_.upper_bound(priority); rank != ranks_.end(); ++rank) {
      out.insert(out.end(), rank->second.begin(), rank->second.end());
    }
    return out;
  }

 private:
  void leave_rank(const Name& name, std::int64_t priority) {
    const auto rank = ranks_.find(priority);
    rank->second.erase(name);
    if (rank->second.empty()) ranks_.erase(rank);
  }

  std::map<Name, std::int64_t> priorities_;
  std::map<std::int64_t, std::set<Name>> ranks_;  ///< The same, by priority.
  std::set<Name> refused_;
};

}  // namespace berth::agent
