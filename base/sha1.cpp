// base/sha1.cpp - see sha1.hpp. By libmd, which is small (every Debian has it for dpkg): libgcrypt costs 0.5 MB at its
// first digest.
#include "base/sha1.hpp"

#include <sha1.h>

namespace berth {

std::string sha1(std::string_view bytes) {
  SHA1_CTX state;
  ::SHA1Init(&state);
  ::SHA1Update(&state, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  std::string digest(SHA1_DIGEST_LENGTH, '\0');
  ::SHA1Final(reinterpret_cast<std::uint8_t*>(digest.data()), &state);
  return digest;
}

}  // namespace berth
