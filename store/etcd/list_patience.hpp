// store/etcd/list_patience.hpp - how long the first list is waited for: a list that makes progress is not late. Pure.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.hpp"

namespace berth::store::etcd {

/// The time counts from the last page, and not from the first question: how many pages there are is the crowd's doing.
/// A list that begins anew and again does not get as far as the one before it is no progress.
class ListPatience {
 public:
  ListPatience(std::chrono::milliseconds limit, SteadyTime begun) : limit_(limit), until_(begun + limit) {}

  /// Page `number` of a list came, counted from 1.
  void page(std::size_t number, SteadyTime now) {
    if (number <= furthest_) return;
    furthest_ = number;
    until_ = now + limit_;
  }

  /// When the next page is late.
  SteadyTime until() const { return until_; }

 private:
  const std::chrono::milliseconds limit_;
  SteadyTime until_;
  std::size_t furthest_ = 0;
};

}  // namespace berth::store::etcd
