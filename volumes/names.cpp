// volumes/names.cpp - see names.hpp.
#include "volumes/names.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace berth::volumes {
namespace {

constexpr std::size_t kMaxName = 253;

// Not <cctype>: its answer depends on the locale.
bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

Status check_name(std::string_view what, std::string_view name) {
  const auto good = !name.empty() && name.size() <= kMaxName && is_alnum(name.front()) && is_alnum(name.back()) &&
                    std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '-' || c == '.'; });
  if (good) return Ok{};
  return Error(
      ErrorCode::InvalidArgument,
      fmt::format("{} \"{}\": must be 1 to {} letters, digits, '-' or '.', with a letter or digit at both ends", what,
                  name.substr(0, kMaxName), kMaxName));
}

}  // namespace berth::volumes
