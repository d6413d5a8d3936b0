// model/base64.cpp - see base64.hpp.
#include "model/base64.hpp"

#include <array>
#include <cstdint>

namespace berth::model {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto kValues = make_values();

}  // namespace

Result<std::string> decode_base64(std::string_view text) {
  const auto bad = [] { return Error(ErrorCode::InvalidArgument, "not base64 (RFC 4648)"); };
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  int digits = 0;
  int padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const auto value = kValues[static_cast<unsigned char>(c)];
    if (value < 0 || padding > 0) return bad();
    group = (group << 6) | static_cast<std::uint32_t>(value);
    if (++digits == 4) {
      for (const int shift : {16, 8, 0}) bytes += static_cast<char>((group >> shift) & 0xff);
      group = 0;
      digits = 0;
    }
  }
  if (digits == 0) return padding == 0 ? Result<std::string>(std::move(bytes)) : bad();
  if (digits == 1 || digits + padding != 4) return bad();
  group <<= 6 * (4 - digits);
  bytes += static_cast<char>((group >> 16) & 0xff);
  if (digits == 3) bytes += static_cast<char>((group >> 8) & 0xff);
  return bytes;
}

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto left = bytes.size() - i;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (j < left ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= left ? kAlphabet[(group >> (18 - 6 * j)) & 0x3f] : '=';
    }
  }
  return text;
}

}  // namespace berth::model
