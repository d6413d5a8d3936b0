// volumes/helper/claim_directory.cpp - see claim_directory.hpp.
#include "volumes/helper/claim_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "volumes/beneath.hpp"
#include "volumes/names.hpp"
#include "volumes/remove_tree.hpp"

namespace berth::volumes::helper {
namespace {

constexpr auto kTrash = ".trash";
constexpr std::size_t kLongestClaim = 240;  // "archived_" and "_<n>" still fit into NAME_MAX

Status check_names(const std::string& ns, const std::string& claim) {
  if (auto checked = check_name("namespace", ns); !checked) return checked;
  if (auto checked = check_name("claim", claim); !checked) return checked;
  if (claim.size() <= kLongestClaim) return Ok{};
  return Error(ErrorCode::InvalidArgument,
               fmt::format("claim \"{}\": longer than the {} letters that a directory's name may have here", claim,
                           kLongestClaim));
}

Error failed(int code, std::string_view what) {
  if (code == ELOOP || code == ENOTDIR || code == EXDEV) {
    return {ErrorCode::FailedPrecondition, fmt::format("{}: a link, a file or a mount is in the way", what)};
  }
  if (code == EACCES || code == EPERM) {
    return {ErrorCode::PermissionDenied,
            fmt::format("{}: the server does not let this host's root write there (export with no_root_squash, or a "
                        "directory that nobody may write to)",
                        what)};
  }
  return Error::from_errno(code, what);
}

/// A directory below `dir`; no link, no other mount.
UniqueFd open_directory_in(int dir, const std::string& name) {
  return open_beneath(dir, name, O_RDONLY | O_DIRECTORY, Links::Refuse, /*same_mount=*/true);
}

Result<UniqueFd> make_and_open(int dir, const std::string& name, mode_t mode, const std::string& shown) {
  if (::mkdirat(dir, name.c_str(), mode) != 0 && errno != EEXIST) return failed(errno, fmt::format("make {}", shown));
  auto fd = open_directory_in(dir, name);
  if (!fd) return failed(errno, fmt::format("open {}", shown));
  return fd;
}

/// BASE/NS; nothing when it is not there.
Result<std::optional<UniqueFd>> open_namespace(const std::filesystem::path& base, const std::string& ns) {
  const UniqueFd root(::open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return Error::from_errno(errno, fmt::format("open {}", base.string()));
  auto fd = open_directory_in(root.get(), ns);
  if (fd) return std::optional<UniqueFd>(std::move(fd));
  if (errno == ENOENT) return std::optional<UniqueFd>();
  return failed(errno, fmt::format("open {}/{}", base.string(), ns));
}

/// Is there such a name at all?
bool is_taken(int dir, const std::string& name) {
  struct stat now = {};
  return ::fstatat(dir, name.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/// Renames `claim` in `from` to the first free of `name`, `name`_1, ... in `to`. NFS has no RENAME_NOREPLACE; only
/// empty directories can be replaced, and no other host gives these names. Gone is success.
Status move_aside(int from, const std::string& claim, int to, const std::string& name, const std::string& shown) {
  constexpr int kMost = 10'000;
  if (!is_taken(from, claim)) return Ok{};
  for (int number = 0; number < kMost; ++number) {
    const auto target = number == 0 ? name : fmt::format("{}_{}", name, number);
    if (is_taken(to, target)) continue;
    if (::renameat(from, claim.c_str(), to, target.c_str()) == 0) {
      if (::fsync(from) != 0 || ::fsync(to) != 0) return Error::from_errno(errno, fmt::format("sync {}", shown));
      return Ok{};
    }
    if (errno == ENOENT) return Ok{};
    if (errno != EEXIST && errno != ENOTEMPTY) return failed(errno, fmt::format("move {} aside", shown));
  }
  return Error(ErrorCode::ResourceExhausted, fmt::format("move {} aside: {} names are taken", shown, kMost));
}

}  // namespace

Status make_claim_directory(const std::filesystem::path& base, const std::string& ns, const std::string& claim,
                            mode_t mode) {
  constexpr mode_t kNamespaceMode = 0755;
  if (auto checked = check_names(ns, claim); !checked) return checked;
  const auto shown = fmt::format("{}/{}", ns, claim);
  const auto mask = ::umask(0);
  const ScopeExit restore([mask] { ::umask(mask); });
  const UniqueFd root(::open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return Error::from_errno(errno, fmt::format("open {}", base.string()));
  const auto parent = make_and_open(root.get(), ns, kNamespaceMode, ns);
  if (!parent) return parent.error();
  if (open_directory_in(parent->get(), claim)) return Ok{};
  if (errno != ENOENT) return failed(errno, fmt::format("open {}", shown));

  // Complete under another name first: pods change its mode later, so "exists" has to mean "complete".
  const auto fresh = fmt::format(".new-{}", claim);
  const auto made = make_and_open(parent->get(), fresh, 0700, shown);
  if (!made) return made.error();
  if (::fchmod(made->get(), mode) != 0) return failed(errno, fmt::format("set the mode of {}", shown));
  if (::renameat(parent->get(), fresh.c_str(), parent->get(), claim.c_str()) != 0) {
    const int code = errno;
    ::unlinkat(parent->get(), fresh.c_str(), AT_REMOVEDIR);
    // Another host was faster, and a pod of it has written already.
    if (code == EEXIST || code == ENOTEMPTY) return Ok{};
    return failed(code, fmt::format("make {}", shown));
  }
  if (::fsync(parent->get()) != 0) return Error::from_errno(errno, fmt::format("sync {}", shown));
  return Ok{};
}

Status remove_claim_directory(const std::filesystem::path& base, const std::string& ns, const std::string& claim,
                              SteadyTime deadline) {
  if (auto checked = check_names(ns, claim); !checked) return checked;
  const auto parent = open_namespace(base, ns);
  if (!parent) return parent.error();
  if (!*parent) return Ok{};
  const auto shown = fmt::format("{}/{}", ns, claim);
  const auto here = (*parent)->get();
  const auto trash = make_and_open(here, kTrash, 0700, fmt::format("{}/{}", ns, kTrash));
  if (!trash) return trash.error();
  if (auto moved = move_aside(here, claim, trash->get(), fmt::format("{}_0", claim), shown); !moved) return moved;
  // What a killed provision() left before it was a claim's.
  ::unlinkat(here, fmt::format(".new-{}", claim).c_str(), AT_REMOVEDIR);
  // What this or an earlier, interrupted call moved aside. '_' is in no name, so no other claim matches.
  // By the descriptor: other clients of the share may put a link in the place of any directory on the path.
  const auto names = names_in(trash->get(), fmt::format("{}_", claim));
  if (!names) return names.error().context(fmt::format("{}/{}", ns, kTrash));
  for (const auto& name : *names) {
    if (auto removed = remove_tree(trash->get(), name, base / ns / kTrash / name, deadline); !removed) return removed;
  }
  ::unlinkat(here, kTrash, AT_REMOVEDIR);  // stays while other claims' content is in it
  return Ok{};
}

Status archive_claim_directory(const std::filesystem::path& base, const std::string& ns, const std::string& claim) {
  if (auto checked = check_names(ns, claim); !checked) return checked;
  const auto parent = open_namespace(base, ns);
  if (!parent) return parent.error();
  if (!*parent) return Ok{};
  const auto here = (*parent)->get();
  return move_aside(here, claim, here, fmt::format("archived_{}", claim), fmt::format("{}/{}", ns, claim));
}

}  // namespace berth::volumes::helper
