// model/kinds.cpp - the table of kinds: one row has all of a kind, see kind_row.hpp and meta.hpp.
#include <algorithm>
#include <cassert>
#include <string>

#include "model/autoscaling.hpp"
#include "model/budgets.hpp"
#include "model/defaults_internal.hpp"
#include "model/jobs.hpp"
#include "model/kind_row.hpp"
#include "model/model.hpp"
#include "model/network_policy.hpp"
#include "model/service_addresses.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

template <auto Decode>
Status decodes(const Object& object) {
  const auto view = Decode(object);
  if (!view) return view.error();
  return Ok{};
}

/// Takes the rules that look at `spec` alone.
template <void (*Check)(const Reader& now, const Reader& old)>
void in_spec(const Reader& now, const Reader& old) {
  Check(now.child("spec"), old.child("spec"));
}

constexpr std::string_view kNoRoles = "nothing enforces roles: nobody inside a pod has a token";
constexpr std::string_view kNoIngress = "no ingress controller runs here, nothing is routed; see the ports of Services";
constexpr std::string_view kNoSigner = "nothing signs certificates here but what is made for its signer";
constexpr std::string_view kOneRuntime = "every pod runs with containerd's default runtime";

/// In enum order.
const std::vector<KindRow>& rows() {
  static const std::vector<KindRow> table = {
      {
          .info = {.kind = Kind::Namespace,
                   .name = "Namespace",
                   .group = "",
                   .version = "v1",
                   .plural = "namespaces",
                   .singular = "namespace",
                   .short_names = "ns",
                   .namespaced = false,
                   .has_status = true,
                   .deletes_gracefully = true},
          .name_error = dns_label_error,
          .defaults = default_namespace,
          .check = check_namespace,
      },
      {
          .info = {.kind = Kind::Node,
                   .name = "Node",
                   .group = "",
                   .version = "v1",
                   .plural = "nodes",
                   .singular = "node",
                   .short_names = "no",
                   .namespaced = false,
                   .has_status = true},
          .check = check_node,
          .decodes = decodes<decode_node>,
      },
      {
          .info = {.kind = Kind::CustomResourceDefinition,
                   .name = "CustomResourceDefinition",
                   .group = "apiextensions.k8s.io",
                   .version = "v1",
                   .plural = "customresourcedefinitions",
                   .singular = "customresourcedefinition",
                   .short_names = "crd",
                   .namespaced = false,
                   .is_empty = true},
      },
      {
          .info = {.kind = Kind::PriorityClass,
                   .name = "PriorityClass",
                   .group = "scheduling.k8s.io",
                   .version = "v1",
                   .plural = "priorityclasses",
                   .singular = "priorityclass",
                   .short_names = "pc",
                   .namespaced = false},
          .defaults = default_priority_class,
          .check = check_priority_class,
          .check_update = check_priority_class_update,
      },
      {
          .info = {.kind = Kind::RuntimeClass,
                   .name = "RuntimeClass",
                   .group = "node.k8s.io",
                   .version = "v1",
                   .plural = "runtimeclasses",
                   .singular = "runtimeclass",
                   .short_names = "",
                   .namespaced = false,
                   .without_effect = kOneRuntime},
          .check = check_runtime_class,
          .check_update = check_runtime_class_update,
      },
      {
          .info = {.kind = Kind::StorageClass,
                   .name = "StorageClass",
                   .group = "storage.k8s.io",
                   .version = "v1",
                   .plural = "storageclasses",
                   .singular = "storageclass",
                   .short_names = "sc",
                   .namespaced = false},
          .defaults = default_storage_class,
          .check = check_storage_class,
          .check_update = check_storage_class_update,
          .decodes = decodes<decode_storage_class>,
      },
      {
          .info = {.kind = Kind::IngressClass,
                   .name = "IngressClass",
                   .group = "networking.k8s.io",
                   .version = "v1",
                   .plural = "ingressclasses",
                   .singular = "ingressclass",
                   .short_names = "",
                   .namespaced = false,
                   .without_effect = kNoIngress},
          .defaults = default_ingress_class,
          .check = check_ingress_class,
          .check_update = check_ingress_class_update,
      },
      {
          .info = {.kind = Kind::ClusterRole,
                   .name = "ClusterRole",
                   .group = "rbac.authorization.k8s.io",
                   .version = "v1",
                   .plural = "clusterroles",
                   .singular = "clusterrole",
                   .short_names = "",
                   .namespaced = false,
                   .without_effect = kNoRoles},
          .name_error = path_segment_error,
          .check = check_cluster_role,
      },
      {
          .info = {.kind = Kind::ClusterRoleBinding,
                   .name = "ClusterRoleBinding",
                   .group = "rbac.authorization.k8s.io",
                   .version = "v1",
                   .plural = "clusterrolebindings",
                   .singular = "clusterrolebinding",
                   .short_names = "",
                   .namespaced = false,
                   .without_effect = kNoRoles},
          .name_error = path_segment_error,
          .defaults = default_role_binding,
          .check = check_cluster_role_binding,
          .check_update = check_role_binding_update,
      },
      {
          .info = {.kind = Kind::CertificateSigningRequest,
                   .name = "CertificateSigningRequest",
                   .group = "certificates.k8s.io",
                   .version = "v1",
                   .plural = "certificatesigningrequests",
                   .singular = "certificatesigningrequest",
                   .short_names = "csr",
                   .namespaced = false,
                   .has_status = true,
                   .has_approval = true,
                   .without_effect = kNoSigner},
          .keep = keep_of_signing_request,
          .check = check_signing_request,
          .check_update = in_spec<check_signing_request_update>,
      },
      {
          .info = {.kind = Kind::PersistentVolume,
                   .name = "PersistentVolume",
                   .group = "",
                   .version = "v1",
                   .plural = "persistentvolumes",
                   .singular = "persistentvolume",
                   .short_names = "pv",
                   .namespaced = false,
                   .has_status = true},
          .defaults = default_volume_object,
          .check = check_persistent_volume,
          .check_update = in_spec<check_volume_update>,
          .decodes = decodes<decode_volume>,
      },
      {
          .info = {.kind = Kind::VolumeAttachment,
                   .name = "VolumeAttachment",
                   .group = "storage.k8s.io",
                   .version = "v1",
                   .plural = "volumeattachments",
                   .singular = "volumeattachment",
                   .short_names = "",
                   .namespaced = false,
                   .has_status = true},
          .check = check_volume_attachment,
          .check_update = check_volume_attachment_update,
          .decodes = decodes<decode_volume_attachment>,
      },
      {
          .info = {.kind = Kind::ConfigMap,
                   .name = "ConfigMap",
                   .group = "",
                   .version = "v1",
                   .plural = "configmaps",
                   .singular = "configmap",
                   .short_names = "cm"},
          .check = check_config_map,
          .check_update = check_immutable_data,
          .decodes = decodes<decode_config_map>,
      },
      {
          .info = {.kind = Kind::Secret,
                   .name = "Secret",
                   .group = "",
                   .version = "v1",
                   .plural = "secrets",
                   .singular = "secret",
                   .short_names = ""},
          .defaults = default_secret,
          .check = check_secret,
          .check_update = check_secret_update,
          .decodes = decodes<decode_secret>,
      },
      {
          .info = {.kind = Kind::ServiceAccount,
                   .name = "ServiceAccount",
                   .group = "",
                   .version = "v1",
                   .plural = "serviceaccounts",
                   .singular = "serviceaccount",
                   .short_names = "sa"},
      },
      {
          .info = {.kind = Kind::Role,
                   .name = "Role",
                   .group = "rbac.authorization.k8s.io",
                   .version = "v1",
                   .plural = "roles",
                   .singular = "role",
                   .short_names = "",
                   .without_effect = kNoRoles},
          .name_error = path_segment_error,
          .check = check_role,
      },
      {
          .info = {.kind = Kind::RoleBinding,
                   .name = "RoleBinding",
                   .group = "rbac.authorization.k8s.io",
                   .version = "v1",
                   .plural = "rolebindings",
                   .singular = "rolebinding",
                   .short_names = "",
                   .without_effect = kNoRoles},
          .name_error = path_segment_error,
          .defaults = default_role_binding,
          .check = check_role_binding,
          .check_update = check_role_binding_update,
      },
      {
          .info = {.kind = Kind::LimitRange,
                   .name = "LimitRange",
                   .group = "",
                   .version = "v1",
                   .plural = "limitranges",
                   .singular = "limitrange",
                   .short_names = "limits"},
          .defaults = default_limit_range,
          .check = check_limit_range,
      },
      {
          .info = {.kind = Kind::ResourceQuota,
                   .name = "ResourceQuota",
                   .group = "",
                   .version = "v1",
                   .plural = "resourcequotas",
                   .singular = "resourcequota",
                   .short_names = "quota",
                   .has_status = true},
          .check = check_resource_quota,
          .check_update = check_resource_quota_update,
      },
      {
          .info = {.kind = Kind::PersistentVolumeClaim,
                   .name = "PersistentVolumeClaim",
                   .group = "",
                   .version = "v1",
                   .plural = "persistentvolumeclaims",
                   .singular = "persistentvolumeclaim",
                   .short_names = "pvc",
                   .has_status = true},
          .defaults = default_claim,
          .admit = admit_claim,
          .check = check_claim,
          .check_update = check_claim_update,
          .decodes = decodes<decode_claim>,
      },
      {
          .info = {.kind = Kind::Service,
                   .name = "Service",
                   .group = "",
                   .version = "v1",
                   .plural = "services",
                   .singular = "service",
                   .short_names = "svc",
                   .has_status = true,
                   .in_all = true},
          .name_error = dns_1035_label_error,
          .defaults = default_service,
          .keep = keep_service_addresses,
          .check = check_service,
          .check_update = in_spec<check_service_update>,
          .decodes = decodes<decode_service>,
      },
      {
          .info = {.kind = Kind::Ingress,
                   .name = "Ingress",
                   .group = "networking.k8s.io",
                   .version = "v1",
                   .plural = "ingresses",
                   .singular = "ingress",
                   .short_names = "ing",
                   .has_status = true,
                   .without_effect = kNoIngress},
          .check = check_ingress,
      },
      {
          .info = {.kind = Kind::NetworkPolicy,
                   .name = "NetworkPolicy",
                   .group = "networking.k8s.io",
                   .version = "v1",
                   .plural = "networkpolicies",
                   .singular = "networkpolicy",
                   .short_names = "netpol"},
          .defaults = default_network_policy,
          .check = check_network_policy,
          .decodes = decodes<decode_network_policy>,
      },
      {
          .info = {.kind = Kind::PodTemplate,
                   .name = "PodTemplate",
                   .group = "",
                   .version = "v1",
                   .plural = "podtemplates",
                   .singular = "podtemplate",
                   .short_names = ""},
          .defaults = default_pod_template_object,
          .check = check_pod_template_object,
      },
      {
          .info = {.kind = Kind::PodDisruptionBudget,
                   .name = "PodDisruptionBudget",
                   .group = "policy",
                   .version = "v1",
                   .plural = "poddisruptionbudgets",
                   .singular = "poddisruptionbudget",
                   .short_names = "pdb",
                   .has_status = true},
          .check = check_disruption_budget,
          .decodes = decodes<decode_disruption_budget>,
      },
      {
          .info = {.kind = Kind::HorizontalPodAutoscaler,
                   .name = "HorizontalPodAutoscaler",
                   .group = "autoscaling",
                   .version = "v2",
                   .plural = "horizontalpodautoscalers",
                   .singular = "horizontalpodautoscaler",
                   .short_names = "hpa",
                   .has_status = true,
                   .in_all = true},
          .defaults = default_autoscaler,
          .check = check_autoscaler,
          .decodes = decodes<decode_autoscaler>,
      },
      {
          .info = {.kind = Kind::ReplicationController,
                   .name = "ReplicationController",
                   .group = "",
                   .version = "v1",
                   .plural = "replicationcontrollers",
                   .singular = "replicationcontroller",
                   .short_names = "rc",
                   .has_status = true,
                   .has_scale = true,
                   .in_all = true,
                   .ending = Ending::First},
          .defaults = default_replication_controller,
          .check = check_replication_controller,
          .decodes = decodes<decode_replication_controller>,
      },
      {
          .info = {.kind = Kind::DaemonSet,
                   .name = "DaemonSet",
                   .group = "apps",
                   .version = "v1",
                   .plural = "daemonsets",
                   .singular = "daemonset",
                   .short_names = "ds",
                   .has_status = true,
                   .in_all = true,
                   .deletes_gracefully = true,
                   .ending = Ending::First},
          .defaults = default_daemon_set,
          .check = check_daemon_set,
          .check_update = in_spec<check_selector_update>,
          .decodes = decodes<decode_daemon_set>,
      },
      {
          .info = {.kind = Kind::Deployment,
                   .name = "Deployment",
                   .group = "apps",
                   .version = "v1",
                   .plural = "deployments",
                   .singular = "deployment",
                   .short_names = "deploy",
                   .has_status = true,
                   .has_scale = true,
                   .in_all = true,
                   .ending = Ending::First},
          .defaults = default_deployment,
          .check = check_deployment,
          .check_update = in_spec<check_selector_update>,
          .decodes = decodes<decode_deployment>,
      },
      {
          .info = {.kind = Kind::ReplicaSet,
                   .name = "ReplicaSet",
                   .group = "apps",
                   .version = "v1",
                   .plural = "replicasets",
                   .singular = "replicaset",
                   .short_names = "rs",
                   .has_status = true,
                   .has_scale = true,
                   .in_all = true,
                   .ending = Ending::First},
          .defaults = default_replica_set,
          .check = check_replica_set,
          .check_update = in_spec<check_selector_update>,
          .decodes = decodes<decode_replica_set>,
      },
      {
          .info = {.kind = Kind::StatefulSet,
                   .name = "StatefulSet",
                   .group = "apps",
                   .version = "v1",
                   .plural = "statefulsets",
                   .singular = "statefulset",
                   .short_names = "sts",
                   .has_status = true,
                   .has_scale = true,
                   .in_all = true,
                   .deletes_gracefully = true,
                   .ending = Ending::First},
          .defaults = default_stateful_set,
          .check = check_stateful_set,
          .check_update = in_spec<check_stateful_set_update>,
          .decodes = decodes<decode_stateful_set>,
      },
      {
          .info = {.kind = Kind::Job,
                   .name = "Job",
                   .group = "batch",
                   .version = "v1",
                   .plural = "jobs",
                   .singular = "job",
                   .short_names = "",
                   .has_status = true,
                   .in_all = true,
                   .ending = Ending::First},
          .defaults = default_job,
          .complete = complete_job,
          .keep = keep_of_job,
          .check = check_job,
          .check_update = check_job_update,
          .decodes = decodes<decode_job>,
      },
      {
          .info = {.kind = Kind::CronJob,
                   .name = "CronJob",
                   .group = "batch",
                   .version = "v1",
                   .plural = "cronjobs",
                   .singular = "cronjob",
                   .short_names = "cj",
                   .has_status = true,
                   .in_all = true,
                   .ending = Ending::First},
          .defaults = default_cron_job,
          .check = check_cron_job,
          .decodes = decodes<decode_cron_job>,
      },
      {
          .info = {.kind = Kind::ControllerRevision,
                   .name = "ControllerRevision",
                   .group = "apps",
                   .version = "v1",
                   .plural = "controllerrevisions",
                   .singular = "controllerrevision",
                   .short_names = ""},
          .check = check_controller_revision,
          .check_update = check_controller_revision_update,
      },
      {
          .info = {.kind = Kind::Pod,
                   .name = "Pod",
                   .group = "",
                   .version = "v1",
                   .plural = "pods",
                   .singular = "pod",
                   .short_names = "po",
                   .has_status = true,
                   .in_all = true,
                   .deletes_gracefully = true,
                   .ending = Ending::Pods},
          .defaults = default_pod,
          .admit = admit_pod,
          .keep = keep_of_pod,
          .check = check_pod,
          .check_update = in_spec<check_pod_update>,
          .decodes = decodes<decode_pod>,
      },
      {
          .info = {.kind = Kind::Endpoints,
                   .name = "Endpoints",
                   .group = "",
                   .version = "v1",
                   .plural = "endpoints",
                   .singular = "endpoints",
                   .short_names = "ep"},
          .defaults = default_endpoints,
          .check = check_endpoints,
      },
      {
          .info = {.kind = Kind::EndpointSlice,
                   .name = "EndpointSlice",
                   .group = "discovery.k8s.io",
                   .version = "v1",
                   .plural = "endpointslices",
                   .singular = "endpointslice",
                   .short_names = ""},
          .defaults = default_endpoint_slice,
          .check = check_endpoint_slice,
          .check_update = check_endpoint_slice_update,
      },
      {
          .info = {.kind = Kind::Lease,
                   .name = "Lease",
                   .group = "coordination.k8s.io",
                   .version = "v1",
                   .plural = "leases",
                   .singular = "lease",
                   .short_names = ""},
          .check = check_lease,
      },
      {
          .info = {.kind = Kind::Event,
                   .name = "Event",
                   .group = "",
                   .version = "v1",
                   .plural = "events",
                   .singular = "event",
                   .short_names = "ev",
                   .ending = Ending::Last},
          .check = check_event,
          .decodes = decodes<decode_event>,
      },
  };
  return table;
}

}  // namespace

