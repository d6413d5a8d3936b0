// runtime/seccomp.cpp - see seccomp.hpp.
#include "runtime/seccomp.hpp"

#include <sys/utsname.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "runtime/platform.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxProfile = 1024 * 1024;
constexpr std::size_t kKept = 8;

struct Host {
  CapabilitySet capabilities;
  std::string_view architecture;
  std::pair<int, int> kernel;
};

/// "6.1.0-18-amd64" → {6, 1}
std::pair<int, int> kernel_version(std::string_view release) {
  std::pair<int, int> version{0, 0};
  const auto* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.first);
  if (major.ptr != end && *major.ptr == '.') std::from_chars(major.ptr + 1, end, version.second);
  return version;
}

/// The native architecture and those whose system calls it also understands, as libseccomp names them.
std::string_view seccomp_architecture(std::string_view architecture) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kNames{{{"amd64", "SCMP_ARCH_X86_64"},
                                                                                 {"386", "SCMP_ARCH_X86"},
                                                                                 {"arm64", "SCMP_ARCH_AARCH64"},
                                                                                 {"arm", "SCMP_ARCH_ARM"},
                                                                                 {"ppc64le", "SCMP_ARCH_PPC64LE"},
                                                                                 {"s390x", "SCMP_ARCH_S390X"},
                                                                                 {"riscv64", "SCMP_ARCH_RISCV64"},
                                                                                 {"mips64le", "SCMP_ARCH_MIPSEL64"},
                                                                                 {"loong64", "SCMP_ARCH_LOONGARCH64"}}};
  const auto* const found =
      std::find_if(kNames.begin(), kNames.end(), [&](const auto& entry) { return entry.first == architecture; });
  return found == kNames.end() ? std::string_view() : found->second;
}

bool contains(const json::value& list, std::string_view wanted) {
  if (!list.is_array()) return false;
  const auto& items = list.get_array();
  return std::any_of(items.begin(), items.end(),
                     [&](const json::value& item) { return item.is_string() && view(item.get_string()) == wanted; });
}

bool holds(const json::value& capability, const Host& host) {
  if (!capability.is_string()) return false;
  const auto number = capability_number(view(capability.get_string()));
  return number && (host.capabilities >> *number & 1U) != 0;
}

bool kernel_at_least(const json::value& wanted, const Host& host) {
  return wanted.is_string() && host.kernel >= kernel_version(view(wanted.get_string()));
}

/// Does the rule count here? All of `includes` must hold, and nothing of `excludes`.
bool applies(const json::value& rule, const Host& host) {
  if (const auto* list = find(rule, {"includes", "arches"}); list && list->is_array() && !list->get_array().empty()) {
    if (!contains(*list, host.architecture)) return false;
  }
  if (const auto* list = find(rule, {"includes", "caps"}); list && list->is_array()) {
    for (const auto& capability : list->get_array()) {
      if (!holds(capability, host)) return false;
    }
  }
  if (const auto* kernel = find(rule, {"includes", "minKernel"}); kernel && kernel->is_string()) {
    if (!kernel_at_least(*kernel, host)) return false;
  }
  if (const auto* list = find(rule, {"excludes", "arches"}); list && contains(*list, host.architecture)) return false;
  if (const auto* list = find(rule, {"excludes", "caps"}); list && list->is_array()) {
    for (const auto& capability : list->get_array()) {
      if (holds(capability, host)) return false;
    }
  }
  if (const auto* kernel = find(rule, {"excludes", "minKernel"}); kernel && kernel_at_least(*kernel, host)) {
    return false;
  }
  return true;
}

json::object translate_rule(const json::value& rule) {
  json::object out;
  if (const auto* names = find(rule, {"names"}); names && names->is_array()) {
    out["names"] = *names;
  } else {
    out["names"] = json::array{find_string(rule, {"name"})};  // the oldest form: one name a rule
  }
  out["action"] = find_string(rule, {"action"});
  if (const auto* number = find(rule, {"errnoRet"}); number && number->is_number()) out["errnoRet"] = *number;
  if (const auto* args = find(rule, {"args"}); args && args->is_array() && !args->get_array().empty()) {
    out["args"] = *args;
  }
  return out;
}

