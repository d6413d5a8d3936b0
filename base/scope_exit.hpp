// base/scope_exit.hpp - undo next to do: runs a function when the scope is left.
#pragma once

#include <utility>

namespace berth {

/// Runs `undo` on destruction unless dismissed.
template <typename F>
class [[nodiscard]] ScopeExit {
 public:
  explicit ScopeExit(F undo) : undo_(std::move(undo)) {}
  ScopeExit(const ScopeExit&) = delete;
  ScopeExit& operator=(const ScopeExit&) = delete;
  ~ScopeExit() {
    if (armed_) undo_();
  }

  /// The work is complete: keep it.
  void dismiss() { armed_ = false; }

 private:
  F undo_;
  bool armed_ = true;
};

}  // namespace berth
