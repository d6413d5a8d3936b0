// fence/cgroup_stop.cpp - see cgroup_stop.hpp. https://docs.kernel.org/admin-guide/cgroup-v2.html (cgroup.kill,
// cgroup.freeze), https://docs.kernel.org/admin-guide/cgroup-v1/freezer-subsystem.html.
#include "fence/cgroup_stop.hpp"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>
#include <system_error>

#include "base/unique_fd.hpp"
#include "fence/kernel_file.hpp"

namespace berth::fence {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::string out;
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return out;
  std::array<char, 4096> part;
  for (ssize_t got = 0; (got = ::read(fd.get(), part.data(), part.size())) > 0;) {
    out.append(part.data(), static_cast<std::size_t>(got));
  }
  return out;
}

std::vector<pid_t> processes_of(const fs::path& cgroup) {
  const auto text = text_of(cgroup / "cgroup.procs");
  std::vector<pid_t> out;
  const auto* at = text.data();
  const auto* const last = at + text.size();
  while (at < last) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(at, last, pid);
    if (error != std::errc()) break;
    out.push_back(pid);  // 0: of another pid namespace
    at = end + 1;
  }
  return out;
}

/// `top` and all below it.
std::vector<fs::path> tree_of(const fs::path& top) {
  std::vector<fs::path> out{top};
  std::error_code error;
  for (fs::recursive_directory_iterator it(top, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (it->is_directory(gone)) out.push_back(it->path());
  }
  return out;
}

void rest() {
  constexpr long kMillisecond = 1'000'000;
  const timespec time{.tv_sec = 0, .tv_nsec = kMillisecond};
  ::nanosleep(&time, nullptr);
}

}  // namespace

bool CgroupStop::version_2() const {
  std::error_code error;
  return fs::exists(root_ / "cgroup.controllers", error);
}

fs::path CgroupStop::freezer_of(const std::string& cgroup) const {
  const auto below = fs::path(cgroup).relative_path();
  return version_2() ? root_ / below : root_ / "freezer" / below;
}

/// Where the cgroup is: usually one directory a hierarchy.
std::vector<fs::path> CgroupStop::directories_of(const std::string& cgroup) const {
  const auto below = fs::path(cgroup).relative_path();
  std::error_code error;
  if (version_2()) return {root_ / below};
  std::vector<fs::path> out;
  for (fs::directory_iterator it(root_, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (!it->is_symlink(gone) && fs::is_directory(it->path() / below, gone)) out.push_back(it->path() / below);
  }
  return out;
}

void CgroupStop::freeze(const std::string& cgroup, bool on) const {
  const auto top = freezer_of(cgroup);
  std::error_code error;
  if (!version_2() && !fs::exists(root_ / "freezer", error)) return;
  if (on) fs::create_directories(top, error);  // Before the first container, too.
  if (version_2()) {
    put(top / "cgroup.freeze", on ? "1" : "0");
    return;
  }
  if (on) {
    put(top / "freezer.state", "FROZEN");
    return;
  }
  // One that was paused by itself would not take its signal.
  for (const auto& each : tree_of(top)) put(each / "freezer.state", "THAWED");
}

/// False: there was nothing.
bool CgroupStop::kill_all(const std::string& cgroup) const {
  bool any = false;
  for (const auto& top : directories_of(cgroup)) {
    if (version_2()) put(top / "cgroup.kill", "1");  // Linux 5.14; forks cannot escape it
    for (const auto& each : tree_of(top)) {
      for (const auto pid : processes_of(each)) {
        any = true;
        if (pid > 1) ::kill(pid, SIGKILL);
      }
    }
  }
  return any;
}

bool CgroupStop::is_empty(const std::string& cgroup) const {
  for (const auto& top : directories_of(cgroup)) {
    for (const auto& each : tree_of(top)) {
      if (!processes_of(each).empty()) return false;
    }
  }
  return true;
}

bool CgroupStop::take_down(const std::string& cgroup) const {
  freeze(cgroup, true);  // Nothing forks while it is read.
  if (!kill_all(cgroup)) return true;
  // Version 1 delivers no signal to what is frozen; once thawed it dies before it runs anything else.
  if (!version_2()) freeze(cgroup, false);
  bool empty = false;
  for (int waited = 0; !empty && waited < kWaitMilliseconds; ++waited) {
    rest();
    kill_all(cgroup);
    empty = is_empty(cgroup);
  }
  freeze(cgroup, true);
  return empty;
}

void CgroupStop::release(const std::string& cgroup) const {
  std::error_code error;
  if (!fs::exists(freezer_of(cgroup), error)) return;
  take_down(cgroup);
  freeze(cgroup, false);
}

bool CgroupStop::is_down(const std::string& cgroup) const {
  const auto top = freezer_of(cgroup);
  if (version_2()) return text_of(top / "cgroup.freeze").starts_with('1');
  return text_of(top / "freezer.self_freezing").starts_with('1');
}

}  // namespace berth::fence
