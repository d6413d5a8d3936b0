// model/defaults_pod.cpp - what the API server fills into pods; names of its functions are given where they help.
#include <string>

#include "model/defaults_internal.hpp"
#include "model/json_edit.hpp"
#include "model/quantity.hpp"

namespace berth::model {
namespace {

constexpr std::int64_t kFileMode = 0644;

void default_field_ref(json::object& parent) {
  if (auto* ref = object_at(parent, "fieldRef")) set_default_text(*ref, "apiVersion", "v1");
}

void default_resource_ref(json::object& parent) {
  if (auto* ref = object_at(parent, "resourceFieldRef")) set_default(*ref, "divisor", "0");
}

void default_http_get(json::object& handler) {
  auto* http = object_at(handler, "httpGet");
  if (http == nullptr) return;
  set_default_text(*http, "path", "/");
  set_default_text(*http, "scheme", "HTTP");
}

void default_probe(json::object& container, std::string_view name) {
  auto* probe = object_at(container, name);
  if (probe == nullptr) return;
  default_http_get(*probe);
  if (auto* grpc = object_at(*probe, "grpc")) set_default(*grpc, "service", "");
  set_default_number(*probe, "timeoutSeconds", 1);
  set_default_number(*probe, "periodSeconds", 10);
  set_default_number(*probe, "successThreshold", 1);
  set_default_number(*probe, "failureThreshold", 3);
}

void default_container(json::object& container) {
  set_default_text(container, "imagePullPolicy", default_pull_policy(text_at(container, "image")));
  set_default_text(container, "terminationMessagePath", "/dev/termination-log");
  set_default_text(container, "terminationMessagePolicy", "File");
  set_default(container, "resources", json::object());
  each_object(container, "ports", [](json::object& port) { set_default_text(port, "protocol", "TCP"); });
  each_object(container, "env", [](json::object& env) {
    auto* from = object_at(env, "valueFrom");
    if (from == nullptr) return;
    default_field_ref(*from);
    default_resource_ref(*from);
  });
  for (const auto* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) default_probe(container, probe);
  if (auto* lifecycle = object_at(container, "lifecycle")) {
    for (const auto* hook : {"postStart", "preStop"}) {
      if (auto* handler = object_at(*lifecycle, hook)) default_http_get(*handler);
    }
  }
}

void default_downward_items(json::object& source) {
  each_object(source, "items", [](json::object& item) {
    default_field_ref(item);
    default_resource_ref(item);
  });
}

void default_volume(json::object& volume) {
  bool has_source = false;
  for (const auto& entry : volume) has_source = has_source || (entry.key() != "name" && !entry.value().is_null());
  if (!has_source) volume["emptyDir"].emplace_object();
  for (const auto* name : {"configMap", "secret", "downwardAPI", "projected"}) {
    if (auto* source = object_at(volume, name)) set_default(*source, "defaultMode", kFileMode);
  }
  if (auto* downward = object_at(volume, "downwardAPI")) default_downward_items(*downward);
  if (auto* projected = object_at(volume, "projected")) {
    each_object(*projected, "sources", [](json::object& source) {
      if (auto* downward = object_at(source, "downwardAPI")) default_downward_items(*downward);
      if (auto* token = object_at(source, "serviceAccountToken")) set_default(*token, "expirationSeconds", 3600);
    });
  }
  if (auto* ephemeral = object_at(volume, "ephemeral")) {
    auto* claim = object_at(*ephemeral, "volumeClaimTemplate");
    auto* spec = claim == nullptr ? nullptr : object_at(*claim, "spec");
    if (spec != nullptr) set_default_text(*spec, "volumeMode", "Filesystem");
  }
  default_disk_source(volume);
}

/// serviceAccount is the old name of serviceAccountName, which wins.
void default_service_account(json::object& spec) {
  const auto* old = spec.if_contains("serviceAccount");
  if (old != nullptr && old->is_string() && !old->get_string().empty()) {
    const std::string name(view(old->get_string()));
    set_default_text(spec, "serviceAccountName", name);
  }
  const std::string name(text_at(spec, "serviceAccountName"));
  if (!name.empty()) spec["serviceAccount"] = name;
}

void default_requests(json::object& container) {
  auto* resources = object_at(container, "resources");
  if (resources == nullptr || object_at(*resources, "limits") == nullptr) return;
  auto* requests = object_or_new(*resources, "requests");
  if (requests == nullptr) return;
  const auto* limits = object_at(*resources, "limits");  // after the insertion, which may have moved it
  for (const auto& entry : *limits) {
    const auto* text = entry.value().if_string();
    if (text != nullptr && !Quantity::parse(view(*text))) continue;  // one complaint about it is enough
    set_default(*requests, {entry.key().data(), entry.key().size()}, entry.value());
  }
}

void default_host_ports(json::object& container) {
  each_object(container, "ports", [](json::object& port) {
    const auto* number = port.if_contains("containerPort");
    if (number != nullptr && number->is_int64()) set_default_number(port, "hostPort", number->get_int64());
  });
}

}  // namespace

void default_disk_source(json::object& holder) {
  if (auto* host_path = object_at(holder, "hostPath")) set_default(*host_path, "type", "");
  if (auto* iscsi = object_at(holder, "iscsi")) set_default_text(*iscsi, "iscsiInterface", "default");
  if (auto* azure = object_at(holder, "azureDisk")) {
    set_default(*azure, "cachingMode", "ReadWrite");
    set_default(*azure, "kind", "Shared");
    set_default(*azure, "fsType", "ext4");
    set_default(*azure, "readOnly", false);
  }
}

std::string_view default_pull_policy(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return "IfNotPresent";  // a digest never moves
  const auto slash = image.rfind('/');
  const auto name = slash == std::string_view::npos ? image : image.substr(slash + 1);
  const auto colon = name.find(':');
  const auto tag = colon == std::string_view::npos ? std::string_view("latest") : name.substr(colon + 1);
  return tag == "latest" ? "Always" : "IfNotPresent";
}

void default_pod_spec(json::object& spec) {
  set_default_text(spec, "dnsPolicy", "ClusterFirst");
  set_default_text(spec, "restartPolicy", "Always");
  set_default(spec, "securityContext", json::object());
  set_default(spec, "terminationGracePeriodSeconds", 30);
  set_default_text(spec, "schedulerName", "default-scheduler");
  default_service_account(spec);
  each_object(spec, "volumes", default_volume);
  each_object(spec, "initContainers", default_container);
  each_object(spec, "containers", default_container);
}

void default_pod_only(json::object& spec) {
  each_object(spec, "initContainers", default_requests);
  each_object(spec, "containers", default_requests);
  set_default(spec, "enableServiceLinks", true);
  set_default_text(spec, "serviceAccountName", "default");
  default_service_account(spec);
  const auto* host_network = spec.if_contains("hostNetwork");
  if (host_network != nullptr && host_network->is_bool() && host_network->get_bool()) {
    each_object(spec, "initContainers", default_host_ports);
    each_object(spec, "containers", default_host_ports);
  }
}

}  // namespace berth::model
