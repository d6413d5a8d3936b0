// volumes/helper/nfs.cpp - see nfs.hpp.
#include "volumes/helper/nfs.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "volumes/helper/file_lock.hpp"
#include "volumes/helper/tool.hpp"
#include "volumes/helper/verbs.hpp"
#include "volumes/mounts.hpp"
#include "volumes/pod_dirs.hpp"

namespace berth::volumes::helper {
namespace {

/// Long enough for a server that is just starting. Short enough to find one that has come back: a connection that was
/// begun while it was away is tried again ever more rarely, a new mount at once.
constexpr std::chrono::seconds kMount{45};
constexpr std::chrono::seconds kLock{10};

bool is_for_mount_only(std::string_view option) {
  static constexpr std::array<std::string_view, 12> kNames{
      "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "defaults", "nofail", "nodevice", "bg"};
  return option.empty() || option.starts_with("x-") || option.starts_with("comment=") ||
         std::find(kNames.begin(), kNames.end(), option) != kNames.end();
}

struct Words {
  std::string_view part;
  ErrorCode code;
  std::string_view advice;
};

/// What mount.nfs prints (nfs-utils, utils/mount/error.c and stropts.c); the first that is found counts.
constexpr std::array<Words, 17> kWords{{
    {"rpc.statd is not running", ErrorCode::FailedPrecondition,
     "NFS v3 locks need rpc.statd: add mountOptions [nolock], or start rpc-statd, or use nfsvers=4"},
    {"access denied", ErrorCode::PermissionDenied, "the server does not export it to this host"},
    {"Permission denied", ErrorCode::PermissionDenied, "the server does not export it to this host"},
    {"Operation not permitted", ErrorCode::PermissionDenied, "the server does not export it to this host"},
    {"No such file or directory", ErrorCode::NotFound, "the server has no such path"},
    {"Failed to resolve", ErrorCode::Unavailable, "its name is not known"},
    {"Resource temporarily unavailable", ErrorCode::Unavailable, "its name cannot be resolved now"},
    {"No route to host", ErrorCode::Unavailable, ""},
    {"Network is unreachable", ErrorCode::Unavailable, ""},
    {"Connection refused", ErrorCode::Unavailable, "no NFS server listens there"},
    {"timed out", ErrorCode::Unavailable, ""},
    {"Stale file handle", ErrorCode::Unavailable, "the server exported it anew meanwhile"},
    {"incorrect mount option", ErrorCode::InvalidArgument, "see mountOptions, and nfs(5)"},
    {"Invalid argument", ErrorCode::InvalidArgument, "see mountOptions, and nfs(5)"},
    {"is not supported", ErrorCode::FailedPrecondition, "the server speaks another version: see nfsvers in nfs(5)"},
    {"Protocol not supported", ErrorCode::FailedPrecondition,
     "the server speaks another version: see nfsvers in nfs(5)"},
    {"No such device", ErrorCode::FailedPrecondition, "this host's kernel has no NFS client"},
}};

}  // namespace

std::string nfs_device(const model::NfsSource& source) {
  const auto bare = source.server.find(':') != std::string::npos && source.server.front() != '[';
  return bare ? fmt::format("[{}]:{}", source.server, source.path) : fmt::format("{}:{}", source.server, source.path);
}

std::string nfs_options(const std::vector<std::string>& options, bool read_only) {
  std::vector<std::string_view> wanted;
  for (std::string_view each : options) {
    while (!each.empty()) {  // one entry may hold several
      const auto end = each.find(',');
      if (!is_for_mount_only(each.substr(0, end))) wanted.push_back(each.substr(0, end));
      each.remove_prefix(end == std::string_view::npos ? each.size() : end + 1);
    }
  }
  if (read_only && std::find(wanted.begin(), wanted.end(), "ro") == wanted.end()) wanted.emplace_back("ro");
  const auto says_retry = [](std::string_view option) { return option.starts_with("retry="); };
  if (std::none_of(wanted.begin(), wanted.end(), says_retry)) wanted.emplace_back("retry=0");
  return fmt::format("{}", fmt::join(wanted, ","));
}

Error nfs_error(const std::string& device, std::string_view output) {
  const auto doing = fmt::format("mount {}: {}", device, one_line(output));
  for (const auto& words : kWords) {
    if (output.find(words.part) == std::string_view::npos) continue;
    return {words.code, words.advice.empty() ? doing : fmt::format("{} ({})", doing, words.advice)};
  }
  return {ErrorCode::Unavailable, doing};
}

Status publish_nfs(const PublishJob& job) {
  const auto& source = std::get<model::NfsSource>(job.volume.source);
  const auto device = nfs_device(source);
  if (const auto mounted = is_mounted(job.target); !mounted || *mounted) {
    return mounted ? Status(Ok{}) : Status(mounted.error());
  }
  if (auto made = make_private(job.target.parent_path()); !made) return made;
  if (::mkdir(job.target.c_str(), 0755) != 0 && errno != EEXIST) {
    return Error::from_errno(errno, "make directory " + job.target.string());
  }
  // The lock is on the directory below the mount: nothing to clean up.
  say_doing(fmt::format("mount {}", device), kMount);
  const auto lock = FileLock::wait_directory(job.target, job.volume.name, kLock);
  if (!lock) return lock.error();
  if (const auto mounted = is_mounted(job.target); !mounted || *mounted) {
    return mounted ? Status(Ok{}) : Status(mounted.error());
  }
  if (auto held = surely_held(job.volume, boot_time()); !held) return held;
  // Not mount(8): it would run this as a child, which would not end with us and might mount when nobody wants it any
  // more.
  const auto ran = run_tool({"mount.nfs", device, job.target.string(), "-o",
                             nfs_options(job.volume.mount_options, job.volume.read_only || source.read_only)},
                            kMount);
  if (!ran) return ran.error();
  const auto mounted = is_mounted(job.target);
  if (!mounted) return mounted.error();
  return *mounted ? Status(Ok{}) : Status(nfs_error(device, ran->output));
}

}  // namespace berth::volumes::helper
