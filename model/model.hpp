// model/model.hpp - front door: text to objects, defaults, validation, typed views.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/meta.hpp"
#include "model/pod.hpp"
#include "model/selector.hpp"
#include "model/workloads.hpp"

namespace berth::model {

/// What a reader should change: `web.yaml:14: StatefulSet default/web: spec.replicas: must be >= 0`.
struct Problem {
  std::string file;     ///< As the caller named it.
  int line = 0;         ///< 1-based; 0 when not known.
  std::string object;   ///< ObjectKey::display(), or "document 2" before the name is known.
  std::string field;    ///< "spec.template.spec.containers[0].image"; empty for the whole object.
  std::string message;  ///< What is wrong and what would be right.

  std::string text() const;
};

/// A manifest file after reading. An object with an error is not in `objects`.
struct Manifest {
  std::vector<Object> objects;    ///< Converted to current versions, defaulted, valid, in file order.
  std::vector<Problem> errors;    ///< Any error means: apply nothing of this file.
  std::vector<Problem> left_out;  ///< Of kinds that are not run here: no reason to leave out the others.
  std::vector<Problem> warnings;  ///< Unknown or not honoured fields, old API versions.
};

/// Do other hosts share the store? Where they do not, fields that are about many hosts have no effect.
enum class Hosts { Alone, Sharing };

/// Limits on one file; larger input is an error that names the limit.
struct ManifestLimits {
  std::size_t bytes = 4 * 1024 * 1024;
  std::size_t objects = 1000;
  std::size_t depth = 64;
  std::size_t nodes = 200'000;  ///< YAML nodes after alias expansion: no "billion laughs".
};

/// Reads YAML or JSON text: several documents, `List` kinds, old API versions. Namespaced objects
/// without a namespace get `default`. `hosts`: where it will be applied, for warnings. Never throws; pure.
Manifest read_manifest(std::string_view text, const std::string& file, const ManifestLimits& limits = {},
                       Hosts hosts = Hosts::Alone);

/// Reads one YAML (or JSON) document as read_manifest does, without looking at what it says: patches, request bodies.
/// InvalidArgument with the line; also when there is no document, or more than one. Pure.
Result<json::value> parse_yaml(std::string_view text, const ManifestLimits& limits = {});

/// Converts apps/v1beta1, apps/v1beta2, extensions/v1beta1 to apps/v1 in place, with their old
/// defaults (selector from template labels, OnDelete where v1beta1 had it... see conversion.hpp).
/// Current versions pass unchanged. InvalidArgument: a kind or version we do not know.
Status convert_to_current(json::object& raw);

/// Fills defaults as the API server does (protocol, pull policy, probes, update strategy, ...), and writes quantities
/// in their canonical form.
void apply_defaults(Kind kind, json::object& raw);

/// The same for a pod template alone: what it says in a set that is stored now.
void apply_template_defaults(json::object& pod_template);

/// All that is wrong with a defaulted object; `old` (may be null) is what it replaces, for
/// immutable fields. Problems have object, field and message; file and line are left empty.
std::vector<Problem> validate(Kind kind, const json::object& raw, const json::object* old);

/// Fields that no schema of ours knows, and fields that are stored but have no effect here; first of all, without a
/// field, that the whole object has none. `hosts`: of those that would ask for them.
std::vector<Problem> unknown_fields(Kind kind, const json::object& raw, Hosts hosts = Hosts::Alone);

// Typed views of a defaulted object. Error: InvalidArgument with the field path, never for an
// object that validated.
Result<Pod> decode_pod(const Object& object);
Result<StatefulSet> decode_stateful_set(const Object& object);
Result<DaemonSet> decode_daemon_set(const Object& object);
Result<ReplicaSet> decode_replica_set(const Object& object);
Result<ReplicaSet> decode_replication_controller(const Object& object);
Result<Deployment> decode_deployment(const Object& object);
Result<Service> decode_service(const Object& object);
Result<ConfigMap> decode_config_map(const Object& object);
Result<Secret> decode_secret(const Object& object);
Result<PersistentVolumeClaim> decode_claim(const Object& object);
Result<PersistentVolume> decode_volume(const Object& object);
Result<VolumeAttachment> decode_volume_attachment(const Object& object);
Result<StorageClass> decode_storage_class(const Object& object);
/// The source in a PersistentVolume's spec ({"nfs": {...}}, other members are passed over), and back.
Result<PersistentSource> decode_source(const json::object& spec);
json::object encode_source(const PersistentSource& source);
Result<Node> decode_node(const Object& object);
Result<Event> decode_event(const Object& object);

/// Ok when the typed view of the object's kind can be made; kinds without a view of their own always can.
Status check_decodes(const Object& object);

/// PodStatus as JSON, as the API shows it.
json::object encode_pod_status(const PodStatus& status);
/// An Event object as JSON, ready for make_object.
json::object encode_event(const Event& event);

/// Guaranteed, Burstable or BestEffort, see the Kubernetes QoS rules.
std::string qos_class(const PodSpec& spec);

/// Is `name` a DNS-1123 label (max 63) / subdomain (max 253)?
bool is_dns_label(std::string_view name);
bool is_dns_subdomain(std::string_view name);

}  // namespace berth::model
