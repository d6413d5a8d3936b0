// agent/probes/probe_grpc.hpp - grpc: calls of grpc.health.v1.Health/Check.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "agent/probes/probe_io.hpp"

namespace berth::agent {

/// gRPC's own client, without TLS, a connection for each call as the kubelet has it: one thread for all calls. The
/// destructor drops what is unfinished.
class GrpcProbes {
 public:
  GrpcProbes();
  ~GrpcProbes();
  GrpcProbes(const GrpcProbes&) = delete;
  GrpcProbes& operator=(const GrpcProbes&) = delete;

  /// Begins a call; success when the service answers SERVING. `done` runs once on our thread, after `timeout` at the
  /// latest. Any thread.
  void check(const ProbeAddress& address, const std::string& service, std::chrono::milliseconds timeout,
             std::function<void(ProbeOutcome)> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::agent
