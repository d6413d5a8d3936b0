// base/gcrypt_digest.hpp - a digest by libgcrypt: what sha1.cpp and sha256.cpp are made of.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace berth {

/// The `size` bytes of that digest (GCRY_MD_*). Any thread.
std::string gcrypt_digest(int algorithm, std::size_t size, std::string_view bytes);

}  // namespace berth
