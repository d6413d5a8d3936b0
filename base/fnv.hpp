// base/fnv.hpp - FNV-1a, 64 bits: a hash that is the same on every host and in every build. Resists no attacker.
#pragma once

#include <cstdint>
#include <string_view>

namespace berth {

/// http://www.isthe.com/chongo/tech/comp/fnv/
class Fnv1a {
 public:
  Fnv1a& add(unsigned char byte) {
    hash_ ^= byte;
    hash_ *= 1099511628211ULL;
    return *this;
  }
  Fnv1a& add(std::string_view text) {
    for (const auto c : text) add(static_cast<unsigned char>(c));
    return *this;
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 14695981039346656037ULL;
};

}  // namespace berth
