// volumes/atomic_writer.cpp - see atomic_writer.hpp.
#include "volumes/atomic_writer.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <set>
#include <string>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "volumes/beneath.hpp"
#include "volumes/ownership.hpp"
#include "volumes/remove_tree.hpp"

namespace berth::volumes {
namespace {

constexpr auto kData = "..data";
constexpr auto kDataTmp = "..data_tmp";
constexpr mode_t kDirectoryMode = 0755;

std::string top(const std::string& path) { return path.substr(0, path.find('/')); }

/// Where the link points; empty when there is none.
std::string read_link(int dir, const char* name) {
  std::string target(4096, '\0');
  const auto size = ::readlinkat(dir, name, target.data(), target.size());
  target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return target;
}

mode_t wanted_mode(const PayloadFile& file, std::optional<gid_t> group) {
  return group ? group_mode(file.mode, /*is_directory=*/false, /*read_only=*/true) : file.mode;
}

Result<std::vector<std::string>> list(int dir) {
  UniqueFd fresh(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fresh) return Error::from_errno(errno, "open");
  auto* stream = ::fdopendir(fresh.get());
  if (stream == nullptr) return Error::from_errno(errno, "read directory");
  static_cast<void>(fresh.release());
  ScopeExit close([stream] { ::closedir(stream); });
  std::vector<std::string> names;
  while (const auto* entry = ::readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

/// Does the file hold exactly this? Any doubt is no: then it is written again.
bool same_file(int dir, const std::string& path, const PayloadFile& file, std::optional<gid_t> group) {
  const auto fd = open_beneath(dir, path, O_RDONLY | O_NONBLOCK, Links::Refuse);
  struct stat now = {};
  if (!fd || ::fstat(fd.get(), &now) != 0 || !S_ISREG(now.st_mode)) return false;
  if ((now.st_mode & 07777U) != wanted_mode(file, group) || (group && now.st_gid != *group)) return false;
  if (static_cast<std::size_t>(now.st_size) != file.content.size()) return false;
  std::string content(file.content.size(), '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const auto got = ::read(fd.get(), content.data() + have, content.size() - have);
    if (got <= 0) return false;
    have += static_cast<std::size_t>(got);
  }
  return content == file.content;
}

/// The number of files below `dir`; more than `limit` is just "more".
std::size_t count_files(int dir, std::size_t limit) {
  const auto names = list(dir);
  if (!names) return limit + 1;
  std::size_t count = 0;
  for (const auto& name : *names) {
    if (count > limit) break;
    struct stat now = {};
    if (::fstatat(dir, name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) return limit + 1;
    if (!S_ISDIR(now.st_mode)) {
      ++count;
      continue;
    }
    const auto child = open_beneath(dir, name, O_RDONLY | O_DIRECTORY, Links::Refuse);
    if (!child) return limit + 1;
    count += count_files(child.get(), limit);
  }
  return count;
}

bool shows(int dir, const std::string& data, const Payload& payload, std::optional<gid_t> group) {
  const auto current = open_beneath(dir, data, O_RDONLY | O_DIRECTORY, Links::Refuse);
  if (!current || count_files(current.get(), payload.size()) != payload.size()) return false;
  return std::all_of(payload.begin(), payload.end(),
                     [&](const auto& entry) { return same_file(current.get(), entry.first, entry.second, group); });
}

/// Owner and mode, whatever the umask was.
Status set_mode(int fd, mode_t mode, std::optional<gid_t> group, const std::string& shown) {
  if (group && ::fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
    return Error::from_errno(errno, "change the group of " + shown);
  }
  if (::fchmod(fd, mode) != 0) return Error::from_errno(errno, "change the mode of " + shown);
  return Ok{};
}

Status make_directory(int dir, const std::string& path, std::optional<gid_t> group) {
  if (::mkdirat(dir, path.c_str(), kDirectoryMode) != 0) {
    if (errno == EEXIST) return Ok{};
    return Error::from_errno(errno, "make directory " + path);
  }
  const auto made = open_beneath(dir, path, O_RDONLY | O_DIRECTORY, Links::Refuse);
  if (!made) return Error::from_errno(errno, "open directory " + path);
  const auto mode = group ? group_mode(kDirectoryMode, /*is_directory=*/true, /*read_only=*/true) : kDirectoryMode;
  return set_mode(made.get(), mode, group, path);
}

Status write_new(int dir, const std::string& path, const PayloadFile& file, std::optional<gid_t> group) {
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (auto made = make_directory(dir, path.substr(0, slash), group); !made) return made;
  }
  const UniqueFd fd(::openat(dir, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(errno, "create " + path);
  std::size_t done = 0;
  while (done < file.content.size()) {
    const auto put = ::write(fd.get(), file.content.data() + done, file.content.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return Error::from_errno(errno, "write " + path);
    done += static_cast<std::size_t>(put);
  }
  return set_mode(fd.get(), wanted_mode(file, group), group, path);
}

/// Makes ..<time>.<number> with all files in it; its name.
Result<std::string> write_directory(int dir, const Payload& payload, std::optional<gid_t> group) {
  const auto now = std::time(nullptr);
  struct tm utc = {};
  ::gmtime_r(&now, &utc);
  std::string name;
  for (unsigned number = 0;; ++number) {
    name = fmt::format("..{:04}_{:02}_{:02}_{:02}_{:02}_{:02}.{}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                       utc.tm_hour, utc.tm_min, utc.tm_sec, number);
    if (::mkdirat(dir, name.c_str(), kDirectoryMode) == 0) break;
    if (errno != EEXIST || number > 100'000) return Error::from_errno(errno, "make directory " + name);
  }
  const auto made = open_beneath(dir, name, O_RDONLY | O_DIRECTORY, Links::Refuse);
  if (!made) return Error::from_errno(errno, "open directory " + name);
  const auto mode = group ? group_mode(kDirectoryMode, /*is_directory=*/true, /*read_only=*/true) : kDirectoryMode;
  if (auto set = set_mode(made.get(), mode, group, name); !set) return set.error();
  for (const auto& [path, file] : payload) {
    if (auto written = write_new(made.get(), path, file, group); !written) return written.error();
  }
  return name;
}

Status switch_to(int dir, const std::string& data) {
  if (::unlinkat(dir, kDataTmp, 0) != 0 && errno != ENOENT) return Error::from_errno(errno, "remove ..data_tmp");
  if (::symlinkat(data.c_str(), dir, kDataTmp) != 0) return Error::from_errno(errno, "link ..data_tmp");
  if (::renameat(dir, kDataTmp, dir, kData) != 0) return Error::from_errno(errno, "switch ..data");
  return Ok{};
}

/// Links for what is there, no links for what is not, no directories but the current one.
Status tidy(int dir, const std::filesystem::path& shown, const std::string& data, const Payload& payload) {
  std::set<std::string> wanted;
  for (const auto& entry : payload) wanted.insert(top(entry.first));
  for (const auto& name : wanted) {
    const auto target = fmt::format("{}/{}", kData, name);
    if (read_link(dir, name.c_str()) == target) continue;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    if (auto removed = remove_tree(shown / name, deadline); !removed) return removed;
    if (::symlinkat(target.c_str(), dir, name.c_str()) != 0) return Error::from_errno(errno, "link " + name);
  }
  const auto names = list(dir);
  if (!names) return names.error();
  for (const auto& name : *names) {
    if (name == kData || name == data || wanted.contains(name)) continue;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    if (auto removed = remove_tree(shown / name, deadline); !removed) return removed;
  }
  return Ok{};
}

}  // namespace

Result<bool> write_payload(const std::filesystem::path& directory, const Payload& payload, std::optional<gid_t> group) {
  if (auto checked = check_payload(payload); !checked) return checked.error();
  const auto dir = open_directory(directory);
  if (!dir) return dir.error();
  const auto fd = dir->get();
  auto data = read_link(fd, kData);
  const auto changed = data.empty() || data.find('/') != std::string::npos || !shows(fd, data, payload, group);
  if (changed) {
    auto written = write_directory(fd, payload, group);
    if (!written) return written.error().context("write " + directory.string());
    data = *written;
    if (auto switched = switch_to(fd, data); !switched) return switched.error().context("write " + directory.string());
  }
  if (auto tidied = tidy(fd, directory, data, payload); !tidied) {
    return tidied.error().context("write " + directory.string());
  }
  return changed;
}

}  // namespace berth::volumes
