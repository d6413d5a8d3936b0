// runtime/pod_limits.cpp - what the containers of a pod get together.
#include <algorithm>
#include <limits>

#include "runtime/oci_resources.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {
namespace {

struct Use {
  std::int64_t cpu_request = 0;   ///< Thousandths of a CPU.
  std::int64_t cpu_limit = 0;     ///< Thousandths of a CPU.
  std::int64_t memory_limit = 0;  ///< Bytes.
};

/// Neither is negative. Amounts of a manifest may be as large as the type.
std::int64_t plus(std::int64_t one, std::int64_t other) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  return one > kMost - other ? kMost : one + other;
}

Use sum(const Use& one, const Use& other) {
  return {plus(one.cpu_request, other.cpu_request), plus(one.cpu_limit, other.cpu_limit),
          plus(one.memory_limit, other.memory_limit)};
}

Use larger(const Use& one, const Use& other) {
  return {std::max(one.cpu_request, other.cpu_request), std::max(one.cpu_limit, other.cpu_limit),
          std::max(one.memory_limit, other.memory_limit)};
}

}  // namespace

PodLimits pod_limits(const model::PodSpec& spec) {
  bool cpu_limited = true;
  bool memory_limited = true;
  const auto look = [&](const model::Container& container) {
    Use use;
    if (const auto* request = cpu_request(container.resources)) use.cpu_request = request->milli();
    const auto* cpu = limit_of(container.resources, "cpu");
    const auto* memory = limit_of(container.resources, "memory");
    if (cpu) use.cpu_limit = cpu->milli();
    if (memory) use.memory_limit = memory->value();
    cpu_limited = cpu_limited && cpu;
    memory_limited = memory_limited && memory;
    return use;
  };
  // Init containers run one after the other, beside the sidecars that were started before.
  Use peak;
  Use sidecars;
  for (const auto& container : spec.init_containers) {
    const auto beside = sum(sidecars, look(container));
    peak = larger(peak, beside);
    if (container.restart_policy == "Always") sidecars = beside;
  }
  Use all = sidecars;
  for (const auto& container : spec.containers) all = sum(all, look(container));
  all = larger(all, peak);
  return {.cpu_shares = cpu_shares(all.cpu_request),
          .cpu_quota = cpu_limited ? cpu_quota(all.cpu_limit) : 0,
          .memory_bytes = memory_limited ? all.memory_limit : 0};
}

}  // namespace berth::runtime
