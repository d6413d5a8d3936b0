// model/meta.hpp - what every Kubernetes object has: kind, key, metadata.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "model/shared_list.hpp"

namespace berth::model {

/// The kinds we keep. The order is the order in which sources apply them and `get all` shows them.
enum class Kind {
  Namespace,
  Node,
  CustomResourceDefinition,
  PriorityClass,
  RuntimeClass,
  StorageClass,
  IngressClass,
  ClusterRole,
  ClusterRoleBinding,
  CertificateSigningRequest,
  PersistentVolume,
  VolumeAttachment,
  ConfigMap,
  Secret,
  ServiceAccount,
  Role,
  RoleBinding,
  LimitRange,
  ResourceQuota,
  PersistentVolumeClaim,
  Service,
  Ingress,
  NetworkPolicy,
  PodTemplate,
  PodDisruptionBudget,
  HorizontalPodAutoscaler,
  ReplicationController,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
  Job,
  CronJob,
  ControllerRevision,
  Pod,
  Endpoints,
  EndpointSlice,
  Lease,
  Event,
};

/// When an object goes while its namespace ends; a stage begins when the one before is gone.
enum class Ending { First, Pods, WithTheRest, Last };

/// What everybody may ask about one kind. The rules that only model/ knows (defaults, validation) are in the same row
/// of the table: kinds.cpp.
struct KindInfo {
  Kind kind;
  std::string_view name;         ///< "StatefulSet"
  std::string_view group;        ///< "apps"; "" is the core group
  std::string_view version;      ///< "v1"
  std::string_view plural;       ///< "statefulsets"
  std::string_view singular;     ///< "statefulset"
  std::string_view short_names;  ///< "sts", comma separated
  bool namespaced = true;
  bool has_status = false;          ///< The status is written at NAME/status and nowhere else.
  bool has_scale = false;           ///< NAME/scale is served.
  bool has_approval = false;        ///< NAME/approval is served: its status, for who approves.
  bool in_all = false;              ///< `get all` shows it.
  bool deletes_gracefully = false;  ///< Deletion takes time, see deletion.hpp.
  Ending ending = Ending::WithTheRest;
  /// There is none of it, and nothing can make one: served for those who look first.
  bool is_empty = false;
  /// It is kept whole, as Kubernetes does, but nothing acts on it here: why. Who writes one is told. Empty: it has its
  /// effect.
  std::string_view without_effect{};

  /// "apps/v1", "v1".
  std::string api_version() const;
};

/// All kinds, in enum order.
const std::vector<KindInfo>& all_kinds();
const KindInfo& info(Kind kind);

/// By kind name, plural, singular or short name, any case ("sts", "StatefulSet"); null when unknown.
const KindInfo* find_kind(std::string_view word);

/// By kind name as it is spelled ("StatefulSet"); null when unknown.
const KindInfo* kind_named(std::string_view name);

/// Names one object. `ns` is empty for kinds without namespaces.
struct ObjectKey {
  Kind kind = Kind::Pod;
  std::string ns;
  std::string name;

  auto operator<=>(const ObjectKey&) const = default;

  /// "StatefulSet default/web", "Node worker1": how messages name it.
  std::string display() const;
};

using StringMap = std::map<std::string, std::string>;

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;
  bool block_owner_deletion = false;
  bool operator==(const OwnerReference&) const = default;
};

/// metav1.ObjectMeta. Times are RFC 3339 text as stored; empty means not set.
struct ObjectMeta {
  std::string name;
  std::string generate_name;
  std::string ns;
  std::string uid;
  std::uint64_t resource_version = 0;  ///< The store's revision that wrote it; 0 before.
  std::int64_t generation = 0;
  std::string creation_timestamp;
  std::string deletion_timestamp;
  std::optional<std::int64_t> deletion_grace_period_seconds;
  StringMap labels;
  StringMap annotations;
  SharedList<OwnerReference> owner_references;
  std::vector<std::string> finalizers;

  bool deleting() const { return !deletion_timestamp.empty(); }
  /// The owner with controller=true, or null.
  const OwnerReference* controller() const;
};

/// One object as the store keeps it: the whole JSON (unknown fields included) and its metadata
/// decoded. Immutable once shared.
struct Object {
  Kind kind = Kind::Pod;
  ObjectMeta meta;
  json::object raw;  ///< Includes apiVersion, kind, metadata (with resourceVersion), spec, status.

  ObjectKey key() const { return {kind, meta.ns, meta.name}; }
};
using ObjectPtr = std::shared_ptr<const Object>;

/// Builds an Object from JSON whose kind and metadata are sound: known kind and version, a name,
/// a namespace exactly when the kind has one. Decodes metadata only; see model.hpp for the rest.
/// Unimplemented: a kind or a version that we do not know; the object may be fine. InvalidArgument: it is broken.
Result<Object> make_object(json::object raw);

/// Fills in what an object says of itself once it has a uid (the selector of a Job). The store calls it, with the first
/// put of an object.
void complete_new(Kind kind, json::object& raw);

/// What was filled in when `old` was written stays where `raw`, which is to replace it, leaves it open.
void keep_filled(Kind kind, json::object& raw, const json::object& old);

/// Decodes metadata; fields of the wrong type are InvalidArgument with their path.
Result<ObjectMeta> decode_meta(const json::object& metadata);

/// Metadata as JSON; unset fields are left out.
json::object encode_meta(const ObjectMeta& meta);

/// A random (version 4) UUID, RFC 9562: what metadata.uid holds.
std::string new_uid();

}  // namespace berth::model
