// tests/agent/run_probe.hpp - one exchange of a probe, driven to its end on this thread.
#pragma once

#include <poll.h>

#include <chrono>

#include "agent/probes/probe_io.hpp"

namespace berth::agent {

/// Blocks at most `timeout`.
inline ProbeOutcome run_probe(NetProbe& probe, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (auto outcome = probe.advance()) return *outcome;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return probe.timed_out();
    pollfd wait = {probe.fd(), probe.events(), 0};
    ::poll(&wait, 1, static_cast<int>(left.count()));
  }
}

}  // namespace berth::agent
