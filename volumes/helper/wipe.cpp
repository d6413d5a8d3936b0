// volumes/helper/wipe.cpp - see wipe.hpp.
#include "volumes/helper/wipe.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "base/unique_fd.hpp"
#include "volumes/helper/step.hpp"
#include "volumes/helper/verbs.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::uint64_t kEnd = 1024 * 1024;
constexpr std::chrono::seconds kQuick{120};
constexpr std::chrono::hours kWholeDisk{24};

Error failed(int code, const std::filesystem::path& device) {
  if (code == EBUSY) {
    return {ErrorCode::FailedPrecondition, fmt::format("wipe {}: it is in use", device.string())};
  }
  return Error::from_errno(code, fmt::format("wipe {}", device.string()));
}

Status write_zeros(int fd, const std::filesystem::path& device, std::uint64_t from, std::uint64_t to) {
  static constexpr std::array<char, 64 * 1024> kZeros{};
  while (from < to) {
    const auto size = std::min<std::uint64_t>(kZeros.size(), to - from);
    const auto written = ::pwrite(fd, kZeros.data(), size, static_cast<off_t>(from));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed(written == 0 ? EIO : errno, device);
    from += static_cast<std::uint64_t>(written);
  }
  return Ok{};
}

/// Zeros by the device itself where it can, see BLKZEROOUT; a GiB at a time, so that what is said moves on.
Status zero_all(int fd, const std::filesystem::path& device, std::uint64_t bytes) {
  constexpr std::uint64_t kPiece = 1024 * 1024 * 1024;
  constexpr std::chrono::minutes kOnePiece{10};
  for (std::uint64_t at = 0; at < bytes; at += kPiece) {
    say_doing(fmt::format("write zeros on {}: {} of {} GiB", device.string(), at / kPiece, bytes / kPiece), kOnePiece);
    std::array<std::uint64_t, 2> range{at, std::min(kPiece, bytes - at)};
    if (::ioctl(fd, BLKZEROOUT, range.data()) != 0) return failed(errno, device);
  }
  return Ok{};
}

Status zero_ends(int fd, const std::filesystem::path& device, std::uint64_t bytes) {
  if (auto head = write_zeros(fd, device, 0, std::min(bytes, kEnd)); !head) return head;
  return write_zeros(fd, device, bytes - std::min(bytes, kEnd), bytes);
}

}  // namespace

Status wipe(const std::filesystem::path& device, Wipe how) {
  if (how == Wipe::None) return Ok{};
  if (how == Wipe::Discard) {
    if (const auto gone =
            run_step(fmt::format("discard {}", device.string()), {"blkdiscard", device.string()}, kWholeDisk);
        !gone) {
      return gone.error();
    }
  }
  if (how != Wipe::Zero) {
    // Also those in the middle: btrfs has copies, ZFS and RAID sit near the end.
    const auto gone = run_step(fmt::format("wipe the signatures of {}", device.string()),
                               {"wipefs", "--all", "--quiet", device.string()}, kQuick);
    if (!gone) return gone.error();
  }
  // Closed before it is read by anybody else: udev looks at a device once its writer has gone.
  const UniqueFd fd(::open(device.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
  std::uint64_t bytes = 0;
  if (!fd || ::ioctl(fd.get(), BLKGETSIZE64, &bytes) != 0) return failed(errno, device);
  auto zeroed = how == Wipe::Zero ? zero_all(fd.get(), device, bytes) : zero_ends(fd.get(), device, bytes);
  if (!zeroed) return zeroed;
  if (::fsync(fd.get()) != 0) return failed(errno, device);
  return Ok{};
}

}  // namespace berth::volumes::helper
