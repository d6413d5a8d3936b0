// cli/backup_file.cpp - see backup_file.hpp.
#include "cli/backup_file.hpp"

namespace berth::cli {
namespace {

std::uint64_t big_endian(std::string_view head, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8U | static_cast<unsigned char>(head[at + i]);
  return value;
}

}  // namespace

std::uint64_t database_size(std::string_view head) {
  constexpr std::string_view kMagic{"SQLite format 3\0", 16};
  if (head.size() < kDatabaseHead || !head.starts_with(kMagic)) return 0;
  const auto page = big_endian(head, 16, 2);
  return (page == 1 ? 65536 : page) * big_endian(head, 28, 4);
}

}  // namespace berth::cli
