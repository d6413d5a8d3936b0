// model/schema.hpp - the field names and types of every kind we keep, and a walk that checks JSON against them.
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "model/meta.hpp"
#include "model/reader.hpp"

namespace berth::model {

/// Values of the wrong type, with their paths. Unknown fields are not looked at.
Issues schema_errors(Kind kind, const json::object& raw);

/// Fields that no type has, and fields that are stored but have no effect here. `hosts_share` the store: those that are
/// about many hosts have theirs.
Issues schema_warnings(Kind kind, const json::object& raw, bool hosts_share);

/// Removes JSON nulls, which Kubernetes reads as "not set"; in maps of strings null becomes "".
void remove_nulls(Kind kind, json::object& raw);

/// Writes every quantity as Kubernetes stores it, numbers too: cpu 0.5 is "500m". What is no quantity stays.
void canonical_quantities(Kind kind, json::object& raw);

/// Is `name` a field of PersistentVolumeSpec that says where the storage is ("nfs", "csi", ...)?
bool is_persistent_volume_source(std::string_view name);
/// The same for a Volume of a pod.
bool is_volume_source(std::string_view name);

}  // namespace berth::model
