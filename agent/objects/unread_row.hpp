// agent/objects/unread_row.hpp - what is stored and cannot be read by this version: it is there, and nobody deleted it.
#pragma once

#include <algorithm>
#include <string_view>

#include "store/store.hpp"

namespace berth::agent {

/// Is there such a row? `kind` as it is stored, "Node".
inline bool is_unread_row(const store::Store& store, std::string_view kind, std::string_view name) {
  const auto problems = store.problems();
  return std::any_of(problems.begin(), problems.end(),
                     [&](const auto& each) { return each.kind == kind && each.name == name; });
}

}  // namespace berth::agent
