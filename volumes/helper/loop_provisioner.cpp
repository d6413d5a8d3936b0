// volumes/helper/loop_provisioner.cpp - see loop_provisioner.hpp.
#include "volumes/helper/loop_provisioner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>

#include "base/atomic_file.hpp"
#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/claim_lock.hpp"
#include "volumes/helper/device_users.hpp"
#include "volumes/helper/durable.hpp"
#include "volumes/helper/online_growth.hpp"
#include "volumes/helper/parameters.hpp"
#include "volumes/helper/sizes.hpp"
#include "volumes/names.hpp"

namespace berth::volumes::helper {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBlock = 4096;       // sizes of images are multiples of it
constexpr std::int64_t kSector = 512;       // the unit of st_blocks
constexpr std::size_t kLongestClaim = 240;  // ".new-" and ".img" still fit into NAME_MAX
constexpr std::chrono::seconds kQuick{30};  // a few system calls on a local disk that is busy
constexpr std::chrono::minutes kAllocate{30};

struct ImageSize {
  std::int64_t bytes = 0;
  std::int64_t allocated = 0;
};

/// Nothing when no such file; FailedPrecondition when it is not a regular one.
Result<std::optional<ImageSize>> size_of(const fs::path& image) {
  struct stat now = {};
  if (::lstat(image.c_str(), &now) != 0) {
    if (errno == ENOENT) return std::optional<ImageSize>();
    return Error::from_errno(errno, fmt::format("look at {}", image.string()));
  }
  if (!S_ISREG(now.st_mode)) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("{} is there and is not a file", image.string()));
  }
  return std::optional(ImageSize{now.st_size, now.st_blocks * kSector});
}

/// What the sparse images there may still grow by, that of `except` left out.
std::int64_t promised_bytes(const fs::path& directory, const fs::path& except) {
  std::int64_t promised = 0;
  std::error_code failure;
  for (fs::recursive_directory_iterator entry(directory, failure);
       !failure && entry != fs::recursive_directory_iterator(); entry.increment(failure)) {
    if (entry.depth() >= 1) entry.disable_recursion_pending();
    if (entry->path().extension() != ".img" || entry->path() == except) continue;
    const auto size = size_of(entry->path());
    if (size && *size) promised += std::max<std::int64_t>(0, (*size)->bytes - (*size)->allocated);
  }
  return promised;
}

/// Is there room for `image` to become `bytes` large, `allocated` of which it has?
Status check_room(const LoopParameters& parameters, const fs::path& image, std::int64_t bytes, std::int64_t allocated) {
  if (parameters.overcommit && !parameters.preallocate) return Ok{};
  const auto free = free_bytes(parameters.directory);
  if (!free) return free.error();
  const auto needed = std::max<std::int64_t>(0, bytes - allocated);
  const auto promised = parameters.overcommit ? 0 : promised_bytes(parameters.directory, image);
  if (needed <= *free - promised) return Ok{};
  return Error(ErrorCode::ResourceExhausted,
               fmt::format("not enough room in {}: {} needed, {} free{}", parameters.directory.string(),
                           format_bytes(needed), format_bytes(*free),
                           promised == 0 ? std::string()
                                         : fmt::format(", {} of it promised to other images", format_bytes(promised))));
}

Status set_size(int fd, const fs::path& image, std::int64_t bytes, bool preallocate) {
  if (preallocate) {
    say_doing(fmt::format("allocate {} for {}", format_bytes(bytes), image.string()), kAllocate);
    while (::fallocate(fd, 0, 0, bytes) != 0) {
      if (errno == EINTR) continue;
      return Error::from_errno(errno, fmt::format("allocate {} for {}", format_bytes(bytes), image.string()));
    }
  } else if (::ftruncate(fd, bytes) != 0) {
    return Error::from_errno(errno, fmt::format("make {} {} large", image.string(), format_bytes(bytes)));
  }
  if (::fsync(fd) != 0) return Error::from_errno(errno, fmt::format("sync {}", image.string()));
  return Ok{};
}

/// A file without a name: killed, we leave nothing. -1 where the file system cannot, see O_TMPFILE in open(2).
UniqueFd open_nameless(const fs::path& directory) {
  return UniqueFd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

Status make_image_by_rename(const fs::path& image, std::int64_t bytes, bool preallocate) {
  const auto fresh = image.parent_path() / fmt::format(".new-{}", image.filename().string());
  const UniqueFd fd(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Error::from_errno(errno, fmt::format("make {}", fresh.string()));
  ScopeExit remove_fresh([&fresh] { ::unlink(fresh.c_str()); });
  if (auto sized = set_size(fd.get(), image, bytes, preallocate); !sized) return sized;
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, image.c_str(), RENAME_NOREPLACE) != 0) {
    return Error::from_errno(errno, fmt::format("make {}", image.string()));
  }
  remove_fresh.dismiss();
  return sync_directory(image.parent_path());
}

