// agent/objects/back_off.hpp - how long to wait after the n-th failure in a row, pure.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/result.hpp"

namespace berth::agent {

/// The kubelet's crash-loop back-off: 10 s, 20 s, 40 s ... 300 s; none before the first restart.
std::chrono::milliseconds crash_back_off(std::uint32_t failures);

/// A container that ran this long has recovered: its next failure counts as the first (twice the longest back-off).
constexpr std::chrono::minutes kCrashForget{10};

/// For a failing step of our own (mount, attach, create), by class: what cannot get better by
/// itself waits longer. `jitter` in [0,1) spreads retries by up to a quarter.
std::chrono::milliseconds step_back_off(ErrorCode code, std::uint32_t failures, double jitter);

}  // namespace berth::agent
