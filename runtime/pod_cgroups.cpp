// runtime/pod_cgroups.cpp - see pod_cgroups.hpp. cgroups(7), https://docs.kernel.org/admin-guide/cgroup-v2.html.
#include "runtime/pod_cgroups.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/unique_fd.hpp"
#include "runtime/oci_resources.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPodPrefix = "pod";
constexpr auto kBurstable = "burstable";
constexpr auto kBestEffort = "besteffort";
constexpr std::array<const char*, 3> kLevels{"", kBurstable, kBestEffort};
constexpr std::int64_t kLeastShares = 2;
constexpr std::int64_t kSharesRange = 262'142;                   // 2 to 262144
constexpr std::int64_t kWeightRange = 9'999;                     // 1 to 10000
constexpr std::size_t kMaxProcesses = std::size_t{1024} * 1024;  // bytes of a list of numbers
constexpr auto kKilledEnds = std::chrono::seconds(2);
constexpr auto kLookAgain = std::chrono::milliseconds(10);
constexpr auto kEventAtLatest = std::chrono::milliseconds(200);

std::string name_of(const std::string& uid) { return std::string(kPodPrefix) + uid; }

const char* level_of(std::string_view qos_class) {
  if (qos_class == "Burstable") return kBurstable;
  return qos_class == "BestEffort" ? kBestEffort : "";
}

/// One value into one of the kernel's files, which takes it in one write(2).
Status put(const fs::path& file, const std::string& value) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size())) return Ok{};
  return Error::from_errno(errno, "write " + value + " to " + file.string());
}

std::int64_t number_in(const fs::path& file) {
  std::int64_t number = 0;
  if (const auto text = read_file(file, 64)) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

/// Makes `below` step by step; with version 2 a cgroup has only the controllers that the one above it hands on.
Status make_below(const fs::path& hierarchy, const fs::path& below, bool version_2) {
  auto at = hierarchy;
  for (const auto& step : below) {
    if (step.empty()) continue;
    if (version_2) {
      for (const auto* controller : {"+cpu", "+memory"}) {
        if (auto handed = put(at / "cgroup.subtree_control", controller); !handed) return handed;
      }
    }
    at /= step;
    if (::mkdir(at.c_str(), 0755) != 0 && errno != EEXIST)
      return Error::from_errno(errno, "make cgroup " + at.string());
  }
  return Ok{};
}

/// The directories below `top`, deepest first, and `top` itself at the end.
std::vector<fs::path> deepest_first(const fs::path& top) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(top, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (it->is_directory(gone)) found.push_back(it->path());
  }
  std::reverse(found.begin(), found.end());
  found.push_back(top);
  return found;
}

std::vector<pid_t> processes_in(const fs::path& cgroup) {
  std::vector<pid_t> found;
  const auto text = read_file(cgroup / "cgroup.procs", kMaxProcesses);
  if (!text) return found;
  const auto* at = text->data();
  const auto* const last = at + text->size();
  while (at < last) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(at, last, pid);
    if (error != std::errc()) break;
    if (pid > 1) found.push_back(pid);  // 0 is of another pid namespace
    at = end + 1;
  }
  return found;
}

void kill_all_in(const fs::path& cgroup) {
  for (const auto pid : processes_in(cgroup)) ::kill(pid, SIGKILL);
}

