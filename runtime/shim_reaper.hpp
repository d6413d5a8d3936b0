// runtime/shim_reaper.hpp - finds the shims of this host's containers, and ends those that nobody needs any more.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"

namespace berth::runtime {

/// What a shim's command line says of it.
struct ShimName {
  std::string container;  ///< Id of the first container it was made for: one shim serves all containers of a pod.
  std::string address;    ///< Of its containerd.
};
/// `cmdline` is NUL separated, as in /proc/PID/cmdline. Nothing: it is of something else than a shim of namespace `ns`.
/// Pure.
std::optional<ShimName> parse_shim(std::string_view cmdline, std::string_view ns);

struct Shim {
  ShimName name;
  UniqueFd process;  ///< A pidfd: stays this process whatever becomes of its number.
};

/// Reads the command line of every process of the host.
std::vector<Shim> find_shims(const std::string& ns);

/// For shims of a pod of which containerd has no container any more. One that has been told to end does so by itself
/// within `patience`; the others get SIGTERM, and after the same time again SIGKILL. False: one of them is there still.
bool end_shims(const std::vector<Shim>& shims, std::chrono::milliseconds patience);

}  // namespace berth::runtime
