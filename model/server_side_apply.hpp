// model/server_side_apply.hpp - server-side apply (KEP-555): a configuration, its manager, what others own.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/managed_fields.hpp"

namespace berth::model {

struct ApplyRequest {
  Kind kind = Kind::Pod;
  FieldManager manager;  ///< `applies` is true.
  bool force = false;    ///< Take over what others own instead of failing.
  std::string now;       ///< RFC 3339.
};

/// A field that the configuration would change and another manager owns.
struct FieldConflict {
  FieldManager owner;
  std::string api_version;
  std::string path;  ///< ".spec.replicas"

  /// `"kubectl-client-side-apply" using apps/v1`, as messages name the owner.
  std::string owner_text() const;
};

struct Applied {
  json::object object;                   ///< Not defaulted, with its new managedFields. Meaningless with conflicts.
  std::vector<FieldConflict> conflicts;  ///< Sorted by owner, then path.
};

/// `Apply failed with 2 conflicts: conflicts with "x" using apps/v1:\n- .spec.replicas`
std::string conflict_message(const std::vector<FieldConflict>& conflicts);

/// Applies `config` to `live` (empty when there is no such object). What the configuration says is merged in and owned
/// by the manager; what the manager owned before, does not say any more and nobody else owns is removed; a field that
/// another manager owns may only be set to the value it has (then both own it), unless forced.
///
/// An object without managedFields gets them first: what it has is "before-first-apply"'s, and what its
/// last-applied-configuration says and still is so, with its defaults, "kubectl-client-side-apply"'s: kubectl takes
/// that over afterwards. As upstream, the manager "kubectl" overrides what kubectl applied client-side before, and
/// keeps that annotation up to date.
///
/// Errors: InvalidArgument when a list with keys in `config` has elements without, or twice the same. Pure.
Result<Applied> server_side_apply(const ApplyRequest& request, const json::object& live, const json::object& config);

}  // namespace berth::model
