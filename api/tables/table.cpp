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

}  // namespace

const std::vector<Column>& table_columns(Kind kind) {
  switch (kind) {
    case Kind::Namespace: return kNamespace;
    case Kind::Node: return kNode;
    case Kind::StorageClass: return kStorageClass;
    case Kind::PersistentVolume: return kVolume;
    case Kind::ConfigMap: return kConfigMap;
    case Kind::Secret: return kSecret;
    case Kind::ServiceAccount: return kServiceAccount;
    case Kind::PersistentVolumeClaim: return kClaim;
    case Kind::Service: return kService;
    case Kind::DaemonSet: return kDaemonSet;
    case Kind::StatefulSet: return kStatefulSet;
    case Kind::ControllerRevision: return kControllerRevision;
    case Kind::Pod: return kPod;
    case Kind::Endpoints: return kEndpoints;
    case Kind::EndpointSlice: return kEndpointSlice;
    case Kind::Lease: return kLease;
    case Kind::Event: return kEvent;
  }
  return kNamespace;
}

json::array table_cells(const model::Object& object, WallTime now) {
  const auto& name = object.meta.name;
  const auto age = [&] { return age_since(object.meta.creation_timestamp, now); };
  const auto& raw = object.raw;
  switch (object.kind) {
    case Kind::Namespace: {
      const auto phase = text_at(raw, {"status", "phase"});
      return {name, object.meta.deleting() ? "Terminating" : phase.empty() ? "Active" : phase, age()};
    }
    case Kind::Node: return node_cells(object, now);
    case Kind::StorageClass: return storage_class_cells(object, now);
    case Kind::PersistentVolume: return volume_cells(object, now);
    case Kind::ConfigMap: return {name, size_at(raw, {"data"}) + size_at(raw, {"binaryData"}), age()};
    case Kind::Secret: {
      const auto type = text_at(raw, {"type"});
      return {name, type.empty() ? "Opaque" : type, size_at(raw, {"data"}), age()};
    }
    case Kind::ServiceAccount: return {name, size_at(raw, {"secrets"}), age()};
    case Kind::PersistentVolumeClaim: return claim_cells(object, now);
    case Kind::Service: return service_cells(object, now);
    case Kind::DaemonSet: return daemon_set_cells(object, now);
    case Kind::StatefulSet: return stateful_set_cells(object, now);
    case Kind::ControllerRevision: return controller_revision_cells(object, now);
    case Kind::Pod: return pod_cells(object, now);
    case Kind::Endpoints: return endpoints_cells(object, now);
    case Kind::EndpointSlice: return endpoint_slice_cells(object, now);
    case Kind::Lease: return {name, text_at(raw, {"spec", "holderIdentity"}), age()};
    case Kind::Event: return event_cells(object, now);
  }
  return {name};
}

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
