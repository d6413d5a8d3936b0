// runtime/usage.cpp - see usage.hpp.
#include "runtime/usage.hpp"

#include <charconv>
#include <optional>
#include <string_view>

#include "base/atomic_file.hpp"
#include "runtime/pod_cgroups.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxFile = std::size_t{64} * 1024;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end != text.data() ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> number_in(const fs::path& file) {
  const auto text = read_file(file, kMaxFile);
  return text ? number(*text) : std::nullopt;
}

/// The number in the line "key number" of a flat keyed file.
std::optional<std::uint64_t> keyed(const fs::path& file, std::string_view key) {
  const auto text = read_file(file, kMaxFile);
  if (!text) return std::nullopt;
  for (std::string_view rest = *text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      return number(line.substr(key.size() + 1));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

/// What is in use without what the kernel would give up first: Kubernetes' "working set".
std::uint64_t working_set(std::uint64_t used, std::uint64_t inactive) { return used > inactive ? used - inactive : 0; }

bool read_version_2(const fs::path& group, ContainerUsage& usage) {
  constexpr std::uint64_t kNanosPerMicro = 1000;
  const auto cpu = keyed(group / "cpu.stat", "usage_usec");
  const auto memory = number_in(group / "memory.current");
  if (!cpu || !memory) return false;
  usage.cpu_nanoseconds = *cpu * kNanosPerMicro;
  usage.memory_bytes = working_set(*memory, keyed(group / "memory.stat", "inactive_file").value_or(0));
  return true;
}

bool read_version_1(const fs::path& cpu_group, const fs::path& memory_group, ContainerUsage& usage) {
  const auto cpu = number_in(cpu_group / "cpuacct.usage");
  const auto memory = number_in(memory_group / "memory.usage_in_bytes");
  if (!cpu || !memory) return false;
  usage.cpu_nanoseconds = *cpu;
  usage.memory_bytes = working_set(*memory, keyed(memory_group / "memory.stat", "total_inactive_file").value_or(0));
  return true;
}

}  // namespace

std::vector<ContainerUsage> read_usage(const fs::path& root, const std::string& parent) {
  std::error_code error;
  const bool version_2 = fs::exists(root / "cgroup.controllers", error);
  const auto top = version_2 ? root : root / "cpuacct";
  std::vector<ContainerUsage> found;
  for (const auto& [uid, pod] : pod_cgroups_in(top, parent)) {
    std::error_code gone;
    for (fs::directory_iterator group(pod, gone), last; !gone && group != last; group.increment(gone)) {
      std::error_code unknown;
      if (!group->is_directory(unknown)) continue;
      ContainerUsage usage;
      usage.pod_uid = uid;
      usage.id = group->path().filename().string();
      usage.at = std::chrono::system_clock::now();
      usage.measured_at = std::chrono::steady_clock::now();
      const bool read =
          version_2 ? read_version_2(group->path(), usage)
                    : read_version_1(group->path(), root / "memory" / pod.lexically_relative(top) / usage.id, usage);
      if (read) found.push_back(std::move(usage));
    }
  }
  return found;
}

}  // namespace berth::runtime
