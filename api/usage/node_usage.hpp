// api/usage/node_usage.hpp - what the whole host uses, from /proc.
#pragma once

#include <cstdint>
#include <string_view>

namespace berth::api {

struct NodeUsage {
  std::uint64_t cpu_nanoseconds = 0;  ///< Of all processors together, since the boot.
  std::uint64_t memory_bytes = 0;     ///< In use, without inactive pages of files: Kubernetes' "working set".
};

/// From the texts of /proc/stat and /proc/meminfo; see proc(5). Pure. What is missing counts as 0.
NodeUsage parse_node_usage(std::string_view stat, std::string_view meminfo, long ticks_per_second);

/// Of this host, now.
NodeUsage read_node_usage();

}  // namespace berth::api
