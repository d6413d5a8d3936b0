// base/sha256.cpp - see sha256.hpp. By libmd, for the reason in sha1.cpp.
#include "base/sha256.hpp"

#include <sha2.h>

namespace berth {

std::string sha256_hex(std::string_view bytes) {
  SHA2_CTX state;
  ::SHA256Init(&state);
  ::SHA256Update(&state, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  std::string hex(SHA256_DIGEST_STRING_LENGTH, '\0');
  ::SHA256End(&state, hex.data());
  hex.pop_back();  // the NUL that it writes
  return hex;
}

}  // namespace berth
