// volumes/helper/parameters.cpp - see parameters.hpp.
#include "volumes/helper/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/edit_distance.hpp"

namespace berth::volumes::helper {
namespace {

constexpr std::size_t kShown = 100;  // of a value or a name in a message

/// "a, b or c".
std::string alternatives(std::initializer_list<std::string_view> words) {
  std::string out;
  std::size_t left = words.size();
  for (const auto word : words) {
    --left;
    out.append(word);
    if (left > 0) out.append(left == 1 ? " or " : ", ");
  }
  return out;
}

std::string nearest(std::string_view name, const std::vector<std::string>& known) {
  constexpr std::size_t kLongest = 48;
  constexpr std::size_t kFarthest = 2;
  std::string best;
  auto distance = kFarthest + 1;
  if (name.size() > kLongest) return best;
  for (const auto& candidate : known) {
    if (const auto edits = edit_distance(name, candidate); edits < distance) {
      distance = edits;
      best = candidate;
    }
  }
  return best;
}

}  // namespace

void ParameterReader::fail(const std::string& name, std::string_view what) {
  if (failure_.empty()) failure_ = fmt::format("parameters.{}: {}", name, what);
}

std::string ParameterReader::text(const std::string& name, std::string_view fallback) {
  known_.push_back(name);
  const auto found = parameters_.find(name);
  return found == parameters_.end() ? std::string(fallback) : found->second;
}

std::string ParameterReader::required(const std::string& name) {
  auto value = text(name);
  if (value.empty()) fail(name, "must be given");
  return value;
}

std::string ParameterReader::path(const std::string& name) {
  auto value = text(name);
  if (!has(name)) return value;
  const std::filesystem::path path(value);
  if (!path.is_absolute() || path.lexically_normal().string() != value || (value.size() > 1 && value.back() == '/')) {
    fail(name, fmt::format("\"{}\": must be an absolute path without \"..\" and needless slashes",
                           std::string_view(value).substr(0, kShown)));
  }
  return value;
}

bool ParameterReader::flag(const std::string& name, bool fallback) {
  const auto value = text(name, fallback ? "true" : "false");
  if (value != "true" && value != "false") {
    fail(name, fmt::format("\"{}\": must be \"true\" or \"false\"", std::string_view(value).substr(0, kShown)));
  }
  return value == "true";
}

std::string ParameterReader::one_of(const std::string& name, std::initializer_list<std::string_view> words) {
  auto value = text(name, *words.begin());
  if (std::find(words.begin(), words.end(), value) == words.end()) {
    fail(name, fmt::format("\"{}\": must be {}", std::string_view(value).substr(0, kShown), alternatives(words)));
  }
  return value;
}

std::int64_t ParameterReader::number(const std::string& name, std::int64_t least, std::int64_t most,
                                     std::int64_t fallback) {
  const auto value = text(name);
  if (!has(name)) return fallback;
  std::int64_t number = 0;
  const auto* end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  if (value.empty() || read.ec != std::errc() || read.ptr != end || number < least || number > most) {
    fail(name,
         fmt::format("\"{}\": must be a number from {} to {}", std::string_view(value).substr(0, kShown), least, most));
    return fallback;
  }
  return number;
}

std::vector<std::string> ParameterReader::list(const std::string& name) {
  const auto value = text(name);
  std::vector<std::string> words;
  std::string_view rest = value;
  while (!rest.empty()) {
    const auto end = rest.find(',');
    auto word = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

Status ParameterReader::check() {
  for (const auto& [name, value] : parameters_) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const auto near = nearest(name, known_);
    return Error(
        ErrorCode::InvalidArgument,
        fmt::format("parameters.{}: no such parameter; {}there are: {}", std::string_view(name).substr(0, kShown),
                    near.empty() ? std::string() : fmt::format("did you mean {}? ", near), fmt::join(known_, ", ")));
  }
  if (!failure_.empty()) return Error(ErrorCode::InvalidArgument, failure_);
  return Ok{};
}

std::int64_t minimum_bytes(std::string_view fs_type) {
  constexpr std::int64_t kMiB = 1024 * 1024;
  return fs_type == "xfs" ? 300 * kMiB : kMiB;
}

}  // namespace berth::volumes::helper
