// runtime/shim_reaper.cpp - see shim_reaper.hpp.
#include "runtime/shim_reaper.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxCommandLine = 64 * 1024;

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

/// Waits until every one of them has ended.
bool all_end(const std::vector<Shim>& shims, std::chrono::milliseconds patience) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  return std::all_of(shims.begin(), shims.end(), [&](const Shim& shim) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - std::chrono::steady_clock::now()).count();
    pollfd ended{shim.process.get(), POLLIN, 0};  // pidfd_open(2): readable when the process has ended
    return ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) == 1;
  });
}

}  // namespace

std::optional<ShimName> parse_shim(std::string_view cmdline, std::string_view ns) {
  const auto args = arguments(cmdline);
  if (args.empty()) return std::nullopt;
  const auto program = args.front().substr(args.front().rfind('/') + 1);
  if (!program.starts_with("containerd-shim") || value_of(args, "-namespace") != ns) return std::nullopt;
  return ShimName{std::string(value_of(args, "-id")), std::string(value_of(args, "-address"))};
}

std::vector<Shim> find_shims(const std::string& ns) {
  std::vector<Shim> found;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    pid_t pid = 0;
    const auto* const last = name.data() + name.size();
    if (std::from_chars(name.data(), last, pid).ptr != last || pid <= 1) continue;
    const auto seen = read_file(it->path() / "cmdline", kMaxCommandLine);
    if (!seen || !parse_shim(*seen, ns)) continue;
    // Once more behind the descriptor: what is read now is of the process that it names.
    UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process) continue;
    const auto cmdline = read_file(it->path() / "cmdline", kMaxCommandLine);
    if (auto parsed = cmdline ? parse_shim(*cmdline, ns) : std::nullopt) {
      found.push_back({*std::move(parsed), std::move(process)});
    }
  }
  return found;
}

bool end_shims(const std::vector<Shim>& shims, std::chrono::milliseconds patience) {
  if (all_end(shims, patience)) return true;
  for (const int signal : {SIGTERM, SIGKILL}) {
    for (const auto& shim : shims) (void)::syscall(SYS_pidfd_send_signal, shim.process.get(), signal, nullptr, 0);
    if (all_end(shims, patience)) return true;
  }
  return false;
}

}  // namespace berth::runtime
