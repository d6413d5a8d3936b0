// base/gcrypt_digest.cpp - libgcrypt comes with libsystemd anyway; OpenSSL's libcrypto would add 3.4 MB to every agent.
#include "base/gcrypt_digest.hpp"

#include <gcrypt.h>

namespace berth {

std::string gcrypt_digest(int algorithm, std::size_t size, std::string_view bytes) {
  static const bool ready = [] {
    ::gcry_check_version(nullptr);
    ::gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    ::gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return true;
  }();
  static_cast<void>(ready);
  std::string digest(size, '\0');
  ::gcry_md_hash_buffer(algorithm, digest.data(), bytes.data(), bytes.size());
  return digest;
}

}  // namespace berth
