// model/field_set.hpp - a set of field paths: what one manager of an object owns. Kubernetes' fieldsV1.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace berth::model {

/// A tree of path elements; a path is in the set when the node at its end is a `member`. Elements are spelled as in
/// fieldsV1 (sigs.k8s.io/structured-merge-diff): `f:<field>`, `k:{"name":"web"}` (keys sorted), `v:<scalar as JSON>`,
/// `i:<index>`. Pure values; any thread.
struct FieldSet {
  bool member = false;  ///< The path that leads here is in the set: "." in fieldsV1.
  std::map<std::string, FieldSet, std::less<>> below;

  bool operator==(const FieldSet&) const = default;

  /// Is no path in the set? Nodes that lead nowhere count as nothing.
  bool empty() const;
  /// Does the set have exactly this path?
  bool has(const std::vector<std::string>& path) const;
  void insert(const std::vector<std::string>& path);

  /// Calls `visit` for every path, in the order of its elements.
  void each(const std::function<void(const std::vector<std::string>& path)>& visit) const;
};

FieldSet united(FieldSet a, const FieldSet& b);
/// Paths of `a` that are not in `b`; a path does not stand for those below it.
FieldSet without(FieldSet a, const FieldSet& b);
FieldSet common(const FieldSet& a, const FieldSet& b);

/// fieldsV1 of a managedFields entry. Elements of a spelling that we do not know are InvalidArgument.
Result<FieldSet> decode_field_set(const json::value& fields_v1);
json::object encode_field_set(const FieldSet& set);

/// `.spec.template.spec.containers[name="web"].image`, as messages have it.
std::string path_text(const std::vector<std::string>& path);

}  // namespace berth::model
