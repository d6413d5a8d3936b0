// volumes/helper/pool_choice.cpp - see pool_choice.hpp.
#include "volumes/helper/pool_choice.hpp"

#include <fmt/format.h>

#include <optional>

#include "volumes/helper/sizes.hpp"

namespace berth::volumes::helper {

Result<std::size_t> choose(const std::vector<Candidate>& candidates, std::int64_t bytes, const std::string& pool) {
  constexpr std::size_t kMostShown = 20;
  std::optional<std::size_t> best;
  std::string reasons;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& one = candidates[i];
    auto why = one.refused;
    if (why.empty() && one.bytes < bytes) why = fmt::format("too small: {}", format_bytes(one.bytes));
    if (why.empty()) {
      if (!best || one.bytes < candidates[*best].bytes) best = i;
    } else if (i < kMostShown) {
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", one.name, why);
    }
  }
  if (best) return *best;
  if (candidates.empty()) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("the pool {} is empty: no device matches", pool));
  }
  if (candidates.size() > kMostShown) reasons += fmt::format("; and {} more", candidates.size() - kMostShown);
  return Error(ErrorCode::ResourceExhausted,
               fmt::format("the pool {} has nothing free for {}: {}", pool, format_bytes(bytes), reasons));
}

}  // namespace berth::volumes::helper
