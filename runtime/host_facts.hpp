// runtime/host_facts.hpp - what this host and its containerd allow a container to have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth::runtime {

/// A device node inside a container. See mknod(2).
struct DeviceNode {
  std::string path;
  char type = 'c';  ///< 'c' or 'b'
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct HostFacts {
  bool cgroup_v2 = false;
  std::uint64_t capabilities = 0;    ///< Bit N: containers may have capability N; see capabilities(7).
  bool recursive_read_only = false;  ///< The kernel has mount_setattr(2).
  std::int64_t memory_bytes = 0;     ///< Of the host: oom_score_adj is relative to it.
  std::int32_t oom_score_floor = 0;  ///< The lowest oom_score_adj that containerd may set; see proc(5).
};

/// Reads them. What containers may have is what containerd has, which need not be what we have: the process behind
/// `containerd_socket` is asked for (SO_PEERCRED, unix(7)), and ourselves when it cannot be seen.
/// Unavailable: containerd is away.
Result<HostFacts> read_host_facts(const std::string& containerd_socket);

/// All device nodes below /dev but terminals and what every container gets anyway.
std::vector<DeviceNode> list_devices();

/// The device at `source` (links followed) as a node at `target`. NotFound; InvalidArgument: not a device.
Result<DeviceNode> device_at(const std::string& source, const std::string& target);

}  // namespace berth::runtime
