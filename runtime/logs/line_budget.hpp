// runtime/logs/line_budget.hpp - how much of what one container writes may be stored. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace berth::runtime {

/// The rule, for each container: so many lines at once, and as many again in each `period`. A line of more than 1 KiB
/// counts once for each KiB that it begins.
struct LineLimit {
  std::uint64_t lines = 0;  ///< 0: no limit.
  std::chrono::seconds period{30};
};

/// A token bucket. Once it is empty nothing is let through until a tenth of it is there again: a stretch of lines
/// without a hole, then a hole that is spoken of, instead of every tenth line.
class LineBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit LineBudget(const LineLimit& limit);

  /// What a line of `bytes` costs.
  static std::uint64_t cost(std::size_t bytes) { return bytes == 0 ? 1 : (bytes + 1023) / 1024; }

  /// Takes `cost`. False: over the limit, nothing was taken. Times do not go back.
  bool take(Time now, std::uint64_t cost);

  /// What was taken and not used.
  void give_back(std::uint64_t cost);

 private:
  LineLimit limit_;
  double tokens_;
  Time filled_{};
  bool empty_ = false;
};

}  // namespace berth::runtime
