// base/sha1.cpp - see sha1.hpp.
#include "base/sha1.hpp"

#include <gcrypt.h>

#include "base/gcrypt_digest.hpp"

namespace berth {

std::string sha1(std::string_view bytes) { return gcrypt_digest(GCRY_MD_SHA1, 20, bytes); }

}  // namespace berth
