// agent/claims/pool_hold.hpp - which of several hosts may take disks from pools now: a Lease in the store says it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/control/work.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Whose turn it is. Each taking is another turn: who gives back an old one, however late, ends no later one.
struct PoolHold {
  std::string node{};     ///< Empty: nobody's.
  std::int64_t turn = 0;  ///< spec.leaseTransitions.
  bool operator==(const PoolHold&) const = default;
};

/// A Lease that is never renewed: a host that is silent while it chooses may be choosing yet.
model::ObjectKey pools_key();

PoolHold read_pool_hold(const store::Store& store);

/// Begins the turn after `before` for `node`; a lost race when somebody else was faster.
std::vector<Write> take_pools_after(const PoolHold& before, const std::string& node);

/// Ends that turn, if it is not over.
Write give_pools_back(const PoolHold& hold);

}  // namespace berth::agent
