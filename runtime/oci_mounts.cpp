// runtime/oci_mounts.cpp - see oci_mounts.hpp.
#include "runtime/oci_mounts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace berth::runtime {
namespace {

struct SystemMount {
  std::string_view target;
  std::string_view type;
  std::string_view source;
  std::vector<std::string_view> options;
};

std::vector<SystemMount> system_mounts(const ContainerSpec& container, std::string_view shm) {
  const bool privileged = container.security.privileged.value_or(false);
  const std::string_view access = privileged ? "rw" : "ro";
  std::vector<SystemMount> mounts{
      {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
  };
  if (container.host_ipc) {
    mounts.push_back({"/dev/shm", "bind", "/dev/shm", {"rbind", "rprivate"}});
  } else if (shm.empty()) {
    mounts.push_back({"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}});
  } else {
    mounts.push_back({"/dev/shm", "bind", shm, {"bind", "rprivate", "nosuid", "noexec", "nodev"}});
  }
  // That of its namespace, the host's, too: a host need not have it mounted. See mq_overview(7).
  mounts.push_back({"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}});
  mounts.push_back({"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access}});
  mounts.push_back({"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", access}});
  return mounts;
}

/// "rro" is runc's since 1.1: see mount_setattr(2) with AT_RECURSIVE.
Result<std::string_view> access_of(const Mount& mount, const HostFacts& host) {
  if (!mount.read_only) return std::string_view("rw");
  if (mount.recursive == Recursive::No) return std::string_view("ro");
  if (host.recursive_read_only) return std::string_view("rro");
  if (mount.recursive == Recursive::IfPossible) return std::string_view("ro");
  return Error(ErrorCode::InvalidArgument,
               fmt::format("recursiveReadOnly of the mount at {}: this kernel has none, which needs Linux 5.12; "
                           "IfPossible would do without",
                           mount.target));
}

std::string normal(std::string_view target) {
  auto path = std::filesystem::path(target).lexically_normal().string();
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

auto depth(const std::string& path) { return std::count(path.begin(), path.end(), '/'); }

}  // namespace

Result<json::array> oci_mounts(const ContainerSpec& container, const HostFacts& host, std::string_view shm) {
  std::vector<std::pair<std::string, const Mount*>> own;
  for (const auto& mount : container.mounts) {
    if (mount.target.empty() || mount.target.front() != '/') {
      return Error(ErrorCode::InvalidArgument, fmt::format("mountPath \"{}\": must be absolute", mount.target));
    }
    own.emplace_back(normal(mount.target), &mount);
  }
  // An outer mount must not cover an inner one.
  std::stable_sort(own.begin(), own.end(),
                   [](const auto& a, const auto& b) { return depth(a.first) < depth(b.first); });

  json::array out;
  for (const auto& mount : system_mounts(container, shm)) {
    const bool replaced =
        std::any_of(own.begin(), own.end(), [&](const auto& entry) { return entry.first == mount.target; });
    if (replaced) continue;
    json::array options(mount.options.begin(), mount.options.end());
    out.emplace_back(json::object{{"destination", mount.target},
                                  {"type", host.cgroup_v2 && mount.type == "cgroup" ? "cgroup2" : mount.type},
                                  {"source", mount.source},
                                  {"options", std::move(options)}});
  }
  for (const auto& [target, mount] : own) {
    const auto access = access_of(*mount, host);
    if (!access) return access.error();
    const std::string_view propagation = mount->propagation.empty() ? "rprivate" : std::string_view(mount->propagation);
    out.emplace_back(json::object{{"destination", target},
                                  {"type", "bind"},
                                  {"source", mount->source},
                                  {"options", {"rbind", propagation, *access}}});
  }
  return out;
}

std::string_view root_propagation(const std::vector<Mount>& mounts) {
  std::string_view wanted;
  for (const auto& mount : mounts) {
    if (mount.propagation == "rshared") return "rshared";
    if (mount.propagation == "rslave") wanted = "rslave";
  }
  return wanted;
}

}  // namespace berth::runtime
