// model/strategic_merge.hpp - strategic merge patch: a JSON merge patch that knows how our lists merge.
#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/schema_types.hpp"

namespace berth::model {

/// Applies `patch` to `target`, an object of `type` (null: nothing is known, lists are replaced whole). As
/// k8s.io/apimachinery/pkg/util/strategicpatch does it:
///
/// - null removes; objects merge; a list is replaced unless its field has a merge key or is a set (see SchemaField).
/// - `"$patch": "replace"` in an object puts the patch in its place, `"delete"` empties it; in an element of a list
/// with
///   a merge key, `"delete"` removes the element of that key, `"replace"` has the list replaced by the other elements.
/// - `"$setElementOrder/x": [...]` orders list `x`: listed elements in this order, others where they were among them.
///   What the patch gives in `x` must be listed, in the same order.
/// - `"$deleteFromPrimitiveList/x": [...]` takes values out of the set `x`.
/// - `"$retainKeys": [...]` removes every other key of the object, before the patch is merged.
///
/// What a patch brings to a place where nothing was is taken without its directives and nulls.
/// Errors, in upstream's words, with `target` in any state: InvalidArgument (malformed directive: HTTP 400),
/// FailedPrecondition (an element without its merge key, a list of mixed types, an order that contradicts the patch:
/// HTTP 422). Time is n log n in the size of both. Pure.
Status apply_strategic_merge(const SchemaType* type, json::object& target, const json::object& patch);

}  // namespace berth::model
