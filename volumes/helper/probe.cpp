// volumes/helper/probe.cpp - what is on a device: libblkid's answer, and sizes in superblocks.
#include <blkid/blkid.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include "base/unique_fd.hpp"
#include "volumes/helper/block_device.hpp"
#include "volumes/helper/file_system.hpp"

namespace berth::volumes::helper {
namespace {

using Kind = DeviceContent::Kind;

struct FreeProbe {
  void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, FreeProbe>;

Error unreadable(const std::filesystem::path& device, std::string_view why) {
  return {ErrorCode::Unavailable, fmt::format("read device {}: {}", device.string(), why)};
}

std::string value_of(const Probe& probe, const char* name) {
  const char* text = nullptr;
  if (blkid_probe_lookup_value(probe.get(), name, &text, nullptr) != 0 || text == nullptr) return {};
  return text;
}

/// Reads exactly `size` bytes, or says why not.
Status read_at(int fd, const std::filesystem::path& device, std::uint64_t offset, unsigned char* into,
               std::size_t size) {
  while (size > 0) {
    const auto got = ::pread(fd, into, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(device, Error::from_errno(errno, "pread").message());
    if (got == 0) return unreadable(device, "it ends early");
    into += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return Ok{};
}

/// Reads the places where signatures are. Are they all zero?
Result<bool> read_both_ends(int fd, const std::filesystem::path& device, std::uint64_t bytes) {
  constexpr std::uint64_t kEnd = 1024 * 1024;
  constexpr std::size_t kPiece = 64 * 1024;
  std::array<unsigned char, kPiece> buffer{};
  auto zero = true;
  const auto read = [&](std::uint64_t from, std::uint64_t to) -> Status {
    for (auto at = from; at < to; at += kPiece) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, to - at));
      if (auto done = read_at(fd, device, at, buffer.data(), size); !done) return done;
      const auto end = buffer.begin() + static_cast<std::ptrdiff_t>(size);
      zero = zero && std::all_of(buffer.begin(), end, [](auto byte) { return byte == 0; });
    }
    return Ok{};
  };
  if (auto head = read(0, std::min(bytes, kEnd)); !head) return head.error();
  if (auto tail = read(bytes - std::min(bytes, kEnd), bytes); !tail) return tail.error();
  return zero;
}

/// sb_inprogress of XFS's superblock: mkfs.xfs sets it first and clears it last (xfs_format.h).
Result<bool> is_unfinished_xfs(int fd, const std::filesystem::path& device) {
  constexpr std::uint64_t kInProgress = 126;
  unsigned char mark = 0;
  if (auto done = read_at(fd, device, kInProgress, &mark, 1); !done) return done.error();
  return mark != 0;
}

std::uint64_t little(const unsigned char* bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | bytes[i];
  return value;
}

std::uint64_t big(const unsigned char* bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8U | bytes[i];
  return value;
}

Result<DeviceContent> name_content(int fd, const std::filesystem::path& device, const Probe& probe) {
  const auto type = value_of(probe, "TYPE");
  const auto table = value_of(probe, "PTTYPE");
  if (type.empty()) return DeviceContent{Kind::Other, fmt::format("a partition table ({})", table)};
  if (value_of(probe, "USAGE") != "filesystem") return DeviceContent{Kind::Other, type};
  if (type == "xfs") {
    const auto unfinished = is_unfinished_xfs(fd, device);
    if (!unfinished) return unfinished.error();
    if (*unfinished) return DeviceContent{Kind::UnfinishedFormat, type};
  }
  return DeviceContent{Kind::FileSystem, type};
}

}  // namespace

Result<DeviceContent> probe(const std::filesystem::path& device) {
  const auto bytes = device_bytes(device);
  if (!bytes) return bytes.error();
  if (*bytes == 0) return unreadable(device, "its size is 0");
  const UniqueFd fd(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open " + device.string());
  const Probe looking(blkid_new_probe());
  if (!looking || blkid_probe_set_device(looking.get(), fd.get(), 0, 0) != 0) {
    return unreadable(device, "libblkid cannot begin");
  }
  blkid_probe_enable_superblocks(looking.get(), 1);
  // Damaged is not blank: a wrong checksum is recognised all the same.
  blkid_probe_set_superblocks_flags(looking.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_BADCSUM);
  blkid_probe_enable_partitions(looking.get(), 1);
  blkid_probe_set_partitions_flags(looking.get(), BLKID_PARTS_FORCE_GPT);
  constexpr int kNothing = 1;
  constexpr int kSeveral = -2;
  errno = 0;
  const auto found = blkid_do_safeprobe(looking.get());
  if (found == kSeveral) return DeviceContent{Kind::Other, "signatures of several kinds"};
  if (found < 0) return unreadable(device, errno != 0 ? Error::from_errno(errno, "libblkid").message() : "libblkid");
  if (found != kNothing) return name_content(fd.get(), device, looking);
  // libblkid takes what it cannot read for absent.
  if (auto readable = read_both_ends(fd.get(), device, *bytes); !readable) return readable.error();
  return DeviceContent{};
}

Result<bool> ends_are_zero(const std::filesystem::path& device) {
  const auto bytes = device_bytes(device);
  if (!bytes) return bytes.error();
  const UniqueFd fd(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open " + device.string());
  return read_both_ends(fd.get(), device, *bytes);
}

Result<std::uint64_t> file_system_bytes(const std::filesystem::path& device, std::string_view type) {
  const UniqueFd fd(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "open " + device.string());
  std::array<unsigned char, 1024> super{};
  const auto read = [&](std::uint64_t offset) { return read_at(fd.get(), device, offset, super.data(), super.size()); };
  if (type.starts_with("ext")) {
    constexpr std::uint64_t kSuperblock = 1024;
    if (auto done = read(kSuperblock); !done) return done.error();
    // ext4.rst: s_blocks_count_lo, s_log_block_size, s_feature_incompat (64BIT), s_blocks_count_hi.
    constexpr std::uint64_t k64Bit = 0x80;
    auto blocks = little(&super[0x4], 4);
    if ((little(&super[0x60], 4) & k64Bit) != 0) blocks |= little(&super[0x150], 4) << 32U;
    return blocks << (10U + (little(&super[0x18], 4) & 0xFU));
  }
  if (type == "xfs") {
    if (auto done = read(0); !done) return done.error();
    return big(&super[4], 4) * big(&super[8], 8);  // sb_blocksize, sb_dblocks
  }
  if (type == "btrfs") {
    constexpr std::uint64_t kSuperblock = 64 * 1024;
    if (auto done = read(kSuperblock); !done) return done.error();
    return little(&super[0x70], 8);  // total_bytes
  }
  return std::uint64_t{0};
}

}  // namespace berth::volumes::helper
