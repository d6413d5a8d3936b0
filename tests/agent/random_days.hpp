// tests/agent/random_days.hpp - a planner lives through many random days; each has a seed, and can be lived again.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace berth::agent {

/// BERTH_RUNS says how many days there are, BERTH_SEED which one alone is lived.
inline std::uint64_t number_in_environment(const char* name, std::uint64_t otherwise) {
  const auto* text = std::getenv(name);
  const auto asked = text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  return asked == 0 ? otherwise : asked;
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  bool one_in(int chances) { return below(chances) == 0; }

 private:
  std::mt19937_64 random_;
};

/// Calls `live(Dice&)` for each day; stops at the first that fails, and names it. How many there were, when they are
/// enough to say what such days bring; else 0.
template <typename Live>
std::uint64_t live_days(std::uint64_t otherwise, Live live) {
  const auto only = number_in_environment("BERTH_SEED", 0);
  const auto last = only == 0 ? number_in_environment("BERTH_RUNS", otherwise) : only;
  for (auto seed = only == 0 ? 1 : only; seed <= last && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("BERTH_SEED={}", seed));
    Dice dice(seed);
    live(dice);
  }
  return only == 0 && !testing::Test::HasFailure() ? last : 0;
}

}  // namespace berth::agent
