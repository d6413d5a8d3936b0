// tests/fakes/manual_clock.hpp - a clock that stands still until the test moves it.
#pragma once

#include "base/clock.hpp"

namespace berth {

class ManualClock final : public Clock {
 public:
  SteadyTime now() const override { return now_; }
  WallTime wall() const override { return wall_; }
  void advance(std::chrono::milliseconds by) {
    now_ += by;
    wall_ += by;
  }

 private:
  SteadyTime now_ = std::chrono::steady_clock::now();
  WallTime wall_ = std::chrono::system_clock::now();
};

}  // namespace berth