/// But x32: libseccomp works 9 ms longer for each container's start with it, and kernels do not have it unless they are
/// told to. What is in no filter is killed, so nothing is opened by this. See docs/decisions/0007.
json::array translate_architectures(const json::value& profile, std::string_view architecture) {
  json::array out;
  const auto native = seccomp_architecture(architecture);
  if (native.empty()) return out;
  out.emplace_back(native);
  const auto* map = find(profile, {"archMap"});
  if (!map || !map->is_array()) return out;
  for (const auto& entry : map->get_array()) {
    if (find_string(entry, {"architecture"}) != native) continue;
    if (const auto* others = find(entry, {"subArchitectures"}); others && others->is_array()) {
      for (const auto& other : others->get_array()) {
        if (!other.is_string() || view(other.get_string()) != "SCMP_ARCH_X32") out.push_back(other);
      }
    }
  }
  return out;
}

}  // namespace

Result<std::string> translate_seccomp(std::string_view profile, CapabilitySet capabilities,
                                      std::string_view architecture, std::string_view kernel) {
  const auto parsed = parse_json(profile);
  if (!parsed) return parsed.error().context("read seccomp profile");
  const auto action = find_string(*parsed, {"defaultAction"});
  if (action.empty()) return Error(ErrorCode::InvalidArgument, "read seccomp profile: no defaultAction");

  json::object out;
  out["defaultAction"] = action;
  if (const auto* number = find(*parsed, {"defaultErrnoRet"}); number && number->is_number()) {
    out["defaultErrnoRet"] = *number;
  }
  const auto* own = find(*parsed, {"architectures"});
  out["architectures"] = own && own->is_array() ? own->get_array() : translate_architectures(*parsed, architecture);

  const Host host{capabilities, architecture, kernel_version(kernel)};
  json::array rules;
  if (const auto* list = find(*parsed, {"syscalls"}); list && list->is_array()) {
    for (const auto& rule : list->get_array()) {
      if (applies(rule, host)) rules.emplace_back(translate_rule(rule));
    }
  }
  out["syscalls"] = std::move(rules);
  return json::serialize(out);
}

SeccompProfiles::SeccompProfiles(std::vector<std::filesystem::path> defaults, std::filesystem::path local)
    : defaults_(std::move(defaults)), local_(std::move(local)) {}

Result<std::shared_ptr<const std::string>> SeccompProfiles::runtime_default(CapabilitySet capabilities) {
  for (const auto& path : defaults_) {
    auto loaded = load(path, capabilities);
    if (!failed_with(loaded, ErrorCode::NotFound)) return loaded;
  }
  return Error(ErrorCode::NotFound, "this host has no seccomp profile; install golang-github-containers-common");
}

Result<std::shared_ptr<const std::string>> SeccompProfiles::localhost(const std::string& name,
                                                                      CapabilitySet capabilities) {
  const std::filesystem::path relative(name);
  const bool leaves = std::any_of(relative.begin(), relative.end(), [](const auto& part) { return part == ".."; });
  if (name.empty() || relative.is_absolute() || leaves) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("seccompProfile.localhostProfile \"{}\": must be a path below {}", name, local_.string()));
  }
  auto loaded = load(local_ / relative, capabilities);
  if (loaded) return loaded;
  return Error(ErrorCode::InvalidArgument,
               fmt::format("seccompProfile.localhostProfile: {}", loaded.error().message()));
}

Result<std::shared_ptr<const std::string>> SeccompProfiles::load(const std::filesystem::path& path,
                                                                 CapabilitySet capabilities) {
  const auto key = fmt::format("{} {:x}", path.string(), capabilities);
  const std::scoped_lock lock(mutex_);
  for (const auto& [kept, text] : kept_) {
    if (kept == key) return text;
  }
  const auto profile = read_file(path, kMaxProfile);
  if (!profile) return profile.error();
  utsname host{};
  ::uname(&host);
  auto text = translate_seccomp(*profile, capabilities, host_platform().architecture, host.release);
  if (!text) return text.error().context(path.string());
  auto shared = std::make_shared<const std::string>(*std::move(text));
  kept_.emplace_back(key, shared);
  if (kept_.size() > kKept) kept_.erase(kept_.begin());
  return std::shared_ptr<const std::string>(std::move(shared));
}

}  // namespace berth::runtime
