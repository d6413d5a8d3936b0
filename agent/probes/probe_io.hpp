// agent/probes/probe_io.hpp - probes over the network: non-blocking exchanges, and the one thread that drives them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/probes/probe_state.hpp"
#include "base/unique_fd.hpp"

namespace berth::agent {

/// A TCP address by number.
struct ProbeAddress {
  std::string ip;  ///< IPv4 or IPv6, without brackets.
  std::uint16_t port = 0;
  /// "10.98.0.7:80", "[fd00::7]:80".
  std::string text() const;
};

/// One exchange in progress. Used by one thread at a time, never blocks.
class NetProbe {
 public:
  virtual ~NetProbe() = default;
  /// Goes on as far as it can; the outcome when it is over.
  virtual std::optional<ProbeOutcome> advance() = 0;
  /// What to wait for before the next advance(): descriptor and poll(2) events.
  virtual int fd() const = 0;
  virtual short events() const = 0;
  /// What it says when its time is over.
  virtual ProbeOutcome timed_out() const = 0;
};

/// A thread that drives many exchanges at once: a pod that never answers costs a descriptor, not a thread.
/// The destructor drops what is unfinished.
class ProbePoller {
 public:
  ProbePoller();
  ~ProbePoller();
  ProbePoller(const ProbePoller&) = delete;
  ProbePoller& operator=(const ProbePoller&) = delete;

  /// Begins; `done` runs once on the poller's thread. Any thread.
  void start(std::unique_ptr<NetProbe> probe, std::chrono::milliseconds timeout,
             std::function<void(ProbeOutcome)> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A socket that has begun to connect, or the error as a sentence.
struct Connecting {
  UniqueFd fd;
  std::string error;
};
Connecting begin_connect(const ProbeAddress& address);

/// After the descriptor became writable: why it did not connect; empty when it did.
std::string connect_error(int fd, const ProbeAddress& address);

}  // namespace berth::agent
