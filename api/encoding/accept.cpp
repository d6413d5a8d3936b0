// api/encoding/accept.cpp - see accept.hpp.
#include "api/encoding/accept.hpp"

#include <algorithm>
#include <cstdlib>

namespace berth::api {

namespace {

constexpr std::size_t kMaxRanges = 32;

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The part before `separator`, taken off `text`.
std::string_view take(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// Between 0 and 1; a broken one counts as 1, as clients mean what they name.
double quality_of(std::string_view text) {
  const std::string copy(text.substr(0, 8));
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  return end == copy.c_str() || !(value >= 0 && value <= 1) ? 1 : value;
}

}  // namespace

std::string_view MediaRange::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

bool MediaRange::covers(std::string_view wanted) const {
  if (type == wanted || type == "*/*") return true;
  return type.ends_with("/*") && wanted.starts_with(std::string_view(type).substr(0, type.size() - 1));
}

bool takes_plain_json(std::string_view header) {
  const auto ranges = parse_accept(header);
  return std::any_of(ranges.begin(), ranges.end(), [](const MediaRange& range) {
    return range.covers("application/json") && range.parameter("as").empty();
  });
}

std::vector<MediaRange> parse_accept(std::string_view header) {
  std::vector<MediaRange> out;
  if (trimmed(header).empty()) {
    out.emplace_back().type = "*/*";
    return out;
  }
  for (std::size_t count = 0; !header.empty() && count < kMaxRanges; ++count) {
    auto text = take(header, ',');
    MediaRange range;
    range.type = lower(take(text, ';'));
    if (range.type.find('/') == std::string::npos) continue;
    while (!text.empty()) {
      auto pair = take(text, ';');
      const auto name = lower(take(pair, '='));
      auto value = trimmed(pair);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      if (name == "q") {
        range.quality = quality_of(value);
      } else if (!name.empty()) {
        range.parameters.emplace_back(name, value);
      }
    }
    if (range.quality > 0) out.push_back(std::move(range));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const MediaRange& a, const MediaRange& b) { return a.quality > b.quality; });
  return out;
}

}  // namespace berth::api
