// runtime/shim_reaper.cpp - see shim_reaper.hpp.
#include "runtime/shim_reaper.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

std::vector<std::string_view> arguments(std::string_view cmdline) {
  std::vector<std::string_view> found;
  while (!cmdline.empty()) {
    const auto end = cmdline.find('\0');
    found.push_back(cmdline.substr(0, end));
    if (end == std::string_view::npos) break;
    cmdline.remove_prefix(end + 1);
  }
  return found;
}

std::string_view value_of(const std::vector<std::string_view>& args, std::string_view flag) {
  for (std::size_t i = 0; i + 1 < args.size(); ++i) {
    if (args[i] == flag) return args[i + 1];
  }
  return {};
}

}  // namespace

bool is_shim_of(std::string_view cmdline, std::string_view ns, std::string_view address, std::string_view id_prefix) {
  const auto args = arguments(cmdline);
  if (args.empty()) return false;
  const auto program = args.front().substr(args.front().rfind('/') + 1);
  return program.starts_with("containerd-shim") && value_of(args, "-namespace") == ns &&
         value_of(args, "-address") == address && value_of(args, "-id").starts_with(id_prefix);
}

int end_shims(const std::string& ns, const std::string& address, const std::string& id_prefix) {
  int ended = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    pid_t pid = 0;
    const auto* const last = name.data() + name.size();
    if (std::from_chars(name.data(), last, pid).ptr != last || pid <= 1) continue;
    // The descriptor first: what is read afterwards is of this process, or the signal goes nowhere.
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process) continue;
    const auto cmdline = read_file(it->path() / "cmdline", 64 * 1024);
    if (!cmdline || !is_shim_of(*cmdline, ns, address, id_prefix)) continue;
    if (::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0) == 0) ++ended;
  }
  return ended;
}

}  // namespace berth::runtime
