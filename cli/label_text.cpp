// cli/label_text.cpp - `k=v` and `k-` as changes of labels or annotations.
#include "cli/label_text.hpp"

#include <fmt/format.h>

#include "cli/json_path.hpp"

namespace berth::cli {

Result<LabelWords> split_label_words(const std::vector<std::string>& words) {
  LabelWords out;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals != std::string::npos && equals > 0) {
      out.changes.push_back({word.substr(0, equals), word.substr(equals + 1)});
    } else if (word.size() > 1 && word.back() == '-') {
      out.changes.push_back({word.substr(0, word.size() - 1), std::nullopt});
    } else if (out.changes.empty()) {
      out.objects.push_back(word);
    } else {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("all resources must be specified before label changes: {}", word));
    }
  }
  for (const auto& a : out.changes) {
    for (const auto& b : out.changes) {
      if (a.key == b.key && a.value && !b.value) {
        return Error(ErrorCode::InvalidArgument,
                     fmt::format("can not both modify and remove a label in the same command: {}", a.key));
      }
    }
  }
  return out;
}

Result<json::object> label_patch(const json::value& object, std::string_view field,
                                 const std::vector<LabelChange>& changes, bool overwrite) {
  const auto* now = find(object, {"metadata", field});
  const auto current = [&](const std::string& key) -> const json::value* {
    return now != nullptr && now->is_object() ? now->get_object().if_contains(key) : nullptr;
  };
  json::object edits;
  std::string clashes;
  for (const auto& change : changes) {
    const auto* value = current(change.key);
    if (!change.value) {
      if (value != nullptr) edits[change.key] = nullptr;
      continue;
    }
    if (value != nullptr && plain_text(*value) == *change.value) continue;
    if (value != nullptr && !overwrite) {
      if (field == "labels") {
        return Error(
            ErrorCode::FailedPrecondition,
            fmt::format("'{}' already has a value ({}), and --overwrite is false", change.key, plain_text(*value)));
      }
      clashes +=
          fmt::format("{}'{}' already has a value ({})", clashes.empty() ? "" : "; ", change.key, plain_text(*value));
      continue;
    }
    edits[change.key] = *change.value;
  }
  if (!clashes.empty()) {
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("--overwrite is false but found the following declared annotation(s): {}", clashes));
  }
  if (edits.empty()) return json::object{};
  return json::object{{"metadata", json::object{{json::string_view(field.data(), field.size()), std::move(edits)}}}};
}

}  // namespace berth::cli