/// Until nothing runs in it and below, or for a moment. Version 2 tells (cgroup.events); version 1 has no such event
/// but a program that it calls, once for the whole host (release_agent): there it is a look now and then.
void wait_for_end(const fs::path& cgroup) {
  const UniqueFd events(::open((cgroup / "cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> text;
  const auto got = events ? ::read(events.get(), text.data(), text.size()) : -1;
  const std::string_view said(text.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (said.find("populated 1") == std::string_view::npos) {
    std::this_thread::sleep_for(kLookAgain);
    return;
  }
  pollfd change = {events.get(), POLLPRI, 0};  // since it was read
  ::poll(&change, 1, static_cast<int>(kEventAtLatest.count()));
}

Status remove_tree(const fs::path& top) {
  const auto limit = std::chrono::steady_clock::now() + kKilledEnds;
  for (;;) {
    const auto cgroups = deepest_first(top);
    int failure = 0;
    for (const auto& cgroup : cgroups) {
      if (::rmdir(cgroup.c_str()) == 0 || errno == ENOENT) continue;
      failure = errno;
      if (failure == EBUSY) kill_all_in(cgroup);
    }
    if (failure == 0) return Ok{};
    if (std::chrono::steady_clock::now() > limit) {
      const auto error = Error::from_errno(failure, "remove cgroup " + top.string());
      return failure == EBUSY ? Error(ErrorCode::Unavailable, error.message()) : error;
    }
    wait_for_end(top);
  }
}

}  // namespace

std::multimap<std::string, fs::path> pod_cgroups_in(const fs::path& hierarchy, const std::string& parent) {
  std::multimap<std::string, fs::path> found;
  for (const auto* level : kLevels) {
    std::error_code error;
    const auto above = (hierarchy / fs::path(parent).relative_path()) / level;
    for (fs::directory_iterator it(above, error), end; !error && it != end; it.increment(error)) {
      const auto name = it->path().filename().string();
      std::error_code gone;
      if (name.starts_with(kPodPrefix) && it->is_directory(gone)) {
        found.emplace(name.substr(kPodPrefix.size()), it->path());
      }
    }
  }
  return found;
}

// kubernetes/pkg/kubelet/cm/cgroup_manager_linux.go (cpuSharesToCPUWeight).
std::int64_t weight_of_shares(std::int64_t shares) { return 1 + (shares - kLeastShares) * kWeightRange / kSharesRange; }

std::int64_t shares_of_weight(std::int64_t weight) { return kLeastShares + (weight - 1) * kSharesRange / kWeightRange; }

bool PodCgroups::version_2() const {
  std::error_code error;
  return fs::exists(root_ / "cgroup.controllers", error);
}

fs::path PodCgroups::hierarchy_of(const char* controller) const { return version_2() ? root_ : root_ / controller; }

bool PodCgroups::counts_swap() const {
  std::error_code error;
  // The root of version 2 has no limits: one below it tells.
  return fs::exists(root_ / "memory/memory.memsw.limit_in_bytes", error) ||
         fs::exists(root_ / fs::path(parent_).relative_path() / "memory.swap.max", error);
}

std::string PodCgroups::path(const std::string& uid, std::string_view qos_class) const {
  const auto there = pod_cgroups_in(hierarchy_of("memory"), parent_);
  const auto found = there.find(uid);
  if (found != there.end()) return "/" + found->second.lexically_relative(hierarchy_of("memory")).string();
  return (fs::path(parent_) / level_of(qos_class) / name_of(uid)).string();
}

Status PodCgroups::prepare(const std::string& uid, std::string_view qos_class, const PodLimits& limits) const {
  const auto below = fs::path(path(uid, qos_class)).relative_path();
  Status first = Ok{};
  const auto keep = [&](Status status) {
    if (!status && first) first = std::move(status);
  };
  const std::vector<fs::path> tops = version_2() ? std::vector{root_} : std::vector{root_ / "cpu", root_ / "memory"};
  for (const auto& top : tops) {
    if (auto made = make_below(top, below, version_2()); !made) {
      keep(std::move(made));
      continue;
    }
    keep(write_limits(top / below, limits));
  }
  sum_up();
  return first;
}

Status PodCgroups::write_limits(const fs::path& pod, const PodLimits& limits) const {
  Status first = Ok{};
  // A controller's files are where the controller is.
  const auto write = [&](const char* file, const std::string& value) {
    std::error_code error;
    if (!fs::exists(pod / file, error)) return;
    if (auto put_in = put(pod / file, value); !put_in && first) first = std::move(put_in);
  };
  const auto period = std::to_string(kCpuPeriod);
  if (version_2()) {
    write("cpu.weight", std::to_string(weight_of_shares(limits.cpu_shares)));
    write("cpu.max", (limits.cpu_quota > 0 ? std::to_string(limits.cpu_quota) : "max") + " " + period);
    write("memory.max", limits.memory_bytes > 0 ? std::to_string(limits.memory_bytes) : "max");
  } else {
    write("cpu.shares", std::to_string(limits.cpu_shares));
    write("cpu.cfs_period_us", period);
    write("cpu.cfs_quota_us", std::to_string(limits.cpu_quota > 0 ? limits.cpu_quota : -1));
    write("memory.limit_in_bytes", std::to_string(limits.memory_bytes > 0 ? limits.memory_bytes : -1));
  }
  return first;
}

void PodCgroups::sum_up() const {
  const auto top = hierarchy_of("cpu") / fs::path(parent_).relative_path();
  const auto* const file = version_2() ? "cpu.weight" : "cpu.shares";
  std::int64_t sum = 0;
  std::error_code error;
  for (fs::directory_iterator it(top / kBurstable, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().native().starts_with(kPodPrefix)) continue;
    const auto has = number_in(it->path() / file);
    sum += version_2() ? shares_of_weight(has) : has;
  }
  const auto set = [&](const char* level, std::int64_t shares) {
    const auto value = version_2() ? weight_of_shares(shares) : shares;
    if (number_in(top / level / file) != value)
      (void)put(top / level / file, std::to_string(value));  // or no such level
  };
  set(kBurstable, std::clamp(sum, kLeastShares, kLeastShares + kSharesRange));
  set(kBestEffort, kLeastShares);
}

std::vector<fs::path> PodCgroups::hierarchies() const {
  if (version_2()) return {root_};
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator it(root_, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    // cpu and cpuacct are often links to one hierarchy.
    if (it->is_directory(gone) && !it->is_symlink(gone)) found.push_back(it->path());
  }
  return found;
}

std::vector<fs::path> PodCgroups::directories_of(const std::string& uid) const {
  std::vector<fs::path> found;
  for (const auto& hierarchy : hierarchies()) {
    for (const auto* level : kLevels) {
      auto path = hierarchy / fs::path(parent_).relative_path() / level / name_of(uid);
      std::error_code error;
      if (fs::is_directory(path, error)) found.push_back(std::move(path));
    }
  }
  return found;
}

std::set<std::string> PodCgroups::pods() const {
  std::set<std::string> found;
  for (const auto& hierarchy : hierarchies()) {
    for (const auto& [uid, path] : pod_cgroups_in(hierarchy, parent_)) found.insert(uid);
  }
  return found;
}

std::vector<pid_t> PodCgroups::processes(const std::string& uid, const std::string& container) const {
  std::vector<pid_t> found;
  const auto top = hierarchy_of("memory") / fs::path(path(uid, {})).relative_path() / container;
  for (const auto& cgroup : deepest_first(top)) {
    const auto here = processes_in(cgroup);
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

void PodCgroups::remove_empty(const std::string& uid) const {
  bool removed = false;
  // Refused while anything is in it.
  for (const auto& directory : directories_of(uid)) removed = ::rmdir(directory.c_str()) == 0 || removed;
  if (removed) sum_up();
}

Status PodCgroups::remove(const std::string& uid) const {
  Status first = Ok{};
  const auto directories = directories_of(uid);
  for (const auto& directory : directories) {
    if (auto removed = remove_tree(directory); !removed && first) first = std::move(removed);
  }
  if (!directories.empty()) sum_up();
  return first;
}

}  // namespace berth::runtime