const KindRow& row(Kind kind) {
  const auto index = static_cast<std::size_t>(kind);
  assert(index < rows().size() && rows()[index].info.kind == kind);
  return rows()[index];
}

std::string KindInfo::api_version() const {
  if (group.empty()) return std::string(version);
  return std::string(group).append("/").append(version);
}

const std::vector<KindInfo>& all_kinds() {
  static const auto kinds = [] {
    std::vector<KindInfo> out;
    for (const auto& one : rows()) out.push_back(one.info);
    return out;
  }();
  return kinds;
}

const KindInfo& info(Kind kind) { return all_kinds()[static_cast<std::size_t>(kind)]; }

const KindInfo* kind_named(std::string_view name) {
  for (const auto& kind : all_kinds()) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

Status check_decodes(const Object& object) {
  const auto decodes = row(object.kind).decodes;
  return decodes == nullptr ? Status(Ok{}) : decodes(object);
}

void complete_new(Kind kind, json::object& raw) {
  if (const auto complete = row(kind).complete) complete(raw);
}

void keep_filled(Kind kind, json::object& raw, const json::object& old) {
  if (const auto keep = row(kind).keep) keep(raw, old);
}

const KindInfo* find_kind(std::string_view word) {
  if (word.empty()) return nullptr;
  for (const auto& kind : all_kinds()) {
    for (const auto spelling : {kind.name, kind.plural, kind.singular, kind.short_names}) {
      if (equal_ignoring_case(spelling, word)) return &kind;
    }
  }
  return nullptr;
}

std::string ObjectKey::display() const {
  auto text = std::string(info(kind).name).append(" ");
  if (!ns.empty()) text.append(ns).append("/");
  return text.append(name);
}

}  // namespace berth::model
