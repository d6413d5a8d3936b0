// base/sha256.hpp - SHA-256 (FIPS 180-4), as containerd's digests and our content hashes use it.
#pragma once

#include <string>
#include <string_view>

namespace berth {

/// 64 lower-case hexadecimal digits. Any thread.
std::string sha256_hex(std::string_view bytes);

}  // namespace berth
