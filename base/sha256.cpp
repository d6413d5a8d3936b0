// base/sha256.cpp - by libgcrypt, which libsystemd brings anyway; OpenSSL's libcrypto would add 3.4 MB to every agent.
#include "base/sha256.hpp"

#include <gcrypt.h>

#include <array>

namespace berth {

std::string sha256_hex(std::string_view bytes) {
  static const bool ready = [] {
    ::gcry_check_version(nullptr);
    ::gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    ::gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return true;
  }();
  static_cast<void>(ready);
  std::array<unsigned char, 32> digest{};
  ::gcry_md_hash_buffer(GCRY_MD_SHA256, digest.data(), bytes.data(), bytes.size());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(digest.size() * 2);
  for (const auto byte : digest) {
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 0x0fU];
  }
  return hex;
}

}  // namespace berth
