// runtime/shim_reaper.hpp - ends shims that a failed start left behind.
#pragma once

#include <string>
#include <string_view>

namespace berth::runtime {

/// Is this the command line (NUL separated, as in /proc/PID/cmdline) of a containerd shim of namespace `ns`, serving
/// the containerd at `address`, whose container id begins with `id_prefix`? Pure.
bool is_shim_of(std::string_view cmdline, std::string_view ns, std::string_view address, std::string_view id_prefix);

/// Sends SIGTERM to such shims: a task that could not be created sometimes leaves its shim without a container. Only
/// for pods of which containerd has no container any more. Returns how many there were.
int end_shims(const std::string& ns, const std::string& address, const std::string& id_prefix);

}  // namespace berth::runtime
