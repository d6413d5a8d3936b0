// model/managed_fields.hpp - metadata.managedFields: who wrote which fields of an object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "model/field_set.hpp"
#include "model/meta.hpp"

namespace berth::model {

/// A manager as an object knows it. Two requests are the same manager's when all but the API version agree.
struct FieldManager {
  std::string name;         ///< ?fieldManager=, or the client's name.
  bool applies = false;     ///< By server-side apply; else by creating, updating, patching.
  std::string subresource;  ///< "status", "scale"; empty for the object itself.

  bool operator==(const FieldManager&) const = default;
};

/// One entry of metadata.managedFields.
struct ManagedFields {
  FieldManager manager;
  std::string api_version;
  std::string time;  ///< RFC 3339: when `fields` changed last.
  FieldSet fields;
};
using ManagedFieldsList = std::vector<ManagedFields>;

/// InvalidArgument when an entry is not one of fieldsType FieldsV1 with a manager's name and operation.
Result<ManagedFieldsList> decode_managed_fields(const json::value& list);
/// In upstream's order: appliers first, then by time and name; entries without fields are left out.
json::array encode_managed_fields(ManagedFieldsList list);

/// The managed fields of a stored object; none when it has none, or none that can be read.
ManagedFieldsList managed_fields_of(const json::object& object);
/// Writes them into metadata; an empty list removes the field.
void put_managed_fields(json::object& object, ManagedFieldsList list);

/// Takes away what nobody owns: kind, name, what the system sets; `status`, or for the subresource all but `status`.
FieldSet ownable(Kind kind, std::string_view subresource, FieldSet fields);

/// Of an update or patch: `manager` gets what it changed between `before` and `after`, all others lose it. Starts from
/// what `after` brings along when it can be read, else from what `before` has; `[]` and `[{}]` in `after` forget all.
/// An object without managed fields stays without (see docs/decisions). At most 10 updating managers are kept apart:
/// the oldest become "ancient-changes". `now` is RFC 3339.
void record_update(Kind kind, const FieldManager& manager, std::string_view now, const json::object& before,
                   json::object& after);

}  // namespace berth::model
