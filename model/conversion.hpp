// model/conversion.hpp - old API versions to the current ones.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "model/meta.hpp"
#include "model/reader.hpp"

namespace berth::model {

struct Conversion {
  Issues issues;            ///< Why it could not be converted; nothing was changed then.
  bool foreign = false;     ///< No fault of the writer's: a kind that is not run here. `issues` says so.
  std::string old_version;  ///< "apps/v1beta1" when it was one.
};

/// What convert_to_current does, with field paths. The old versions and what they did differently:
///
/// - apps/v1beta1 StatefulSet: updateStrategy OnDelete; selector and the set's own labels from the template's labels.
/// - extensions/v1beta1 DaemonSet: the same; templateGeneration is dropped.
/// - apps/v1beta1 Deployment: two old templates are kept; selector and labels as above.
/// - extensions/v1beta1 Deployment: all old templates are kept, no deadline, one pod more and one less at a time.
/// - extensions/v1beta1 ReplicaSet: selector and labels as above.
/// - networking.k8s.io/v1beta1 and extensions/v1beta1 Ingress: `backend`, `serviceName` and `servicePort`; a path
/// without
///   a type is ImplementationSpecific.
/// - events.k8s.io/v1 Event: not older than core/v1, and the same event: `regarding` is `involvedObject`, `note`
/// `message`.
/// - policy/v1beta1 PodDisruptionBudget: an empty selector takes no pod, where today's takes all.
/// - autoscaling/v1 HorizontalPodAutoscaler: a percentage of CPU; all else in annotations. autoscaling/v2beta1: metrics
///   with flat fields, behavior in an annotation. autoscaling/v2beta2: as v2.
/// - all of apps/v1beta2, batch/v1beta1 CronJob, storage.k8s.io/v1beta1 StorageClass, v1beta1 of roles, bindings and
///   classes: as v1.
Conversion convert(json::object& raw);

/// A kind under an API version that Kubernetes once served it by, and that convert() reads.
struct OldVersion {
  std::string_view api_version;  ///< "apps/v1beta1"
  Kind kind;
  bool first_beta = false;  ///< Defaults of the first betas: selector from labels, and what is above.
  /// Since when it is old, and gone upstream: "deprecated in v1.9+, unavailable in v1.16+". Empty: it is still served.
  std::string_view history;
  /// Where its fields had other names: to those of today, and back. Null: they had not.
  void (*to_current)(json::object& raw) = nullptr;
  void (*from_current)(json::object& raw) = nullptr;
  std::string_view schema{};  ///< Its type in the schema table, where it is not the kind's.
};
/// All of them, newest first.
const std::vector<OldVersion>& old_versions();
/// Null: that is no old version of the kind.
const OldVersion* old_version(Kind kind, std::string_view api_version);

}  // namespace berth::model
