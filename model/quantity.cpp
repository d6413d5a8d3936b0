// model/quantity.cpp - see quantity.hpp.
#include "model/quantity.hpp"

#include <fmt/format.h>

#include <limits>
#include <optional>

namespace berth::model {
namespace {

__extension__ using Wide = unsigned __int128;

/// The number is mantissa * 2^binary * 10^decimal.
struct Scale {
  int binary = 0;
  int decimal = 0;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<Scale> scale_of(std::string_view suffix) {
  struct Row {
    std::string_view text;
    Scale scale;
  };
  static constexpr Row kRows[] = {
      {"", {0, 0}},    {"n", {0, -9}},  {"u", {0, -6}},  {"m", {0, -3}},  {"k", {0, 3}},   {"M", {0, 6}},
      {"G", {0, 9}},   {"T", {0, 12}},  {"P", {0, 15}},  {"E", {0, 18}},  {"Ki", {10, 0}}, {"Mi", {20, 0}},
      {"Gi", {30, 0}}, {"Ti", {40, 0}}, {"Pi", {50, 0}}, {"Ei", {60, 0}},
  };
  for (const auto& row : kRows) {
    if (row.text == suffix) return row.scale;
  }
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
  auto digits = suffix.substr(1);
  const bool negative = digits[0] == '-';
  if (negative || digits[0] == '+') digits.remove_prefix(1);
  if (digits.empty() || digits.size() > 3) return std::nullopt;
  int exponent = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    exponent = exponent * 10 + (c - '0');
  }
  return Scale{0, negative ? -exponent : exponent};
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("invalid value: \"{}\": {}", text.substr(0, std::min<std::size_t>(text.size(), 64)), why));
  };
  constexpr std::string_view kForm = "quantities look like 500m, 1.5, 64Mi or 2e3";
  auto rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);

  // Digits that fit go to the mantissa; what is cut off only matters for rounding up.
  Wide mantissa = 0;
  int decimal = 0;
  int kept = 0;
  bool any = false;
  bool fraction = false;
  bool rest_not_zero = false;
  std::size_t i = 0;
  for (; i < rest.size() && (is_digit(rest[i]) || (rest[i] == '.' && !fraction)); ++i) {
    if (rest[i] == '.') {
      fraction = true;
      continue;
    }
    any = true;
    const auto digit = static_cast<unsigned>(rest[i] - '0');
    if (kept < 19) {
      mantissa = mantissa * 10 + digit;
      if (mantissa != 0) ++kept;
      if (fraction) --decimal;
    } else if (fraction) {
      rest_not_zero = rest_not_zero || digit != 0;
    } else {
      return bad("too large");
    }
    if (decimal < -1000) return bad(kForm);
  }
  if (!any) return bad(kForm);
  const auto scale = scale_of(rest.substr(i));
  if (!scale) return bad(kForm);

  constexpr auto kMax = static_cast<Wide>(std::numeric_limits<std::int64_t>::max());
  Wide milli = mantissa << scale->binary;  // at most 64 + 60 bits
  for (decimal += scale->decimal + 3; decimal > 0 && milli <= kMax; --decimal) milli *= 10;
  for (; decimal < 0 && milli != 0; ++decimal) {
    rest_not_zero = rest_not_zero || milli % 10 != 0;
    milli /= 10;
  }
  if (rest_not_zero) ++milli;
  if (milli > kMax) return bad("too large");

  Quantity result;
  result.milli_ = static_cast<std::int64_t>(milli);
  if (negative) result.milli_ = -result.milli_;
  result.text_ = std::string(text);
  return result;
}

std::int64_t Quantity::value() const {
  const auto whole = milli_ / 1000;
  const auto part = milli_ % 1000;
  if (part == 0) return whole;
  return part > 0 ? whole + 1 : whole - 1;  // away from zero, as Kubernetes rounds
}

}  // namespace berth::model
