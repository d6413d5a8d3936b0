// model/yaml_scalar.cpp - which plain scalars are numbers, booleans or null.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "model/yaml_reader.hpp"

namespace berth::model {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Word {
  std::string_view text;
  std::optional<bool> flag;  ///< None: null.
};
// YAML 1.1 as go-yaml v2 keeps it, y and n included: https://yaml.org/type/bool.html
constexpr Word kWords[] = {
    {"y", true},    {"Y", true},   {"yes", true},    {"Yes", true},    {"YES", true},    {"true", true}, {"True", true},
    {"TRUE", true}, {"on", true},  {"On", true},     {"ON", true},     {"n", false},     {"N", false},   {"no", false},
    {"No", false},  {"NO", false}, {"false", false}, {"False", false}, {"FALSE", false}, {"off", false}, {"Off", false},
    {"OFF", false}, {"", {}},      {"~", {}},        {"null", {}},     {"Null", {}},     {"NULL", {}},
};

/// 12, -12, 0x1f, 0b11, 0o17, 017 and these with '_' between digits (removed by the caller).
std::optional<json::value> as_whole(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
    const auto letter = text[0];
    if (letter == 'x' || letter == 'X') base = 16;
    if (letter == 'b' || letter == 'B') base = 2;
    if (!is_digit(letter) && base == 8 && letter != 'o' && letter != 'O') return std::nullopt;
    if (!is_digit(letter)) text.remove_prefix(1);
  }
  std::uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!negative) return magnitude <= kMax ? json::value(static_cast<std::int64_t>(magnitude)) : json::value(magnitude);
  if (magnitude > kMax + 1) return std::nullopt;
  return json::value(magnitude == kMax + 1 ? std::numeric_limits<std::int64_t>::min()
                                           : -static_cast<std::int64_t>(magnitude));
}

/// [-+]? (.digits | digits (.digits?)?) ([eE][-+]?digits)?
bool looks_like_float(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const auto from = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - from;
  };
  const auto sign = [&] {
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  };
  sign();
  const auto whole = digits();
  std::size_t part = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    part = digits();
  }
  if (whole + part == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    sign();
    if (digits() == 0) return false;
  }
  return at == text.size();
}

std::optional<json::value> as_float(std::string_view text) {
  if (!looks_like_float(text)) return std::nullopt;
  if (text.front() == '+') text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::trunc(number) == number && std::abs(number) <= kExact) return json::value(static_cast<std::int64_t>(number));
  return json::value(number);
}

}  // namespace

json::value resolve_plain_scalar(std::string_view text) {
  for (const auto& word : kWords) {
    if (word.text == text) return word.flag ? json::value(*word.flag) : json::value(nullptr);
  }
  const auto first = text.front();
  if (is_digit(first) || first == '-' || first == '+' || first == '.') {
    std::string plain(text);
    if (first != '.') std::erase(plain, '_');
    if (auto number = as_whole(plain)) return *std::move(number);
    if (auto number = as_float(plain)) return *std::move(number);
  }
  return json::value(json::string(text));
}

}  // namespace berth::model
