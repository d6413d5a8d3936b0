// base/edit_distance.hpp - how far apart two words are: for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace berth {

/// Insertions, deletions and replacements that turn one into the other (Levenshtein). For short words: the time is the
/// product of their lengths. Pure.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace berth
