// model/schema_types.hpp - the types of the Kubernetes API that we know: fields, shapes, how lists merge. From the
// table.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "model/meta.hpp"

namespace berth::model {

enum class Shape { Text, Time, Flag, Int32, Int64, Quantity, IntOrText, Any, Struct };
enum class Wrap { None, List, Map };

struct SchemaType;

struct TypeRef {
  Shape shape = Shape::Any;
  Wrap wrap = Wrap::None;
  const SchemaType* type = nullptr;  ///< For Shape::Struct.
};

/// One field of a type. How its list merges is upstream's: x-kubernetes-patch-strategy and x-kubernetes-list-type.
struct SchemaField {
  std::string_view name;
  TypeRef ref;
  bool honoured = true;
  /// A list whose elements are told apart by these fields; the first is strategic merge patch's merge key, all together
  /// are server-side apply's. Empty, without `set`: the list is replaced whole (atomic).
  std::vector<std::string_view> keys;
  bool set = false;          ///< A list of scalars that merges as a set.
  bool retain_keys = false;  ///< Elements (strategic merge): keys that are not in the patch's $retainKeys go.
  bool atomic = false;       ///< A map that server-side apply owns as one value.
};

struct SchemaType {
  std::string_view name;
  std::vector<SchemaField> fields;  ///< In the table's order.
  bool open = false;                ///< Other fields are fine.
  bool atomic = false;              ///< Server-side apply owns it as one value (x-kubernetes-map-type: atomic).

  /// Null when there is none.
  const SchemaField* find(std::string_view field) const;
};

/// All types, by name. Read once, at the first use; any thread.
const std::map<std::string_view, SchemaType>& schema_types();
/// Aborts for a name that the table does not have: that is a bug.
const SchemaType& schema_type(std::string_view name);
const SchemaType& schema_type(Kind kind);

}  // namespace berth::model
