// volumes/helper/pool_devices.cpp - see pool_devices.hpp.
#include "volumes/helper/pool_devices.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/atomic_file.hpp"
#include "base/scope_exit.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/file_system.hpp"
#include "volumes/helper/iscsi.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLook{60};

/// Paths that match, sorted; one without wildcards is in it even when there is no such file.
std::vector<std::string> expand_glob(const std::string& pattern) {
  glob_t found = {};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  } else if (pattern.find_first_of("*?[") == std::string::npos) {
    paths.push_back(pattern);
  }
  ::globfree(&found);
  return paths;
}

/// Which device, links followed; nothing when it is none.
std::optional<dev_t> number_of(const std::string& path) {
  const auto number = block_number(path);
  return number ? std::optional(*number) : std::nullopt;
}

std::string owner_of(const std::string& name, std::optional<dev_t> number, const std::vector<PoolRecord>& records) {
  for (const auto& record : records) {
    const auto same =
        record.device == name || (number && record.device.starts_with('/') && number_of(record.device) == number);
    if (same) return fmt::format("given to {}/{}", record.ns, record.claim);
  }
  return {};
}

bool is_taken(dev_t number, const std::vector<model::PersistentSource>& taken) {
  return std::any_of(taken.begin(), taken.end(), [&](const model::PersistentSource& source) {
    const auto* local = std::get_if<model::LocalSource>(&source);
    return local != nullptr && number_of(local->path) == number;
  });
}

bool is_read_only(dev_t number, const HostView& host) {
  const auto text = read_file(host.sys / "dev/block" / number_text(number) / "ro");
  return text && text->starts_with('1');
}

/// What is on it. Empty: free. A database or an encrypted disk may have no signature that anybody knows: here nobody
/// has named this very disk, so what is not zero at its ends is somebody's.
std::string content_in_the_way(const fs::path& device, bool adopt, std::string& fs_type) {
  const auto content = probe(device);
  if (!content) return fmt::format("cannot be read: {}", content.error().message());
  switch (content->kind) {
    case DeviceContent::Kind::Blank: {
      const auto zero = ends_are_zero(device);
      if (!zero) return fmt::format("cannot be read: {}", zero.error().message());
      return *zero ? "" : "holds data of no known kind (its first and last MiB must be zero)";
    }
    case DeviceContent::Kind::FileSystem:
      if (!adopt) return fmt::format("holds {}", content->type);
      fs_type = content->type;
      return {};
    case DeviceContent::Kind::UnfinishedFormat: return fmt::format("holds an unfinished {}", content->type);
    case DeviceContent::Kind::Other: return fmt::format("holds {}", content->type);
  }
  return "holds something";
}

}  // namespace

std::string lun_name(const model::IscsiSource& source) {
  const auto& portal = source.target_portal;
  const auto has_port = portal.rfind(':') != std::string::npos && portal.back() != ']';
  return fmt::format("{}{} {} lun {}", portal, has_port ? "" : ":3260", source.iqn, source.lun);
}

bool is_of_pool(const PoolParameters& parameters, const std::string& device) {
  for (const auto& pattern : parameters.match) {
    if (::fnmatch(pattern.c_str(), device.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) return true;
  }
  auto source = parameters.target;
  for (const auto lun : parameters.luns) {
    source.lun = lun;
    if (lun_name(source) == device) return true;
  }
  return false;
}

void inspect(const fs::path& device, const PoolParameters& parameters, const HostView& host, PoolDevice& into) {
  auto& refused = into.candidate.refused;
  const auto number = block_number(device);
  if (!number) {
    refused = number.error().code() == ErrorCode::NotFound ? "not here" : "not a block device";
    return;
  }
  const auto bytes = device_bytes(device);
  into.candidate.bytes = bytes ? static_cast<std::int64_t>(*bytes) : 0;
  if (const auto users = device_users(*number, host); !users.empty()) {
    refused = fmt::format("in use: {}", users.front());
    return;
  }
  if (const auto names = partitions_of(*number, host); !names.empty()) {
    refused = fmt::format("has partitions: {}", fmt::join(names, ", "));
    return;
  }
  if (is_read_only(*number, host)) {
    refused = "read-only";
    return;
  }
  const auto held = in_use(device);
  if (!held || *held) {
    refused = held ? "in use: opened exclusively, perhaps mounted in another mount namespace"
                   : fmt::format("cannot be opened: {}", held.error().message());
    return;
  }
  refused = content_in_the_way(device, parameters.adopt, into.fs_type);
}

std::vector<PoolDevice> find_disks(const PoolParameters& parameters, const ProvisionJob& job,
                                   const std::vector<PoolRecord>& records, const HostView& host) {
  std::vector<PoolDevice> devices;
  std::vector<dev_t> seen;
  for (const auto& pattern : parameters.match) {
    for (const auto& path : expand_glob(pattern)) {
      const auto number = number_of(path);
      if (number && std::find(seen.begin(), seen.end(), *number) != seen.end()) continue;
      if (number) seen.push_back(*number);
      PoolDevice device;
      device.candidate.name = path;
      device.candidate.refused = owner_of(path, number, records);
      if (device.candidate.refused.empty() && number && is_taken(*number, job.taken)) {
        device.candidate.refused = "a PersistentVolume has it";
      }
      if (device.candidate.refused.empty()) {
        say_doing(fmt::format("look at {}", path), kLook);
        inspect(path, parameters, host, device);
      }
      device.source = model::LocalSource{path, {}};
      devices.push_back(std::move(device));
    }
  }
  return devices;
}

Result<std::vector<PoolDevice>> find_luns(const PoolParameters& parameters, const ProvisionJob& job,
                                          const std::vector<PoolRecord>& records, const HostView& host) {
  std::vector<PoolDevice> devices;
  const ScopeExit log_out([&] { static_cast<void>(detach_iscsi(parameters.target, job.run_dir, {})); });
  for (const auto lun : parameters.luns) {
    auto source = parameters.target;
    source.lun = lun;
    PoolDevice device;
    device.candidate.name = lun_name(source);
    device.candidate.refused = owner_of(device.candidate.name, std::nullopt, records);
    for (const auto& other : job.taken) {
      const auto* iscsi = std::get_if<model::IscsiSource>(&other);
      const auto same = device.candidate.refused.empty() && iscsi != nullptr && same_lun(*iscsi, source);
      if (same) device.candidate.refused = "a PersistentVolume has it";
    }
    if (device.candidate.refused.empty()) {
      const auto node = attach_iscsi(source, job.secret, job.run_dir);
      if (!node && node.error().code() != ErrorCode::NotFound) return node.error();
      if (node) {
        inspect(*node, parameters, host, device);
      } else {
        device.candidate.refused = node.error().message();
      }
    }
    device.source = std::move(source);
    devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace berth::volumes::helper
