// runtime/stale_bundle.cpp - see stale_bundle.hpp.
#include "runtime/stale_bundle.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;

// containerd gives a shim's clean-up 5 s, and its end as much again.
constexpr std::chrono::seconds kForgotten{20};
constexpr int kMostMounts = 8;

std::chrono::seconds untouched_for(const struct stat& directory) {
  const auto changed = std::chrono::system_clock::from_time_t(directory.st_mtime);
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - changed);
}

/// Ends the container's first process, if that is the one whose number runc left there: its cgroup has the container's
/// id as its name. False: there is none.
bool kill_process_of(const fs::path& bundle) {
  const auto text = read_file(bundle / "init.pid", 32).value_or("");
  pid_t pid = 0;
  const auto* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, pid).ec != std::errc{} || pid <= 1) return false;
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto cgroups = read_file("/proc/" + std::to_string(pid) + "/cgroup").value_or("");
  if (!process || cgroups.find("/" + bundle.filename().native() + "\n") == std::string::npos) return false;
  return ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0;
}

/// Nothing is mounted there any more.
Status unmount_all(const fs::path& at) {
  for (int mounts = 0; mounts < kMostMounts; ++mounts) {
    if (::umount2(at.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
    if (errno == EINVAL || errno == ENOENT) return Ok{};  // umount(2): no mount point; not there
    return Error::from_errno(errno, "unmount " + at.string());
  }
  return Error(ErrorCode::Internal, "unmount " + at.string() + ": too many mounts");
}

}  // namespace

std::optional<fs::path> stale_bundle_in(std::string_view message, std::string_view ns, std::string_view id) {
  constexpr std::string_view kMake = "mkdir ";
  constexpr std::string_view kExists = ": file exists";
  const auto end = message.rfind(kExists);
  if (end == std::string_view::npos) return std::nullopt;
  const auto begin = message.rfind(kMake, end);
  if (begin == std::string_view::npos) return std::nullopt;
  const auto from = begin + kMake.size();
  if (from > end) return std::nullopt;
  const fs::path bundle(message.substr(from, end - from));
  const bool ours = bundle.is_absolute() && bundle == bundle.lexically_normal() && bundle.filename() == fs::path(id) &&
                    bundle.parent_path().filename() == fs::path(ns) &&
                    bundle.parent_path().parent_path().filename() == "io.containerd.runtime.v2.task";
  return ours ? std::optional(bundle) : std::nullopt;
}

Status remove_bundle(const fs::path& bundle) {
  const auto doing = "remove " + bundle.string();
  struct stat state {};
  if (::lstat(bundle.c_str(), &state) != 0) {
    return errno == ENOENT ? Status(Ok{}) : Error::from_errno(errno, doing);
  }
  if (!S_ISDIR(state.st_mode)) return Error(ErrorCode::FailedPrecondition, doing + ": it is no directory");
  if (untouched_for(state) < kForgotten) return Error(ErrorCode::Unavailable, doing + ": it may still be in use");
  if (kill_process_of(bundle)) return Error(ErrorCode::Unavailable, doing + ": its process ran, and was killed");
  if (auto unmounted = unmount_all(bundle / "rootfs"); !unmounted) return unmounted;
  std::error_code failure;
  for (fs::directory_iterator entry(bundle, failure), none; !failure && entry != none; entry.increment(failure)) {
    // A directory has to be empty: what is below another one is not containerd's.
    if (::unlink(entry->path().c_str()) != 0 && ::rmdir(entry->path().c_str()) != 0) {
      return Error::from_errno(errno, "remove " + entry->path().string());
    }
  }
  if (failure) return Error::from_errno(failure.value(), doing);
  return ::rmdir(bundle.c_str()) == 0 || errno == ENOENT ? Status(Ok{}) : Error::from_errno(errno, doing);
}

}  // namespace berth::runtime
