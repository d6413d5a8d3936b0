// base/sha256.cpp - see sha256.hpp.
#include "base/sha256.hpp"

#include <gcrypt.h>

#include "base/gcrypt_digest.hpp"

namespace berth {

std::string sha256_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char each : gcrypt_digest(GCRY_MD_SHA256, 32, bytes)) {
    const auto byte = static_cast<unsigned char>(each);
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 0x0fU];
  }
  return hex;
}

}  // namespace berth
