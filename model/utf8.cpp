// model/utf8.cpp - see utf8.hpp.
#include "model/utf8.hpp"

#include <cstdint>

namespace berth::model {

std::optional<std::size_t> first_bad_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) -> std::uint32_t {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = byte(at);
    std::size_t length = 0;
    std::uint32_t point = 0;
    if (lead != 0 && lead < 0x80) {
      ++at;
      continue;
    }
    if (lead >= 0xc2 && lead < 0xe0) {
      length = 2;
      point = lead & 0x1f;
    } else if (lead >= 0xe0 && lead < 0xf0) {
      length = 3;
      point = lead & 0x0f;
    } else if (lead >= 0xf0 && lead < 0xf5) {
      length = 4;
      point = lead & 0x07;
    } else {
      return at;
    }
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return at;
      point = (point << 6) | (byte(at + i) & 0x3f);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return at;
    at += length;
  }
  return std::nullopt;
}

}  // namespace berth::model
