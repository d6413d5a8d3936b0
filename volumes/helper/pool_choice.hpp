// volumes/helper/pool_choice.hpp - which disk of a pool a claim gets. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth::volumes::helper {

/// A disk, partition or LUN of the pool.
struct Candidate {
  std::string name;  ///< As the class names it: "/dev/disk/by-id/x", "10.0.0.5:3260 iqn.x lun 3".
  std::int64_t bytes = 0;
  std::string refused;  ///< Why not, as in "holds ext4"; empty: it is free.
};

/// Kubernetes' rule: the smallest that is large enough; among equals the first. ResourceExhausted: every candidate with
/// the reason why not (of the first 20), or that nothing matched.
Result<std::size_t> choose(const std::vector<Candidate>& candidates, std::int64_t bytes, const std::string& pool);

}  // namespace berth::volumes::helper
