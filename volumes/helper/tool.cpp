// volumes/helper/tool.cpp - see tool.hpp.
#include "volumes/helper/tool.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace berth::volumes::helper {
namespace {

constexpr std::size_t kMaxShown = 500;

constexpr std::array<std::pair<std::string_view, std::string_view>, 23> kPackages{{
    {"mkfs.ext2", "e2fsprogs"},
    {"mkfs.ext3", "e2fsprogs"},
    {"mkfs.ext4", "e2fsprogs"},
    {"fsck.ext2", "e2fsprogs"},
    {"fsck.ext3", "e2fsprogs"},
    {"fsck.ext4", "e2fsprogs"},
    {"resize2fs", "e2fsprogs"},
    {"mkfs.xfs", "xfsprogs"},
    {"xfs_growfs", "xfsprogs"},
    {"mkfs.btrfs", "btrfs-progs"},
    {"btrfs", "btrfs-progs"},
    {"mount.nfs", "nfs-common"},
    {"mount.nfs4", "nfs-common"},
    {"iscsiadm", "open-iscsi"},
    {"mount", "mount"},
    {"lvs", "lvm2"},
    {"vgs", "lvm2"},
    {"lvcreate", "lvm2"},
    {"lvextend", "lvm2"},
    {"lvremove", "lvm2"},
    {"lvchange", "lvm2"},
    {"wipefs", "util-linux"},
    {"blkdiscard", "util-linux"},
}};

}  // namespace

std::string_view package_of(std::string_view tool) {
  for (const auto& [name, package] : kPackages) {
    if (name == tool) return package;
  }
  return {};
}

Result<ChildResult> run_tool(const std::vector<std::string>& argv, std::chrono::seconds may_take) {
  ChildOptions options;
  options.deadline = may_take;
  options.dies_with_caller = true;
  auto ran = run_child(argv, options);
  if (!failed_with(ran, ErrorCode::NotFound)) return ran;
  const auto package = package_of(argv.front());
  if (package.empty()) return Error(ErrorCode::NotFound, fmt::format("{} is not installed", argv.front()));
  return Error(ErrorCode::NotFound, fmt::format("{} is not installed: install {}", argv.front(), package));
}

std::string one_line(std::string_view output) {
  std::string line;
  for (const auto letter : output) {
    const auto blank = static_cast<unsigned char>(letter) <= ' ';
    if (!blank) {
      line += letter;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() > kMaxShown) line = fmt::format("... {}", line.substr(line.size() - kMaxShown));
  return line.empty() ? "it said nothing" : line;
}

}  // namespace berth::volumes::helper
