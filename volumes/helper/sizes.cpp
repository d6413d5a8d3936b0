// volumes/helper/sizes.cpp - see sizes.hpp.
#include "volumes/helper/sizes.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <limits>

namespace berth::volumes::helper {

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array<const char*, 6> kUnits{"Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  constexpr std::int64_t kStep = 1024;
  if (bytes < kStep) return fmt::format("{}", bytes);
  std::size_t unit = 0;
  std::int64_t scale = kStep;
  while (unit + 1 < kUnits.size() && bytes / scale >= kStep) {
    scale *= kStep;
    ++unit;
  }
  const auto tenths = bytes % scale / (scale / 1024) * 10 / 1024;
  return tenths == 0 ? fmt::format("{}{}", bytes / scale, kUnits[unit])
                     : fmt::format("{}.{}{}", bytes / scale, tenths, kUnits[unit]);
}

std::int64_t round_up(std::int64_t bytes, std::int64_t unit) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const auto over = bytes % unit;
  if (over == 0) return bytes;
  return bytes > kMost - (unit - over) ? kMost / unit * unit : bytes + (unit - over);
}

Result<std::int64_t> free_bytes(const std::filesystem::path& directory) {
  struct statvfs room = {};
  if (::statvfs(directory.c_str(), &room) != 0) {
    return Error::from_errno(errno, fmt::format("look for room in {}", directory.string()));
  }
  return static_cast<std::int64_t>(room.f_bavail) * static_cast<std::int64_t>(room.f_frsize);
}

}  // namespace berth::volumes::helper
