// model/deletion.hpp - graceful deletion: what a delete request writes into metadata. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "model/meta.hpp"

namespace berth::model {

/// Kinds whose deletion takes time: the agent stops what they own, then drops the object.
bool deletes_gracefully(Kind kind);

/// Marks `raw` for deletion, as Kubernetes does: deletionTimestamp is when the grace is over, and
/// deletionGracePeriodSeconds (pods only) is `grace_seconds`, else the spec's, else 30. Marked already: the grace may
/// only shrink. False: nothing to change.
bool mark_deleted(Kind kind, json::object& raw, std::optional<std::int64_t> grace_seconds, WallTime now);

}  // namespace berth::model
