// cli/label_text.hpp - `k=v` and `k-` as changes of labels or annotations. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

struct LabelChange {
  std::string key;
  std::optional<std::string> value;  ///< Unset: it goes away.
};

/// Splits words into those before the first `k=v` or `k-`, and the changes. InvalidArgument: a word after it that is
/// none.
struct LabelWords {
  std::vector<std::string> objects;
  std::vector<LabelChange> changes;
};
Result<LabelWords> split_label_words(const std::vector<std::string>& words);

/// A merge patch for metadata.labels or metadata.annotations (`field`) of this object; empty: nothing changes.
/// FailedPrecondition, in kubectl's words: a key has another value and `overwrite` is off.
Result<json::object> label_patch(const json::value& object, std::string_view field,
                                 const std::vector<LabelChange>& changes, bool overwrite);

}  // namespace berth::cli
