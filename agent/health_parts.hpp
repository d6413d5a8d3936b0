// agent/health_parts.hpp - is everything that pods need in order? Part by part, for load balancers. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/host_status.hpp"
#include "store/store.hpp"

namespace berth::agent {

struct HealthFacts {
  Status containerd = Ok{};
  std::vector<store::StoreProblem> store;
  bool recovered = false;  ///< What ran before our start is known.
  std::vector<model::SourceStatus> sources;
};

/// "containerd", "store", "recovery", "sources", in this order.
std::vector<std::pair<std::string, Status>> health_parts(const HealthFacts& facts);

}  // namespace berth::agent
