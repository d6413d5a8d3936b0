// model/defaults_internal.hpp - defaulting of the parts that several kinds share, inside model/ only.
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "model/admission.hpp"

namespace berth::model {

/// What every pod spec gets, in a Pod or in a template (SetDefaults_PodSpec and below).
void default_pod_spec(json::object& spec);

/// What the pod template in the spec of a set or a job gets.
void default_template(json::object& spec);

/// What only a Pod gets: requests from limits, enableServiceLinks, host ports (SetDefaults_Pod).
void default_pod_only(json::object& spec);

/// What the sources that pods' volumes and PersistentVolumes share get (SetDefaults_ISCSIVolumeSource and its like).
void default_disk_source(json::object& holder);

/// volumeMode and status.phase of a claim or a claim template.
void default_claim(json::object& claim);

// The kinds' own, on the whole object.
void default_namespace(json::object& raw);
void default_storage_class(json::object& raw);
void default_volume_object(json::object& raw);
void default_secret(json::object& raw);
void default_service(json::object& raw);
void default_daemon_set(json::object& raw);
void default_deployment(json::object& raw);
void default_replica_set(json::object& raw);
void default_replication_controller(json::object& raw);
void default_stateful_set(json::object& raw);
void default_job(json::object& raw);
void default_cron_job(json::object& raw);
void default_pod(json::object& raw);
void default_endpoints(json::object& raw);
void default_endpoint_slice(json::object& raw);
void default_priority_class(json::object& raw);
void default_ingress_class(json::object& raw);
void default_role_binding(json::object& raw);
void default_autoscaler(json::object& raw);
void default_limit_range(json::object& raw);
void default_network_policy(json::object& raw);
void default_pod_template_object(json::object& raw);

/// Selector and labels of a Job that is stored for the first time: they name its uid.
void complete_job(json::object& raw);
/// The same, when it is written again without them.
void keep_of_job(json::object& raw, const json::object& old);
/// What a new pod gets of the rest of the store, see admit_new().
Status admit_pod(json::object& raw, const Stored& stored);
Status admit_claim(json::object& raw, const Stored& stored);
/// What it got is still there when it is written again without.
void keep_of_pod(json::object& raw, const json::object& old);
void keep_of_signing_request(json::object& raw, const json::object& old);
/// The selector (as matchLabels, or as a plain map) and the set's own labels, where nothing is said of them: the
/// template's labels.
enum class SelectorForm { MatchLabels, Plain };
void default_labels_from_template(json::object& raw, SelectorForm form);
/// The object's own labels are those when it has none.
void default_own_labels(json::object& raw, const json::object& labels);

/// "Always" for :latest or no tag and no digest, else "IfNotPresent".
std::string_view default_pull_policy(std::string_view image);

}  // namespace berth::model
