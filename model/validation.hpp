// model/validation.hpp - the validators' shared pieces, inside model/ only. Values have the right types already.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "model/meta.hpp"
#include "model/pod.hpp"
#include "model/reader.hpp"

namespace berth::model {

struct KindRow;

// The words of k8s.io/apimachinery/pkg/util/validation/field, in lower case.

/// Notes "required" when the string is absent or empty; true when it is there.
bool require_text(const Reader& from, std::string_view name);
/// Notes "invalid value: "x": why" when `why` is not empty.
void check_text(const Reader& from, std::string_view name, std::string (*check)(std::string_view));
/// Each text of the list at `name`.
void check_each(const Reader& from, std::string_view name, std::string (*check)(std::string_view));
/// Notes "unsupported value: ..." when a value is set and not listed.
void check_choice(const Reader& from, std::string_view name, std::initializer_list<std::string_view> choices);
/// Notes a number outside [low, high]; absent is fine.
void check_range(const Reader& from, std::string_view name, std::int64_t low,
                 std::int64_t high = std::numeric_limits<std::int64_t>::max());
/// A port: required, 1 to 65535.
void check_port_number(const Reader& from, std::string_view name);
/// A port number, or the name of one.
void check_port_or_name(const Reader& from, std::string_view name);
/// Notes "duplicate value: ..." when `value` was seen; empty values are not counted.
void check_unique(const Reader& from, std::string_view name, const std::string& value, std::set<std::string>& seen);
/// Keys and values of a label map.
void check_labels(const Reader& from, std::string_view name);
void check_label_selector(const Reader& selector);
void check_requirements(const Reader& from, std::string_view name, bool for_nodes);
void check_node_selector_term(const Reader& term);
void check_node_selector(const Reader& selector);
/// "invalid value: \"x\": why", the value cut to a readable length.
std::string invalid(std::string_view value, std::string_view why);
/// "unsupported value: \"x\": supported values: \"a\", \"b\"".
std::string unsupported(std::string_view value, std::initializer_list<std::string_view> choices);

/// Names of a pod's volumes; true for those that a claim backs.
using VolumeNames = std::map<std::string, bool>;

void check_meta(const Reader& metadata, const KindRow& row);
void check_pod_spec(const Reader& spec, const std::set<std::string>& claim_templates, bool in_set);
/// A set's `template`: it is there, its labels and its pod are right.
void check_pod_template(const Reader& spec, const std::set<std::string>& claim_templates, bool in_set = true);
/// The same, and `selector` is there and takes the template's labels.
void check_selector_and_template(const Reader& spec, const std::set<std::string>& claim_templates);
/// A number, or a percentage as text: at least 0, at most 100% unless `over_all`. What it says, 1 for any share, 0 when
/// that is nothing.
std::int64_t check_count_or_percent(const Reader& from, std::string_view name, bool over_all = false);
void check_tolerations(const Reader& spec);
/// Why a name is none for what a container asks for ("cpu", "example.com/gpu"); empty: it is one.
std::string resource_name_error(std::string_view name);
/// `os`: spec.os.name, which may be empty.
void check_container(const Reader& container, const VolumeNames& volumes, bool init, std::string_view os);
/// Where a value of the pod's own goes: what may be asked for differs.
enum class FieldUse { Environment, File };
/// fieldRef and resourceFieldRef of `parent`, where they are.
void check_field_ref(const Reader& parent, FieldUse use);
void check_resource_ref(const Reader& parent, FieldUse use);
/// seccompProfile and appArmorProfile of a pod's or a container's security context.
void check_profiles(const Reader& security);
void check_affinity(const Reader& affinity);
void check_topology_spread(const Reader& pod_spec);
/// The sources of volumes that cannot be mounted here: what Kubernetes wants them to say.
void check_foreign_sources(const Reader& holder);
/// `replaced`: names of volumes that claim templates stand in for; what is written there has no meaning.
void check_volumes(const Reader& pod_spec, const std::set<std::string>& replaced, VolumeNames& names);
/// The sources that a pod's volume and a PersistentVolume's spec may both have, and local. `volume_name`: the
/// PersistentVolume's; empty for a pod's volume.
void check_shared_sources(const Reader& holder, std::string_view volume_name);
/// The pod itself: its spec is a pod spec that belongs to no set.
void check_pod(const Reader& root);
void check_claim(const Reader& root);
void check_namespace(const Reader& root);
void check_controller_revision(const Reader& root);
void check_endpoints(const Reader& root);
void check_endpoint_slice(const Reader& root);
void check_lease(const Reader& root);
void check_event(const Reader& root);
void check_stateful_set(const Reader& root);
void check_daemon_set(const Reader& root);
void check_job(const Reader& root);
void check_cron_job(const Reader& root);
void check_deployment(const Reader& root);
void check_replica_set(const Reader& root);
void check_replication_controller(const Reader& root);
void check_service(const Reader& root);
void check_claim_spec(const Reader& spec);
void check_persistent_volume(const Reader& root);
void check_storage_class(const Reader& root);
void check_volume_attachment(const Reader& root);
void check_config_map(const Reader& root);
void check_secret(const Reader& root);
void check_node(const Reader& root);
void check_priority_class(const Reader& root);
void check_runtime_class(const Reader& root);
void check_ingress_class(const Reader& root);
void check_ingress(const Reader& root);
void check_network_policy(const Reader& root);
void check_autoscaler(const Reader& root);
void check_signing_request(const Reader& root);
void check_cluster_role(const Reader& root);
void check_cluster_role_binding(const Reader& root);
void check_role(const Reader& root);
void check_role_binding(const Reader& root);
void check_limit_range(const Reader& root);
void check_resource_quota(const Reader& root);
void check_pod_template_object(const Reader& root);
void check_disruption_budget(const Reader& root);

// What may not change between two versions of an object: of the whole object...
/// Notes when the value at `name` is another.
void check_same(const Reader& now, const Reader& old, std::string_view name);
void check_meta_update(const Reader& now, const Reader& old);
void check_claim_update(const Reader& now, const Reader& old);
void check_job_update(const Reader& now, const Reader& old);
void check_storage_class_update(const Reader& now, const Reader& old);
void check_volume_attachment_update(const Reader& now, const Reader& old);
void check_immutable_data(const Reader& now, const Reader& old);
void check_secret_update(const Reader& now, const Reader& old);
void check_controller_revision_update(const Reader& now, const Reader& old);
void check_endpoint_slice_update(const Reader& now, const Reader& old);
void check_priority_class_update(const Reader& now, const Reader& old);
void check_runtime_class_update(const Reader& now, const Reader& old);
void check_ingress_class_update(const Reader& now, const Reader& old);
void check_role_binding_update(const Reader& now, const Reader& old);
void check_resource_quota_update(const Reader& now, const Reader& old);
// ... and of its spec.
void check_signing_request_update(const Reader& now, const Reader& old);
void check_stateful_set_update(const Reader& now, const Reader& old);
void check_selector_update(const Reader& now, const Reader& old);
void check_pod_update(const Reader& now, const Reader& old);
void check_volume_update(const Reader& now, const Reader& old);
void check_service_update(const Reader& now, const Reader& old);

}  // namespace berth::model
