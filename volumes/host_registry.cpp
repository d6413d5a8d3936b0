// volumes/host_registry.cpp - one small file for each directory of an agent, named by its hash.
#include "volumes/host_registry.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/sha256.hpp"

namespace berth::volumes {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRunDirs = "run-dirs";
constexpr std::string_view kStateDirs = "state-dirs";
constexpr std::size_t kMostBytes = 4096;

/// Two names of one directory are one agent.
fs::path real(const fs::path& directory) {
  std::error_code failure;
  auto path = fs::weakly_canonical(directory, failure);
  return failure ? directory : path;
}

Status note(std::string_view kind, const fs::path& directory) {
  if (directory.empty()) return Ok{};
  const auto host = want_host_dir();
  if (!host) return host.error();
  const auto text = real(directory).string();
  const auto file = *host / kind / sha256_hex(text).substr(0, 16);
  if (const auto there = read_file(file, kMostBytes); there && *there == text) return Ok{};
  if (auto made = make_directories(file.parent_path(), 0700); !made) return made;
  return write_file(file, text, 0600);
}

/// Gone, and not one that is about to be made: agents note themselves before they make anything.
bool is_abandoned(const fs::path& directory, const fs::path& note) {
  constexpr std::chrono::hours kAgo{1};
  std::error_code failure;
  if (fs::exists(directory, failure) || failure) return false;
  const auto noted = fs::last_write_time(note, failure);
  return !failure && fs::file_time_type::clock::now() - noted > kAgo;
}

Result<std::vector<fs::path>> all(std::string_view kind, const fs::path& own) {
  const auto host = want_host_dir();
  if (!host) return host.error();
  std::vector<fs::path> directories;
  if (!own.empty()) directories.push_back(real(own));
  std::error_code failure;
  fs::directory_iterator entry(*host / kind, failure);
  if (failure == std::errc::no_such_file_or_directory) return directories;
  for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
    const auto text = read_file(entry->path(), kMostBytes);
    if (!text && text.error().code() == ErrorCode::NotFound) continue;
    if (!text) return text.error();
    const fs::path directory(*text);
    if (!directory.is_absolute()) continue;  // a name that is being written
    if (is_abandoned(directory, entry->path())) {
      ::unlink(entry->path().c_str());
    } else if (std::find(directories.begin(), directories.end(), directory) == directories.end()) {
      directories.push_back(directory);
    }
  }
  if (failure) return Error::from_errno(failure.value(), fmt::format("list {}", (*host / kind).string()));
  return directories;
}

}  // namespace

fs::path host_dir() {
  const char* other = std::getenv("BERTH_LOCK_DIR");  // NOLINT(concurrency-mt-unsafe): nobody calls setenv
  return other != nullptr && *other == '/' ? fs::path(other) : fs::path("/run/lock/berth");
}

Result<fs::path> want_host_dir() {
  auto directory = host_dir();
  if (auto made = make_directories(directory, 0700); !made) return made.error();
  struct stat now = {};
  if (::lstat(directory.c_str(), &now) != 0) return Error::from_errno(errno, "look at " + directory.string());
  if (S_ISDIR(now.st_mode) && now.st_uid == ::geteuid() && (now.st_mode & (S_IWGRP | S_IWOTH)) == 0) return directory;
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("{} is where the agents of this machine keep out of each other's way, and it belongs to "
                           "somebody else: remove it",
                           directory.string()));
}

Status note_agent(const AgentDirs& own) {
  if (auto noted = note(kRunDirs, own.run_dir); !noted) return noted;
  return note(kStateDirs, own.state_dir);
}

Result<std::vector<fs::path>> all_run_dirs(const fs::path& own) { return all(kRunDirs, own); }
Result<std::vector<fs::path>> all_state_dirs(const fs::path& own) { return all(kStateDirs, own); }

}  // namespace berth::volumes
