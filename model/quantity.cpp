// model/quantity.cpp - see quantity.hpp.
#include "model/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <variant>

namespace berth::model {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
constexpr Wide kMostMilli = static_cast<Wide>(kMost) * 1000;

/// How it is written: 1500m, 1.5Gi, 1e3.
enum class Format { Decimal, Binary, Exponent };

/// The number is mantissa * 2^binary * 10^decimal.
struct Scale {
  int binary = 0;
  int decimal = 0;
  Format format = Format::Decimal;
};

struct Written {
  bool negative = false;
  Wide mantissa = 0;  ///< Up to 19 digits.
  Scale scale;
  bool rest_not_zero = false;  ///< Digits after those were cut off, and one of them was not 0.
};

constexpr std::string_view kForm = "quantities look like 500m, 1.5, 64Mi or 2e3";

struct Suffix {
  std::string_view text;
  Scale scale;
};
constexpr Suffix kSuffixes[] = {
    {"", {0, 0, Format::Decimal}},   {"n", {0, -9, Format::Decimal}}, {"u", {0, -6, Format::Decimal}},
    {"m", {0, -3, Format::Decimal}}, {"k", {0, 3, Format::Decimal}},  {"M", {0, 6, Format::Decimal}},
    {"G", {0, 9, Format::Decimal}},  {"T", {0, 12, Format::Decimal}}, {"P", {0, 15, Format::Decimal}},
    {"E", {0, 18, Format::Decimal}}, {"Ki", {10, 0, Format::Binary}}, {"Mi", {20, 0, Format::Binary}},
    {"Gi", {30, 0, Format::Binary}}, {"Ti", {40, 0, Format::Binary}}, {"Pi", {50, 0, Format::Binary}},
    {"Ei", {60, 0, Format::Binary}},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<Scale> scale_of(std::string_view suffix) {
  for (const auto& one : kSuffixes) {
    if (one.text == suffix) return one.scale;
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
  return Scale{0, negative ? -exponent : exponent, Format::Exponent};
}

/// Reads the digits; the text is why it is none.
std::variant<Written, std::string_view> read(std::string_view text) {
  Written out;
  out.negative = text.starts_with('-');
  if (out.negative || text.starts_with('+')) text.remove_prefix(1);
  // Digits that fit go to the mantissa; of what is cut off only the place matters, and whether to round up.
  int decimal = 0;
  int kept = 0;
  bool any = false;
  bool fraction = false;
  std::size_t i = 0;
  for (; i < text.size() && (is_digit(text[i]) || (text[i] == '.' && !fraction)); ++i) {
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    any = true;
    const auto digit = static_cast<unsigned>(text[i] - '0');
    if (kept < 19) {
      out.mantissa = out.mantissa * 10 + digit;
      if (out.mantissa != 0) ++kept;
      if (fraction) --decimal;
    } else {
      out.rest_not_zero = out.rest_not_zero || digit != 0;
      if (!fraction) ++decimal;
    }
    if (decimal < -1000 || decimal > 1000) return kForm;
  }
  if (!any) return kForm;
  const auto scale = scale_of(text.substr(i));
  if (!scale) return kForm;
  out.scale = *scale;
  out.scale.decimal += decimal;
  return out;
}

/// The amount in units of 10^-places, rounded up; `most` when it is more than that.
Wide units(const Written& from, int places, Wide most) {
  auto amount = from.mantissa << from.scale.binary;  // at most 64 + 60 bits
  auto rest = from.rest_not_zero;
  auto decimal = from.scale.decimal + places;
  for (; decimal > 0 && amount != 0 && amount <= most; --decimal) amount *= 10;
  for (; decimal < 0 && amount != 0; ++decimal) {
    rest = rest || amount % 10 != 0;
    amount /= 10;
  }
  if (rest) ++amount;
  return std::min(amount, most);
}

std::string digits_of(Wide number) {
  std::string text;
  for (; number != 0; number /= 10) text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(number % 10)));
  return text;
}

std::string_view suffix_of(int binary, int decimal) {
  for (const auto& one : kSuffixes) {
    if (one.scale.binary == binary && one.scale.decimal == decimal) return one.text;
  }
  return {};  // not reached: the steps are those of the table
}

constexpr Wide kNanos = 1'000'000'000;

std::string binary_text(Wide whole) {
  int binary = 0;
  for (; whole % 1024 == 0 && binary < 60; whole /= 1024) binary += 10;
  return digits_of(whole).append(suffix_of(binary, 0));
}

std::string decimal_text(Wide nanos, bool exponent) {
  int decimal = -9;
  for (; nanos % 1000 == 0 && decimal < 18; nanos /= 1000) decimal += 3;
  if (exponent && decimal != 0) return fmt::format("{}e{}", digits_of(nanos), decimal);
  return digits_of(nanos).append(suffix_of(0, decimal));
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("invalid value: \"{}\": {}", text.substr(0, std::min<std::size_t>(text.size(), 64)), why));
  };
  const auto written = read(text);
  if (const auto* why = std::get_if<std::string_view>(&written)) return bad(*why);
  const auto& number = std::get<Written>(written);
  const auto milli = units(number, 3, kMostMilli);

  Quantity result;
  result.whole_ = static_cast<std::int64_t>(milli / 1000);
  result.part_ = static_cast<std::int64_t>(milli % 1000);
  if (number.negative) {
    result.whole_ = -result.whole_;
    if (result.part_ != 0) {
      --result.whole_;
      result.part_ = 1000 - result.part_;
    }
  }
  result.text_ = std::string(text);
  return result;
}

std::optional<std::string> canonical_quantity(std::string_view text, QuantityStep step) {
  const auto written = read(text);
  const auto* number = std::get_if<Written>(&written);
  if (number == nullptr) return std::nullopt;
  constexpr Wide kNanosInMilli = 1'000'000;
  const auto nanos = step == QuantityStep::Milli ? units(*number, 3, kMostMilli) * kNanosInMilli
                                                 : units(*number, 9, kMostMilli * kNanosInMilli);
  if (nanos == 0) return "0";
  // Below 1024, and where there is a fraction, Ki and its like would have to round.
  const bool binary = number->scale.format == Format::Binary && nanos >= 1024 * kNanos && nanos % kNanos == 0;
  auto out = binary ? binary_text(nanos / kNanos) : decimal_text(nanos, number->scale.format == Format::Exponent);
  if (number->negative) out.insert(out.begin(), '-');
  return out;
}

std::int64_t Quantity::milli() const {
  constexpr auto kMostWhole = kMost / 1000 - 1;
  if (whole_ > kMostWhole) return kMost;
  if (whole_ < -kMostWhole) return -kMost;
  return whole_ * 1000 + part_;
}

std::int64_t Quantity::value() const {
  return whole_ >= 0 && part_ != 0 ? whole_ + 1 : whole_;  // away from zero, as Kubernetes rounds
}

}  // namespace berth::model
