// runtime/capabilities.cpp - see capabilities.hpp.
#include "runtime/capabilities.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace berth::runtime {
namespace {

// The index is the number in linux/capability.h.
constexpr std::array<std::string_view, 41> kNames{"CHOWN",
                                                  "DAC_OVERRIDE",
                                                  "DAC_READ_SEARCH",
                                                  "FOWNER",
                                                  "FSETID",
                                                  "KILL",
                                                  "SETGID",
                                                  "SETUID",
                                                  "SETPCAP",
                                                  "LINUX_IMMUTABLE",
                                                  "NET_BIND_SERVICE",
                                                  "NET_BROADCAST",
                                                  "NET_ADMIN",
                                                  "NET_RAW",
                                                  "IPC_LOCK",
                                                  "IPC_OWNER",
                                                  "SYS_MODULE",
                                                  "SYS_RAWIO",
                                                  "SYS_CHROOT",
                                                  "SYS_PTRACE",
                                                  "SYS_PACCT",
                                                  "SYS_ADMIN",
                                                  "SYS_BOOT",
                                                  "SYS_NICE",
                                                  "SYS_RESOURCE",
                                                  "SYS_TIME",
                                                  "SYS_TTY_CONFIG",
                                                  "MKNOD",
                                                  "LEASE",
                                                  "AUDIT_WRITE",
                                                  "AUDIT_CONTROL",
                                                  "SETFCAP",
                                                  "MAC_OVERRIDE",
                                                  "MAC_ADMIN",
                                                  "SYSLOG",
                                                  "WAKE_ALARM",
                                                  "BLOCK_SUSPEND",
                                                  "AUDIT_READ",
                                                  "PERFMON",
                                                  "BPF",
                                                  "CHECKPOINT_RESTORE"};
constexpr CapabilitySet kAll = (CapabilitySet{1} << kNames.size()) - 1;

constexpr std::array<std::string_view, 14> kUsual{
    "CHOWN",  "DAC_OVERRIDE", "FSETID",  "FOWNER",           "MKNOD",      "NET_RAW", "SETGID",
    "SETUID", "SETFCAP",      "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",    "AUDIT_WRITE"};

std::string upper(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return result;
}

/// The set that a list of names stands for.
Result<CapabilitySet> set_of(const std::vector<std::string>& names, std::string_view field) {
  CapabilitySet set = 0;
  for (const auto& name : names) {
    if (upper(name) == "ALL") {
      set |= kAll;
      continue;
    }
    const auto number = capability_number(name);
    if (!number) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("securityContext.capabilities.{}: \"{}\" is not a Linux capability", field, name));
    }
    set |= CapabilitySet{1} << *number;
  }
  return set;
}

bool names_all(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](const auto& name) { return upper(name) == "ALL"; });
}

}  // namespace

std::optional<unsigned> capability_number(std::string_view name) {
  const auto wanted = upper(name);
  std::string_view bare = wanted;
  if (bare.starts_with("CAP_")) bare.remove_prefix(4);
  const auto* const found = std::find(kNames.begin(), kNames.end(), bare);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<unsigned>(found - kNames.begin());
}

std::vector<std::string> capability_names(CapabilitySet set) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if ((set >> i & 1U) != 0) names.push_back("CAP_" + std::string(kNames[i]));
  }
  return names;
}

Result<CapabilitySet> container_capabilities(const model::ContainerSecurity& security, CapabilitySet available) {
  if (security.privileged.value_or(false)) return kAll & available;
  const auto added = set_of(security.capabilities_add, "add");
  if (!added) return added.error();
  const auto dropped = set_of(security.capabilities_drop, "drop");
  if (!dropped) return dropped.error();

  CapabilitySet set = 0;
  for (const auto name : kUsual) set |= CapabilitySet{1} << capability_number(name).value_or(0);
  // "drop: [ALL], add: [X]" means X only: ALL is dropped before anything is added, single names after.
  if (names_all(security.capabilities_drop)) {
    if (names_all(security.capabilities_add)) return CapabilitySet{0};
    return *added & available;
  }
  return (set | *added) & ~*dropped & available;
}

}  // namespace berth::runtime
