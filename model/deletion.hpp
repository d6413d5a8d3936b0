// model/deletion.hpp - graceful deletion: what a delete request writes into metadata. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "model/meta.hpp"

namespace berth::model {

// Finalizers that we act on ourselves; any other is somebody else's.
constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";        ///< Dependents go first.
constexpr std::string_view kOrphanFinalizer = "orphan";                        ///< Dependents lose this owner first.
constexpr std::string_view kClaimProtection = "kubernetes.io/pvc-protection";  ///< A pod uses the claim.
constexpr std::string_view kVolumeProtection = "kubernetes.io/pv-protection";  ///< A claim is bound to the volume.

/// Kinds whose deletion takes time: the agent stops what they own (a namespace: deletes what is in it), then drops the
/// object.
bool deletes_gracefully(Kind kind);

/// A PersistentVolume that a claim has: deleting it waits for the claim, by kVolumeProtection.
bool is_bound_volume(const Object& object);

bool has_finalizer(const ObjectMeta& meta, std::string_view finalizer);
/// Appends it; false: it is there already.
bool add_finalizer(json::object& raw, std::string_view finalizer);
/// Takes it away, and the list with the last; false: it is not there.
bool drop_finalizer(json::object& raw, std::string_view finalizer);

/// Marks `raw` for deletion, as Kubernetes does: deletionTimestamp is when the grace is over, and
/// deletionGracePeriodSeconds is, for pods, `grace_seconds`, else the spec's, else 30; for all others 0. A namespace is
/// Terminating from then on. Marked already: the grace may only shrink. False: nothing to change.
bool mark_deleted(Kind kind, json::object& raw, std::optional<std::int64_t> grace_seconds, WallTime now);

/// Says in the pod's condition DisruptionTarget that it does not fail but has to make way, and for whom: a Job's
/// podFailurePolicy asks for it. Once: what was said first stays.
void mark_disrupted(json::object& raw, std::string_view reason, std::string_view message, WallTime now);

}  // namespace berth::model
