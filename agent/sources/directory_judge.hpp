// agent/sources/directory_judge.hpp - is what a directory of manifests shows now to be believed, or is its mount not
// there yet?
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::agent {

/// A file of this name in a directory of manifests says: believe this directory as it is, also when it is empty. It
/// lies on the file system that it speaks for, so one that is not mounted cannot be believed by mistake.
constexpr std::string_view kConfirmationName = ".berth-confirm";

/// A directory as it was when it was last believed.
struct DirectoryMemory {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::set<std::string> manifests;  ///< Names; at most as many as are read.

  bool operator==(const DirectoryMemory&) const = default;
};

/// A directory as it is now.
struct DirectorySight {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::set<std::string> manifests;
  bool confirmed = false;  ///< kConfirmationName is there.
};

/// Decides whether missing manifests are proof that somebody removed them. Not believed are
///
/// - an empty directory that is another one than before: its file system is not mounted yet, or a tool made it anew;
/// - a directory on another file system in which none of the manifests is that were there;
/// - a directory that lost all of two or more manifests within kOneStep; the only one may be removed;
/// - after one of these, a directory that is being filled: until all are back, or nothing has changed for kOneStep.
///
/// Pure but for its own memory; any one thread.
class DirectoryJudge {
 public:
  static constexpr std::chrono::seconds kOneStep{30};

  explicit DirectoryJudge(DirectoryMemory memory = {}) : memory_(std::move(memory)) {}

  /// Why `sight` is not believed; empty when it is, and then it is remembered.
  std::string judge(const DirectorySight& sight, SteadyTime now);

  const DirectoryMemory& memory() const { return memory_; }

 private:
  std::string doubt(const DirectorySight& sight, SteadyTime now) const;
  void remember(const DirectorySight& sight, SteadyTime now);

  DirectoryMemory memory_;
  std::set<std::string> last_;  ///< What was there at the last look.
  SteadyTime changed_{};        ///< When that was new.
  bool doubting_ = false;
  std::optional<SteadyTime> shrunk_;  ///< Since when something of memory_ is missing, believed.
};

/// The memory in `file`. NotFound: there is none; InvalidArgument: it is none of ours. Blocks.
Result<DirectoryMemory> read_directory_memory(const std::filesystem::path& file);

/// Makes the file's directory. Errors: as write_file(). Blocks.
Status write_directory_memory(const std::filesystem::path& file, const std::string& source,
                              const DirectoryMemory& memory);

}  // namespace berth::agent