/// The image is there with its whole size, durably, or not at all.
Status make_image(const fs::path& image, std::int64_t bytes, bool preallocate) {
  const auto fd = open_nameless(image.parent_path());
  if (!fd && (errno == EOPNOTSUPP || errno == EISDIR)) return make_image_by_rename(image, bytes, preallocate);
  if (!fd) return Error::from_errno(errno, fmt::format("make {}", image.string()));
  if (auto sized = set_size(fd.get(), image, bytes, preallocate); !sized) return sized;
  const auto self = fmt::format("/proc/self/fd/{}", fd.get());
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, image.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return Error::from_errno(errno, fmt::format("make {}", image.string()));
  }
  return sync_directory(image.parent_path());
}

Status grow_image(const LoopParameters& parameters, const fs::path& image, const ImageSize& now, std::int64_t bytes) {
  if (auto room = check_room(parameters, image, bytes, now.allocated); !room) return room;
  const UniqueFd fd(::open(image.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, fmt::format("open {}", image.string()));
  return set_size(fd.get(), image, bytes, parameters.preallocate);
}

/// Loop devices keep the size they were attached with until told. See losetup(8), --set-capacity.
Status tell_loops(const std::vector<std::string>& loops) {
  for (const auto& loop : loops) {
    const UniqueFd fd(::open(loop.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd || ::ioctl(fd.get(), LOOP_SET_CAPACITY, 0) != 0) {
      if (errno == ENXIO || errno == ENOENT) continue;  // detached meanwhile
      return Error::from_errno(errno, fmt::format("tell {} its new size", loop));
    }
  }
  return Ok{};
}

/// Detaches a loop device that nobody uses. FailedPrecondition: somebody does.
Status detach_unused(const std::string& loop, const fs::path& image, const HostView& host) {
  const auto used = [&](const std::string& how) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("{} is in use: {} is {}", image.string(), loop, how));
  };
  const auto number = block_number(loop);
  if (!number) return number.error();
  if (const auto users = device_users(*number, host); !users.empty()) return used(users.front());
  const auto held = in_use(loop);
  if (!held) return failed_with(held, ErrorCode::NotFound) ? Status(Ok{}) : held.error();
  if (*held) return used("held by another process or mounted in another mount namespace");
  UniqueFd fd(::open(loop.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, fmt::format("open {}", loop));
  if (::ioctl(fd.get(), LOOP_CLR_FD, 0) != 0 && errno != ENXIO) {
    return Error::from_errno(errno, fmt::format("detach {}", loop));
  }
  fd.reset();
  // Open elsewhere, it goes with its last user: then the image is not ours to remove yet.
  const auto left = loops_of(image, host);
  if (!left) return left.error();
  return std::find(left->begin(), left->end(), loop) == left->end() ? Status(Ok{}) : used("open somewhere");
}

class LoopProvisioner final : public Provisioner {
 public:
  Answer provision(const ProvisionJob& job) override;
  Answer expand(const ExpandJob& job) override;
  Answer reclaim(const ReclaimJob& job) override;
};

/// The parameters and the image of a job; the latter has to be the volume's, where that is known.
struct Image {
  LoopParameters parameters;
  fs::path path;
};
template <typename Job>
Result<Image> image_of(const Job& job) {
  auto parameters = loop_parameters(job.parameters, job.state_dir);
  if (!parameters) return parameters.error();
  auto path = image_path(parameters->directory, job.ns, job.claim);
  if (!path) return path.error();
  return Image{*std::move(parameters), *std::move(path)};
}
Status check_source(const model::PersistentSource& source, const Image& image) {
  const auto* local = std::get_if<model::LocalSource>(&source);
  if (local != nullptr && local->path == image.path.string()) return Ok{};
  return Error(ErrorCode::FailedPrecondition,
               fmt::format("the volume is {}, and this claim's image would be {}: left alone",
                           local != nullptr ? local->path : std::string("no local one"), image.path.string()));
}

Answer LoopProvisioner::provision(const ProvisionJob& job) {
  const auto image = image_of(job);
  if (!image) return image.error();
  const auto& [parameters, path] = *image;
  const auto lock = take_lock("loop", path.string());
  if (!lock) return lock.error();
  say_doing(fmt::format("make the image {}", path.string()), kQuick);
  const auto least = job.block ? kBlock : minimum_bytes(parameters.fs_type);
  const auto bytes = round_up(std::max(job.bytes, least), kBlock);
  const model::LocalSource source{path.string(), job.block ? std::string() : parameters.fs_type};

  const auto there = size_of(path);
  if (!there) return there.error();
  if (*there && (*there)->bytes >= bytes) return provisioned(source, (*there)->bytes, /*local=*/true);
  if (*there) {
    if (auto grown = grow_image(parameters, path, **there, bytes); !grown) return grown.error();
    return provisioned(source, bytes, /*local=*/true);
  }
  // The default's parent, stateDir, is the agent's; a directory of the user's has to be there, lest the disk that is
  // not mounted on it yet be the root disk.
  if (job.parameters.contains("directory")) {
    std::error_code failure;
    if (!fs::is_directory(parameters.directory, failure)) {
      return Error(ErrorCode::NotFound,
                   fmt::format("parameters.directory: {} is not a directory here", parameters.directory.string()));
    }
  } else if (auto made = make_directories(parameters.directory, 0700); !made) {
    return made.error();
  }
  if (auto made = make_durable_directory(path.parent_path(), 0700); !made) return made.error();
  if (auto room = check_room(parameters, path, bytes, /*allocated=*/0); !room) return room.error();
  if (auto made = make_image(path, bytes, parameters.preallocate); !made) return made.error();
  return provisioned(source, bytes, /*local=*/true);
}

Answer LoopProvisioner::expand(const ExpandJob& job) {
  const auto image = image_of(job);
  if (!image) return image.error();
  const auto& [parameters, path] = *image;
  if (auto checked = check_source(job.source, *image); !checked) return checked.error();
  const auto lock = take_lock("loop", path.string());
  if (!lock) return lock.error();
  say_doing(fmt::format("grow the image {}", path.string()), kQuick);
  const auto now = size_of(path);
  if (!now) return now.error();
  if (!*now) return Error(ErrorCode::NotFound, fmt::format("there is no image {}", path.string()));
  const auto bytes = std::max((*now)->bytes, round_up(job.bytes, kBlock));
  if (bytes > (*now)->bytes) {
    if (auto grown = grow_image(parameters, path, **now, bytes); !grown) return grown.error();
  }
  // Also when the file has its size already: an earlier call may have been killed right here.
  const auto host = look_at_host(job.run_dir);
  if (!host) return host.error();
  const auto loops = loops_of(path, *host);
  if (!loops) return loops.error();
  if (auto told = tell_loops(*loops); !told) return told.error();
  if (auto grown = grow_if_staged(job.run_dir, job.source); !grown && !job.block) return grown.error();
  return json::object{{"bytes", bytes}};
}

Answer LoopProvisioner::reclaim(const ReclaimJob& job) {
  const auto image = image_of(job);
  if (!image) return image.error();
  const auto& path = image->path;
  if (auto checked = check_source(job.source, *image); !checked) return checked.error();
  const auto lock = take_lock("loop", path.string());
  if (!lock) return lock.error();
  say_doing(fmt::format("remove the image {}", path.string()), kAllocate);
  const auto there = size_of(path);
  if (!there) return there.error();
  if (!*there) return json::object();
  const auto host = look_at_host(job.run_dir);
  if (!host) return host.error();
  const auto loops = loops_of(path, *host);
  if (!loops) return loops.error();
  for (const auto& loop : *loops) {
    if (auto detached = detach_unused(loop, path, *host); !detached) return detached.error();
  }
  // unlink(2) is all or nothing, also of a large file: no need to move it aside first.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, fmt::format("remove {}", path.string()));
  }
  if (auto synced = sync_directory(path.parent_path()); !synced) return synced.error();
  return json::object();
}

}  // namespace

Result<LoopParameters> loop_parameters(const model::StringMap& parameters, const fs::path& state_dir) {
  ParameterReader reader(parameters);
  LoopParameters read;
  read.directory = reader.path("directory");
  if (read.directory.empty()) read.directory = state_dir / "images";
  read.fs_type = reader.fs_type();
  read.preallocate = reader.flag("preallocate");
  read.overcommit = reader.flag("overcommit");
  if (read.preallocate && read.overcommit) reader.fail("overcommit", "cannot be where preallocate is \"true\"");
  return reader.take(std::move(read));
}

Result<fs::path> image_path(const fs::path& directory, const std::string& ns, const std::string& claim) {
  if (auto checked = check_name("namespace", ns); !checked) return checked.error();
  if (auto checked = check_name("claim", claim); !checked) return checked.error();
  if (claim.size() > kLongestClaim) {
    return Error(
        ErrorCode::InvalidArgument,
        fmt::format("claim \"{}\": longer than the {} letters that an image's name may have", claim, kLongestClaim));
  }
  return directory / ns / fmt::format("{}.img", claim);
}

std::unique_ptr<Provisioner> make_loop_provisioner() { return std::make_unique<LoopProvisioner>(); }

}  // namespace berth::volumes::helper
