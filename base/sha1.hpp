// base/sha1.hpp - SHA-1 (FIPS 180-4), which the WebSocket handshake asks for; not for anything that must be safe.
#pragma once

#include <string>
#include <string_view>

namespace berth {

/// The 20 bytes of the digest. Any thread.
std::string sha1(std::string_view bytes);

}  // namespace berth
