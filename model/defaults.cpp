// model/defaults.cpp - apply_defaults: what the API server fills in, kind by kind.
#include <optional>
#include <string>
#include <utility>

#include "model/base64.hpp"
#include "model/defaults_internal.hpp"
#include "model/json_edit.hpp"
#include "model/kind_row.hpp"
#include "model/model.hpp"
#include "model/reader.hpp"
#include "model/schema.hpp"

namespace berth::model {
namespace {

/// spec, made when it is absent; null when it is something else.
json::object* spec_of(json::object& raw) { return object_or_new(raw, "spec"); }

void default_set_spec(json::object& spec) {
  set_default_text(spec, "podManagementPolicy", "OrderedReady");
  if (auto* strategy = object_or_new(spec, "updateStrategy")) {
    set_default_text(*strategy, "type", "RollingUpdate");
    if (text_at(*strategy, "type") == "RollingUpdate") {
      if (auto* rolling = object_or_new(*strategy, "rollingUpdate")) set_default(*rolling, "partition", 0);
    }
  }
  if (auto* retention = object_or_new(spec, "persistentVolumeClaimRetentionPolicy")) {
    set_default_text(*retention, "whenDeleted", "Retain");
    set_default_text(*retention, "whenScaled", "Retain");
  }
  set_default(spec, "replicas", 1);
  set_default(spec, "revisionHistoryLimit", 10);
  default_template(spec);
  each_object(spec, "volumeClaimTemplates", [](json::object& claim) {
    set_default_text(claim, "apiVersion", "v1");
    set_default_text(claim, "kind", "PersistentVolumeClaim");
    default_claim(claim);
  });
}

void default_daemon_spec(json::object& spec) {
  if (auto* strategy = object_or_new(spec, "updateStrategy")) {
    set_default_text(*strategy, "type", "RollingUpdate");
    if (text_at(*strategy, "type") == "RollingUpdate") {
      if (auto* rolling = object_or_new(*strategy, "rollingUpdate")) {
        set_default(*rolling, "maxUnavailable", 1);
        set_default(*rolling, "maxSurge", 0);
      }
    }
  }
  set_default(spec, "revisionHistoryLimit", 10);
  default_template(spec);
}

void default_session_affinity(json::object& spec) {
  set_default_text(spec, "sessionAffinity", "None");
  if (text_at(spec, "sessionAffinity") == "None") return erase(spec, "sessionAffinityConfig");
  if (text_at(spec, "sessionAffinity") != "ClientIP") return;
  auto* config = object_or_new(spec, "sessionAffinityConfig");
  auto* client = config == nullptr ? nullptr : object_or_new(*config, "clientIP");
  constexpr int kThreeHours = 10800;
  if (client != nullptr) set_default(*client, "timeoutSeconds", kThreeHours);
}

void default_service_spec(json::object& spec) {
  default_session_affinity(spec);
  set_default_text(spec, "type", "ClusterIP");
  const auto type = std::string(text_at(spec, "type"));
  // What was filled in for another type goes with that type.
  if (type == "NodePort" || type == "LoadBalancer") {
    set_default_text(spec, "externalTrafficPolicy", "Cluster");
  } else if (text_at(spec, "externalTrafficPolicy") == "Cluster") {
    erase(spec, "externalTrafficPolicy");
  }
  if (type == "LoadBalancer") {
    set_default(spec, "allocateLoadBalancerNodePorts", true);
  } else {
    erase(spec, "allocateLoadBalancerNodePorts");
  }
  each_object(spec, "ports", [](json::object& port) {
    set_default_text(port, "protocol", "TCP");
    const auto* port_value = port.if_contains("port");
    const auto number = port_value == nullptr ? std::nullopt : as_integer(*port_value);
    if (!number) return;
    auto& target = port["targetPort"];
    const bool empty = target.is_null() || (target.is_string() && target.get_string().empty());
    if (empty || (target.is_number() && as_integer(target) == 0)) target = *number;
  });
  if (text_at(spec, "type") == "ExternalName") return;
  set_default_text(spec, "internalTrafficPolicy", "Cluster");
  // What Kubernetes' address allocator fills in; pods here have IPv4 addresses.
  const auto cluster_ip = std::string(text_at(spec, "clusterIP"));
  if (!cluster_ip.empty() && !spec.contains("clusterIPs")) spec["clusterIPs"] = json::array{cluster_ip};
  if (!spec.contains("ipFamilies")) spec["ipFamilies"] = json::array{"IPv4"};
  set_default_text(spec, "ipFamilyPolicy", "SingleStack");
}

/// stringData is write-only: it becomes part of data, and wins there.
void merge_string_data(json::object& raw) {
  auto* texts = object_at(raw, "stringData");
  if (texts == nullptr) return;
  for (const auto& entry : *texts) {
    if (!entry.value().is_string()) return;  // validation will say so
  }
  auto* data = object_or_new(raw, "data");
  if (data == nullptr) return;
  texts = object_at(raw, "stringData");  // adding "data" may have moved it
  for (const auto& entry : *texts) (*data)[entry.key()] = encode_base64(view(entry.value().get_string()));
  erase(raw, "stringData");
}

void default_phase(json::object& raw, std::string_view phase) {
  if (auto* status = object_or_new(raw, "status")) set_default_text(*status, "phase", phase);
}

}  // namespace

void default_template(json::object& spec) {
  auto* pod_template = object_at(spec, "template");
  if (pod_template == nullptr) return;
  if (auto* pod_spec = object_or_new(*pod_template, "spec")) default_pod_spec(*pod_spec);
}

void default_claim(json::object& claim) {
  if (auto* spec = object_or_new(claim, "spec")) set_default_text(*spec, "volumeMode", "Filesystem");
  default_phase(claim, "Pending");
}

void default_namespace(json::object& raw) {
  default_phase(raw, "Active");
  if (auto* spec = object_or_new(raw, "spec")) {
    auto& finalizers = (*spec)["finalizers"];  // Stands for the agent, which deletes the content.
    if (finalizers.is_null()) finalizers = json::array{"kubernetes"};
  }
  auto* meta = object_at(raw, "metadata");
  if (meta == nullptr || text_at(*meta, "name").empty()) return;
  const std::string name(text_at(*meta, "name"));
  if (auto* labels = object_or_new(*meta, "labels")) (*labels)["kubernetes.io/metadata.name"] = name;
}

void default_storage_class(json::object& raw) {
  set_default_text(raw, "reclaimPolicy", "Delete");
  set_default_text(raw, "volumeBindingMode", "Immediate");
}

void default_volume_object(json::object& raw) {
  if (auto* spec = spec_of(raw)) {
    set_default_text(*spec, "persistentVolumeReclaimPolicy", "Retain");
    set_default_text(*spec, "volumeMode", "Filesystem");
    default_disk_source(*spec);
  }
  default_phase(raw, "Pending");
}

void default_secret(json::object& raw) {
  merge_string_data(raw);
  set_default_text(raw, "type", "Opaque");
}

void default_service(json::object& raw) {
  if (auto* spec = spec_of(raw)) default_service_spec(*spec);
}

void default_daemon_set(json::object& raw) {
  if (auto* spec = spec_of(raw)) default_daemon_spec(*spec);
}

void default_stateful_set(json::object& raw) {
  if (auto* spec = spec_of(raw)) default_set_spec(*spec);
}

void default_pod(json::object& raw) {
  if (auto* spec = spec_of(raw)) {
    default_pod_spec(*spec);
    default_pod_only(*spec);
  }
  default_phase(raw, "Pending");
}

void default_endpoints(json::object& raw) {
  each_object(raw, "subsets", [](json::object& subset) {
    each_object(subset, "ports", [](json::object& port) { set_default_text(port, "protocol", "TCP"); });
  });
}

void default_endpoint_slice(json::object& raw) {
  each_object(raw, "ports", [](json::object& port) {
    set_default(port, "name", "");
    set_default_text(port, "protocol", "TCP");
  });
}

void apply_template_defaults(json::object& pod_template) {
  json::object set{{"spec", {{"template", std::move(pod_template)}}}};
  auto& spec = set["spec"].get_object();
  remove_nulls(Kind::StatefulSet, set);
  default_template(spec);
  canonical_quantities(Kind::StatefulSet, set);
  pod_template = std::move(spec["template"].get_object());
}

void apply_defaults(Kind kind, json::object& raw) {
  remove_nulls(kind, raw);
  if (const auto defaults = row(kind).defaults) defaults(raw);
  canonical_quantities(kind, raw);
}

}  // namespace berth::model
