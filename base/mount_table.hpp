// base/mount_table.hpp - /proc/self/mountinfo, parsed from text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth {

/// One line of mountinfo; field numbers are proc(5)'s. Octal escapes are decoded.
struct MountEntry {
  int id = 0;              ///< (1)
  int parent = 0;          ///< (2)
  std::string device;      ///< (3) "major:minor"
  std::string root;        ///< (4) what of the file system is mounted
  std::string target;      ///< (5) where
  std::string options;     ///< (6) per-mount options
  std::string fs_type;     ///< (9)
  std::string source;      ///< (10)
  std::string fs_options;  ///< (11) per-super-block options
};

class MountTable {
 public:
  /// Parses mountinfo text. Lines that do not parse are skipped: the kernel adds fields, never removes.
  static MountTable parse(std::string_view text);

  /// Reads /proc/self/mountinfo. Never touches the mounted file systems.
  static Result<MountTable> read();

  /// The topmost mount whose target is exactly `target`; null when there is none.
  const MountEntry* find(std::string_view target) const;

  /// Mounts at or below `dir`, deepest and newest first: the order in which to unmount.
  std::vector<MountEntry> below(std::string_view dir) const;

  const std::vector<MountEntry>& entries() const { return entries_; }

 private:
  std::vector<MountEntry> entries_;
};

/// Does a file system of this type (MountEntry::fs_type) wait for another machine or process?
bool is_network_type(std::string_view fs_type);

}  // namespace berth
