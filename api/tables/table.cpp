// api/tables/table.cpp - objects as rows of text.
#include "api/tables/table.hpp"

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/encoding/json_text.hpp"
#include "api/encoding/old_version.hpp"
#include "api/tables/human_duration.hpp"

namespace berth::api {

namespace {

using model::Kind;
using Columns = std::vector<Column>;

std::string age(const model::Object& object, WallTime now) { return age_since(object.meta.creation_timestamp, now); }

json::array namespace_cells(const model::Object& object, WallTime now) {
  const auto phase = text_at(object.raw, {"status", "phase"});
  return {object.meta.name,
          object.meta.deleting() ? "Terminating"
          : phase.empty()        ? "Active"
                                 : phase,
          age(object, now)};
}

json::array config_map_cells(const model::Object& object, WallTime now) {
  return {object.meta.name, size_at(object.raw, {"data"}) + size_at(object.raw, {"binaryData"}), age(object, now)};
}

json::array secret_cells(const model::Object& object, WallTime now) {
  const auto type = text_at(object.raw, {"type"});
  return {object.meta.name, type.empty() ? "Opaque" : type, size_at(object.raw, {"data"}), age(object, now)};
}

json::array service_account_cells(const model::Object& object, WallTime now) {
  return {object.meta.name, size_at(object.raw, {"secrets"}), age(object, now)};
}

json::array lease_cells(const model::Object& object, WallTime now) {
  return {object.meta.name, text_at(object.raw, {"spec", "holderIdentity"}), age(object, now)};
}

json::array plain_cells(const model::Object& object, WallTime now) { return {object.meta.name, age(object, now)}; }

const Columns kPod{{"Name"},
                   {"Ready"},
                   {"Status"},
                   {"Restarts"},
                   {"Age"},
                   {"IP", 1},
                   {"Node", 1},
                   {"Nominated Node", 1},
                   {"Readiness Gates", 1}};
const Columns kStatefulSet{{"Name"}, {"Ready"}, {"Age"}, {"Containers", 1}, {"Images", 1}};
const Columns kDeployment{{"Name"}, {"Ready"},         {"Up-to-date"}, {"Available"},
                          {"Age"},  {"Containers", 1}, {"Images", 1},  {"Selector", 1}};
const Columns kReplicaSet{{"Name"},
                          {"Desired", 0, "integer"},
                          {"Current", 0, "integer"},
                          {"Ready", 0, "integer"},
                          {"Age"},
                          {"Containers", 1},
                          {"Images", 1},
                          {"Selector", 1}};
const Columns kDaemonSet{{"Name"},
                         {"Desired", 0, "integer"},
                         {"Current", 0, "integer"},
                         {"Ready", 0, "integer"},
                         {"Up-to-date", 0, "integer"},
                         {"Available", 0, "integer"},
                         {"Node Selector"},
                         {"Age"},
                         {"Containers", 1},
                         {"Images", 1},
                         {"Selector", 1}};
const Columns kJob{{"Name"}, {"Status"},        {"Completions"}, {"Duration"},
                   {"Age"},  {"Containers", 1}, {"Images", 1},   {"Selector", 1}};
const Columns kCronJob{{"Name"},          {"Schedule"}, {"Timezone"},      {"Suspend"},   {"Active", 0, "integer"},
                       {"Last Schedule"}, {"Age"},      {"Containers", 1}, {"Images", 1}, {"Selector", 1}};
const Columns kService{{"Name"}, {"Type"}, {"Cluster-IP"}, {"External-IP"}, {"Port(s)"}, {"Age"}, {"Selector", 1}};
const Columns kNode{{"Name"},
                    {"Status"},
                    {"Roles"},
                    {"Age"},
                    {"Version"},
                    {"Internal-IP", 1},
                    {"External-IP", 1},
                    {"OS-Image", 1},
                    {"Kernel-Version", 1},
                    {"Container-Runtime", 1}};
const Columns kClaim{
    {"Name"}, {"Status"},       {"Volume"}, {"Capacity"}, {"Access Modes"}, {"StorageClass"}, {"VolumeAttributesClass"},
    {"Age"},  {"VolumeMode", 1}};
const Columns kVolume{{"Name"},   {"Capacity"}, {"Access Modes"}, {"Reclaim Policy"},
                      {"Status"}, {"Claim"},    {"StorageClass"}, {"VolumeAttributesClass"},
                      {"Reason"}, {"Age"},      {"VolumeMode", 1}};
const Columns kStorageClass{
    {"Name"}, {"Provisioner"}, {"ReclaimPolicy"}, {"VolumeBindingMode"}, {"AllowVolumeExpansion"}, {"Age"}};
const Columns kAttachment{{"Name"}, {"Attacher"}, {"PV"}, {"Node"}, {"Attached"}, {"Age"}};
const Columns kEvent{{"Last Seen"},           {"Type"},      {"Reason"},  {"Object"},
                     {"Subobject", 1},        {"Source", 1}, {"Message"}, {"First Seen", 1},
                     {"Count", 1, "integer"}, {"Name", 1}};
const Columns kConfigMap{{"Name"}, {"Data", 0, "integer"}, {"Age"}};
const Columns kSecret{{"Name"}, {"Type"}, {"Data", 0, "integer"}, {"Age"}};
const Columns kNamespace{{"Name"}, {"Status"}, {"Age"}};
const Columns kServiceAccount{{"Name"}, {"Secrets", 0, "integer"}, {"Age"}};
const Columns kControllerRevision{{"Name"}, {"Controller"}, {"Revision", 0, "integer"}, {"Age"}};
const Columns kEndpoints{{"Name"}, {"Endpoints"}, {"Age"}};
const Columns kEndpointSlice{{"Name"}, {"AddressType"}, {"Ports"}, {"Endpoints"}, {"Age"}};
const Columns kLease{{"Name"}, {"Holder"}, {"Age"}};
const Columns kIngress{{"Name"}, {"Class"}, {"Hosts"}, {"Address"}, {"Ports"}, {"Age"}};
const Columns kIngressClass{{"Name"}, {"Controller"}, {"Parameters"}, {"Age"}};
const Columns kRuntimeClass{{"Name"}, {"Handler"}, {"Age"}};
const Columns kPriorityClass{{"Name"}, {"Value"}, {"Global-Default"}, {"Age"}};
const Columns kRoleBinding{{"Name"}, {"Role"}, {"Age"}, {"Users", 1}, {"Groups", 1}, {"ServiceAccounts", 1}};
const Columns kCreated{{"Name"}, {"Created At"}};
const Columns kPodTemplate{{"Name"}, {"Containers"}, {"Images"}, {"Pod Labels"}};
const Columns kResourceQuota{{"Name"}, {"Age"}, {"Request"}, {"Limit"}};
const Columns kDisruptionBudget{{"Name"}, {"Min Available"}, {"Max Unavailable"}, {"Allowed Disruptions"}, {"Age"}};
const Columns kNetworkPolicy{{"Name"}, {"Pod-Selector"}, {"Age"}};
const Columns kAutoscaler{{"Name"}, {"Reference"}, {"Targets"}, {"MinPods"}, {"MaxPods"}, {"Replicas", 0, "integer"},
                          {"Age"}};
const Columns kSigningRequest{{"Name"}, {"Age"}, {"SignerName"}, {"Requestor"}, {"RequestedDuration"}, {"Condition"}};
/// How one kind is shown. A kind without a row is shown as its name and its age.
struct Row {
  Kind kind;
  const Columns& columns;
  json::array (*cells)(const model::Object& object, WallTime now);
};

const Row kRows[] = {
    {Kind::Namespace, kNamespace, namespace_cells},
    {Kind::Node, kNode, node_cells},
    {Kind::CustomResourceDefinition, kCreated, created_cells},
    {Kind::PriorityClass, kPriorityClass, priority_class_cells},
    {Kind::RuntimeClass, kRuntimeClass, runtime_class_cells},
    {Kind::IngressClass, kIngressClass, ingress_class_cells},
    {Kind::ClusterRole, kCreated, created_cells},
    {Kind::ClusterRoleBinding, kRoleBinding, role_binding_cells},
    {Kind::Role, kCreated, created_cells},
    {Kind::RoleBinding, kRoleBinding, role_binding_cells},
    {Kind::LimitRange, kCreated, created_cells},
    {Kind::ResourceQuota, kResourceQuota, resource_quota_cells},
    {Kind::Ingress, kIngress, ingress_cells},
    {Kind::NetworkPolicy, kNetworkPolicy, network_policy_cells},
    {Kind::HorizontalPodAutoscaler, kAutoscaler, autoscaler_cells},
    {Kind::CertificateSigningRequest, kSigningRequest, signing_request_cells},
    {Kind::PodTemplate, kPodTemplate, pod_template_cells},
    {Kind::PodDisruptionBudget, kDisruptionBudget, disruption_budget_cells},
    {Kind::StorageClass, kStorageClass, storage_class_cells},
    {Kind::PersistentVolume, kVolume, volume_cells},
    {Kind::VolumeAttachment, kAttachment, attachment_cells},
    {Kind::ConfigMap, kConfigMap, config_map_cells},
    {Kind::Secret, kSecret, secret_cells},
    {Kind::ServiceAccount, kServiceAccount, service_account_cells},
    {Kind::PersistentVolumeClaim, kClaim, claim_cells},
    {Kind::Service, kService, service_cells},
    {Kind::ReplicationController, kReplicaSet, replica_set_cells},
    {Kind::DaemonSet, kDaemonSet, daemon_set_cells},
    {Kind::Deployment, kDeployment, deployment_cells},
    {Kind::ReplicaSet, kReplicaSet, replica_set_cells},
    {Kind::StatefulSet, kStatefulSet, stateful_set_cells},
    {Kind::Job, kJob, job_cells},
    {Kind::CronJob, kCronJob, cron_job_cells},
    {Kind::ControllerRevision, kControllerRevision, controller_revision_cells},
    {Kind::Pod, kPod, pod_cells},
    {Kind::Endpoints, kEndpoints, endpoints_cells},
    {Kind::EndpointSlice, kEndpointSlice, endpoint_slice_cells},
    {Kind::Lease, kLease, lease_cells},
    {Kind::Event, kEvent, event_cells},
};

const Columns kPlain{{"Name"}, {"Age"}};

Row row_of(Kind kind) {
  for (const auto& row : kRows) {
    if (row.kind == kind) return row;
  }
  return {kind, kPlain, plain_cells};
}

}  // namespace

const std::vector<Column>& table_columns(Kind kind) { return row_of(kind).columns; }

json::array table_cells(const model::Object& object, WallTime now) { return row_of(object.kind).cells(object, now); }

json::array column_definitions(Kind kind) {
  json::array out;
  for (const auto& column : table_columns(kind)) {
    out.push_back({{"name", column.name},
                   {"type", column.type},
                   {"format", column.name == "Name" ? "name" : ""},
                   {"description", ""},
                   {"priority", column.priority}});
  }
  return out;
}

void append_table_row(std::string& out, const model::Object& object, RowObject include, WallTime now,
                      std::string_view api_version) {
  out += R"({"cells":)";
  append_json(out, table_cells(object, now));
  if (include == RowObject::Metadata) {
    out += R"(,"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":)";
    const auto* metadata = object.raw.if_contains("metadata");
    if (metadata != nullptr) {
      append_json(out, *metadata);
    } else {
      out += "{}";
    }
    out += '}';
  } else if (include == RowObject::Object) {
    out += R"(,"object":)";
    append_object(out, object.raw, api_version);
  }
  out += '}';
}

}  // namespace berth::api
