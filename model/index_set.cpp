// model/index_set.cpp - see index_set.hpp.
#include "model/index_set.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include <fmt/format.h>

namespace berth::model {
namespace {

struct Range {
  std::int32_t first = 0;
  std::int32_t last = 0;
};

std::optional<std::int32_t> number(std::string_view text) {
  std::int32_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || value < 0) return std::nullopt;
  return value;
}

/// "3" or "3-5".
std::optional<Range> range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  return Range{*first, *last};
}

std::string_view next_word(std::string_view& rest) {
  const auto comma = std::min(rest.find(','), rest.size());
  const auto word = rest.substr(0, comma);
  rest.remove_prefix(std::min(comma + 1, rest.size()));
  return word;
}

}  // namespace

Result<IndexSet> IndexSet::parse(std::string_view text, std::int32_t limit) {
  IndexSet set;
  std::int64_t before = -1;
  if (text.ends_with(',')) return Error(ErrorCode::InvalidArgument, fmt::format("\"{}\" ends with a comma", text));
  while (!text.empty()) {
    const auto word = next_word(text);
    const auto found = range(word);
    if (!found) {
      return Error(ErrorCode::InvalidArgument, fmt::format("cannot convert string to integer for index: \"{}\"", word));
    }
    if (found->first <= before || found->last < found->first) {
      return Error(ErrorCode::InvalidArgument, fmt::format("non-increasing order, at \"{}\"", word));
    }
    if (found->last >= limit) {
      return Error(ErrorCode::InvalidArgument, fmt::format("too large index: \"{}\"", word));
    }
    set.add_range(found->first, found->last);
    before = found->last;
  }
  return set;
}

IndexSet IndexSet::read(std::string_view text, std::int32_t limit) {
  IndexSet set;
  while (!text.empty()) {
    const auto found = range(next_word(text));
    if (!found) continue;
    set.add_range(found->first, std::min(found->last, limit - 1));
  }
  return set;
}

void IndexSet::add_range(std::int32_t first, std::int32_t last) {
  if (first < 0 || last < first) return;
  auto at = ranges_.upper_bound(first);
  if (at != ranges_.begin() && std::prev(at)->second >= first - 1) --at;
  while (at != ranges_.end() && at->first - 1 <= last) {  // They touch, and become one.
    first = std::min(first, at->first);
    last = std::max(last, at->second);
    size_ -= at->second - at->first + 1;
    at = ranges_.erase(at);
  }
  ranges_[first] = last;
  size_ += last - first + 1;
}

bool IndexSet::contains(std::int32_t index) const {
  const auto after = ranges_.upper_bound(index);
  return after != ranges_.begin() && std::prev(after)->second >= index;
}

std::int32_t IndexSet::common(const IndexSet& other) const {
  std::int32_t count = 0;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    const auto first = std::max(a->first, b->first);
    const auto last = std::min(a->second, b->second);
    if (first <= last) count += last - first + 1;
    if (a->second < b->second) {
      ++a;
    } else {
      ++b;
    }
  }
  return count;
}

std::string IndexSet::text() const {
  std::string out;
  for (const auto& [first, last] : ranges_) {
    if (!out.empty()) out += ',';
    out += first == last ? std::to_string(first) : fmt::format("{}{}{}", first, last == first + 1 ? "," : "-", last);
  }
  return out;
}

}  // namespace berth::model
