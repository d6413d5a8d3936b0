// base/sha1.cpp - by libgcrypt, as sha256.cpp.
#include "base/sha1.hpp"

#include <gcrypt.h>

namespace berth {

std::string sha1(std::string_view bytes) {
  static const bool ready = [] {
    ::gcry_check_version(nullptr);
    ::gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    ::gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return true;
  }();
  static_cast<void>(ready);
  std::string digest(20, '\0');
  ::gcry_md_hash_buffer(GCRY_MD_SHA1, digest.data(), bytes.data(), bytes.size());
  return digest;
}

}  // namespace berth
