// cli/extraction.cpp - an archive's files put below one folder, and nowhere else.
#include "cli/extraction.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include <fmt/format.h>

namespace berth::cli {

namespace {

UniqueFd open_beneath(int root, const std::string& path, std::uint64_t flags, std::uint64_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root, path.empty() ? "." : path.c_str(), &how, sizeof(how))));
}

}  // namespace

Extraction::Extraction(std::string prefix, std::filesystem::path destination)
    : prefix_(std::move(prefix)), destination_(std::move(destination)) {}

/// The folder that all files lie beneath: known when the first member says whether the source is a folder.
Status Extraction::open_root(bool as_folder) {
  if (root_) return Ok{};
  auto folder = destination_;
  if (!as_folder) {
    base_ = destination_.filename().string();
    folder = destination_.parent_path().empty() ? "." : destination_.parent_path();
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  root_ = UniqueFd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_) return Error::from_errno(errno, fmt::format("open {}", folder.string()));
  return Ok{};
}

Status Extraction::make_folders(const std::string& relative) {
  for (std::size_t end = relative.find('/');; end = relative.find('/', end + 1)) {
    const auto path = relative.substr(0, end);
    const auto slash = path.rfind('/');
    const auto parent = slash == std::string::npos ? std::string() : path.substr(0, slash);
    const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
    const auto folder = open_beneath(root_.get(), parent, O_PATH | O_DIRECTORY, 0);
    if (!folder) return Error::from_errno(errno, fmt::format("open {} below {}", parent, destination_.string()));
    if (::mkdirat(folder.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
      return Error::from_errno(errno, fmt::format("make {} below {}", path, destination_.string()));
    }
    if (end == std::string::npos) return Ok{};
  }
}

Status Extraction::begin(const TarEntry& entry) {
  file_ = UniqueFd();
  auto member = safe_member(entry.name, prefix_);
  if (!member) {
    std::cerr << fmt::format("warning: file \"{}\" is outside target destination, skipping\n", entry.name);
    return Ok{};
  }
  if (entry.type == TarEntry::Type::Symlink || entry.type == TarEntry::Type::Other) {
    std::cerr << fmt::format("warning: skipping {}: \"{}\"{}\n",
                             entry.type == TarEntry::Type::Symlink ? "symlink" : "special file", entry.name,
                             entry.link.empty() ? "" : fmt::format(" -> \"{}\"", entry.link));
    return Ok{};
  }
  const bool is_folder = entry.type == TarEntry::Type::Directory;
  if (auto opened = open_root(is_folder || !member->empty()); !opened) return opened;
  if (is_folder) return member->empty() ? Status(Ok{}) : make_folders(*member);
  if (member->empty()) *member = base_;
  if (member->empty()) return Error(ErrorCode::DataLoss, "tar contents corrupted");
  if (const auto slash = member->rfind('/'); slash != std::string::npos) {
    if (auto made = make_folders(member->substr(0, slash)); !made) return made;
  }
  file_ = open_beneath(root_.get(), *member, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, entry.mode & 0777);
  if (!file_) return Error::from_errno(errno, fmt::format("write {} below {}", *member, destination_.string()));
  ::fchmod(file_.get(), entry.mode & 0777);
  ++files_;
  return Ok{};
}

Status Extraction::data(std::string_view bytes) {
  while (file_ && !bytes.empty()) {
    const auto put = ::write(file_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR)
      return Error::from_errno(errno, fmt::format("write below {}", destination_.string()));
    if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return Ok{};
}

Status Extraction::end() {
  file_ = UniqueFd();
  return Ok{};
}

}  // namespace berth::cli
