// agent/sources/name_list.hpp - "3 manifests (a.yaml, b.yaml and 1 more)": names in a sentence, however many there are.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>

namespace berth::agent {

/// `names` is any container of strings; the first five are named.
template <typename Names>
std::string name_list(const Names& names, const char* noun) {
  constexpr std::size_t kNamed = 5;
  const auto count = names.size();
  std::string text = fmt::format("{} {}{} (", count, noun, count == 1 ? "" : "s");
  std::size_t at = 0;
  for (const auto& name : names) {
    if (at == kNamed) break;
    if (at != 0) text += at + 1 == count ? " and " : ", ";
    text += name;
    ++at;
  }
  if (count > at) text += fmt::format(" and {} more", count - at);
  return text + ")";
}

}  // namespace berth::agent
