// network/dns/zone_hash.hpp - the hash of a zone's table; private to the zone and its builder.
#pragma once

#include <cstring>

#include "network/dns/name.hpp"

namespace berth::network::dns {

/// Marks a relative name that several namespaces have.
inline constexpr std::uint32_t kAmbiguous = 0xFFFF'FFFF;

/// Eight octets a step, multiplied and folded. Askers cannot fill the table, so it needs no secret.
inline std::uint32_t hash_name(Octets name) {
  constexpr std::uint64_t kOdd = 0x9E37'79B9'7F4A'7C15;
  auto hash = name.size() * kOdd;
  std::size_t at = 0;
  for (; at + 8 <= name.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data() + at, 8);
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 32;
  }
  std::uint64_t rest = 0;
  if (at < name.size()) std::memcpy(&rest, name.data() + at, name.size() - at);
  hash = (hash ^ rest) * kOdd;
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace berth::network::dns
