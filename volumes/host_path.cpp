// volumes/host_path.cpp - see host_path.hpp.
#include "volumes/host_path.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/atomic_file.hpp"
#include "base/child.hpp"
#include "base/unique_fd.hpp"
#include "volumes/network_mounts.hpp"

namespace berth::volumes {
namespace {

constexpr std::chrono::milliseconds kNetworkDeadline{5'000};

/// What the types need to know of a path, and how it is made: here or in a child.
class PathProbe {
 public:
  virtual ~PathProbe() = default;
  /// stat(2)'s file type bits (S_IFMT); none when nothing is there.
  virtual Result<std::optional<mode_t>> type(const std::string& path) = 0;
  virtual Status make_directory(const std::string& path) = 0;
  virtual Status make_file(const std::string& path) = 0;
};

class LocalProbe final : public PathProbe {
 public:
  Result<std::optional<mode_t>> type(const std::string& path) override {
    struct stat now = {};
    if (::stat(path.c_str(), &now) == 0) return std::optional<mode_t>(now.st_mode & S_IFMT);
    if (errno == ENOENT) return std::optional<mode_t>();
    return Error::from_errno(errno, "stat " + path);
  }
  Status make_directory(const std::string& path) override { return make_directories(path, 0755); }
  Status make_file(const std::string& path) override {
    // Without O_EXCL: made meanwhile by somebody else is as good; O_NOCTTY and O_NONBLOCK in case it is no file.
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644));
    if (!fd) return Error::from_errno(errno, "create " + path);
    return Ok{};
  }
};

/// The same through coreutils, so that a silent server costs a child and not a lane.
class ChildProbe final : public PathProbe {
 public:
  Result<std::optional<mode_t>> type(const std::string& path) override {
    const auto ran = run_child({"stat", "-L", "-c", "%f", "--", path}, {.deadline = kNetworkDeadline});
    if (!ran) return ran.error();
    if (ran->exit_code != 0) {
      if (ran->output.find("No such file") != std::string::npos) return std::optional<mode_t>();
      return Error(ErrorCode::Unavailable, "stat " + path + ": " + ran->output.substr(0, ran->output.find('\n')));
    }
    return std::optional<mode_t>(static_cast<mode_t>(std::strtoul(ran->output.c_str(), nullptr, 16)) & S_IFMT);
  }
  Status make_directory(const std::string& path) override { return run({"mkdir", "-p", "-m", "0755", "--", path}); }
  Status make_file(const std::string& path) override { return run({"touch", "--", path}); }

 private:
  static Status run(const std::vector<std::string>& argv) {
    const auto ran = run_child(argv, {.deadline = kNetworkDeadline});
    if (!ran) return ran.error();
    if (ran->exit_code == 0) return Ok{};
    return Error(ErrorCode::Unavailable, argv.front() + ": " + ran->output.substr(0, ran->output.find('\n')));
  }
};

struct PathType {
  std::string_view name;
  mode_t bits;
  std::string_view words;
};
constexpr std::array<PathType, 7> kPathTypes = {{{"DirectoryOrCreate", S_IFDIR, "a directory"},
                                                 {"Directory", S_IFDIR, "a directory"},
                                                 {"FileOrCreate", S_IFREG, "a file"},
                                                 {"File", S_IFREG, "a file"},
                                                 {"Socket", S_IFSOCK, "a socket"},
                                                 {"CharDevice", S_IFCHR, "a character device"},
                                                 {"BlockDevice", S_IFBLK, "a block device"}}};

Result<std::unique_ptr<PathProbe>> probe_for(const std::filesystem::path& path) {
  for (const auto& part : path) {
    if (part == "..")
      return Error(ErrorCode::InvalidArgument, fmt::format("path {}: must not contain \"..\"", path.string()));
  }
  const auto table = MountTable::read();
  if (!table) return table.error();
  const auto network = network_mount_on(path, *table);
  if (!network) return network.error();
  if (*network) return std::unique_ptr<PathProbe>(std::make_unique<ChildProbe>());
  return std::unique_ptr<PathProbe>(std::make_unique<LocalProbe>());
}

Error missing(const std::string& path, std::string_view what) {
  return {ErrorCode::NotFound, fmt::format("hostPath {}: {} is not there", path, what)};
}

}  // namespace

Status check_host_path(const model::HostPathSource& source) {
  const auto* wanted = std::find_if(kPathTypes.begin(), kPathTypes.end(),
                                    [&](const PathType& type) { return type.name == source.type; });
  if (wanted == kPathTypes.end() && !source.type.empty()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("hostPath.type \"{}\": no such type", source.type));
  }
  const auto probe = probe_for(source.path);
  if (!probe) return probe.error().context("hostPath");
  auto found = (*probe)->type(source.path);
  if (!found) return found.error().context("hostPath");
  if (source.type.empty()) return *found ? Status(Ok{}) : (*probe)->make_directory(source.path);

  if (!*found && source.type == "DirectoryOrCreate") {
    if (auto made = (*probe)->make_directory(source.path); !made) return made.error().context("hostPath");
    found = (*probe)->type(source.path);
  } else if (!*found && source.type == "FileOrCreate") {
    if (auto made = (*probe)->make_file(source.path); !made) return made.error().context("hostPath");
    found = (*probe)->type(source.path);
  }
  if (!found) return found.error().context("hostPath");
  if (!*found) return missing(source.path, wanted->words);
  if (**found == wanted->bits) return Ok{};
  return Error(ErrorCode::InvalidArgument, fmt::format("hostPath {}: is not {}", source.path, wanted->words));
}

Result<std::optional<mode_t>> host_path_type(const std::string& path) {
  const auto probe = probe_for(path);
  if (!probe) return probe.error();
  return (*probe)->type(path);
}

Result<std::filesystem::path> claim_directory(const BoundClaim& claim, const std::filesystem::path& directory) {
  const auto probe = probe_for(directory);
  if (!probe) return probe.error().context("claim " + claim.claim_name);
  const auto found = (*probe)->type(directory.string());
  if (!found) return found.error().context("claim " + claim.claim_name);
  if (!*found) {
    return Error(ErrorCode::NotFound, fmt::format("claim {}: directory {} of volume {} is not there", claim.claim_name,
                                                  directory.string(), claim.volume_name));
  }
  if (**found == S_IFDIR) return directory;
  return Error(ErrorCode::InvalidArgument, fmt::format("claim {}: {} of volume {} is not a directory", claim.claim_name,
                                                       directory.string(), claim.volume_name));
}

}  // namespace berth::volumes
