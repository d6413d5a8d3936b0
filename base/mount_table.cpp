// base/mount_table.cpp - parses proc(5)'s mountinfo.
#include "base/mount_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "base/atomic_file.hpp"

namespace berth {
namespace {

/// Some hundred pods with some volumes each make a few hundred KB; a host with more is not ours.
constexpr std::size_t kMaxMountinfo = 64 * 1024 * 1024;

std::string_view next_field(std::string_view& line) {
  const auto end = line.find(' ');
  const auto field = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return field;
}

/// The kernel writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view field) {
  std::string text;
  text.reserve(field.size());
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && field[i + 1] <= '3' && octal(field[i + 1]) && octal(field[i + 2]) &&
        octal(field[i + 3])) {
      text += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
      i += 3;
    } else {
      text += field[i];
    }
  }
  return text;
}

std::optional<int> number(std::string_view field) {
  int value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || end != field.data() + field.size()) return std::nullopt;
  return value;
}

std::optional<MountEntry> parse_line(std::string_view line) {
  const auto id = number(next_field(line));
  const auto parent = number(next_field(line));
  if (!id || !parent) return std::nullopt;
  MountEntry entry;
  entry.id = *id;
  entry.parent = *parent;
  entry.device = next_field(line);
  entry.root = unescape(next_field(line));
  entry.target = unescape(next_field(line));
  entry.options = next_field(line);
  // (7): zero or more optional fields, ended by (8): a hyphen.
  std::string_view field;
  do {
    if (line.empty()) return std::nullopt;
    field = next_field(line);
  } while (field != "-");
  entry.fs_type = unescape(next_field(line));
  entry.source = unescape(next_field(line));
  entry.fs_options = next_field(line);
  if (entry.target.empty() || entry.fs_type.empty()) return std::nullopt;
  return entry;
}

std::string_view without_trailing_slash(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

bool at_or_below(std::string_view path, std::string_view dir) {
  if (dir == "/") return true;
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

auto depth(std::string_view path) { return path == "/" ? 0 : std::count(path.begin(), path.end(), '/'); }

}  // namespace

MountTable MountTable::parse(std::string_view text) {
  MountTable table;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (auto entry = parse_line(text.substr(0, end))) table.entries_.push_back(std::move(*entry));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return table;
}

Result<MountTable> MountTable::read() {
  const auto text = read_file("/proc/self/mountinfo", kMaxMountinfo);
  if (!text) return text.error();
  return parse(*text);
}

const MountEntry* MountTable::find(std::string_view target) const {
  target = without_trailing_slash(target);
  // The kernel appends: of several mounts on one target the last covers the others.
  const auto entry =
      std::find_if(entries_.rbegin(), entries_.rend(), [target](const auto& each) { return each.target == target; });
  return entry == entries_.rend() ? nullptr : &*entry;
}

std::vector<MountEntry> MountTable::below(std::string_view dir) const {
  dir = without_trailing_slash(dir);
  std::vector<MountEntry> found;
  std::copy_if(entries_.rbegin(), entries_.rend(), std::back_inserter(found),
               [dir](const auto& entry) { return at_or_below(entry.target, dir); });
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return depth(a.target) > depth(b.target); });
  return found;
}

bool is_network_type(std::string_view fs_type) {
  static constexpr std::array<std::string_view, 13> kTypes = {
      "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "lustre", "glusterfs", "ncpfs", "gfs2", "autofs"};
  return fs_type == "fuse" || fs_type.starts_with("fuse.") ||
         std::find(kTypes.begin(), kTypes.end(), fs_type) != kTypes.end();
}

}  // namespace berth
