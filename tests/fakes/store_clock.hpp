// tests/fakes/store_clock.hpp - the virtual time of a SlowStore as a Clock.
#pragma once

#include <chrono>

#include "base/clock.hpp"
#include "tests/fakes/slow_store.hpp"

namespace berth {

class StoreClock final : public Clock {
 public:
  /// `from`: the time of day when the store's virtual time begins.
  explicit StoreClock(const store::SlowStore& store, WallTime from = store::kSlowStoreBegin)
      : store_(store), from_(from) {}
  SteadyTime now() const override { return SteadyTime{} + std::chrono::hours{1} + store_.now(); }
  WallTime wall() const override { return from_ + std::chrono::floor<std::chrono::seconds>(store_.now()); }

 private:
  const store::SlowStore& store_;
  const WallTime from_;
};

}  // namespace berth
