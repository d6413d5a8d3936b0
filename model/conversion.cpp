// model/conversion.cpp - see conversion.hpp. Defaults are those of pkg/apis/{apps,extensions}/v1beta1/defaults.go.
#include "model/conversion.hpp"

#include <limits>

#include <fmt/format.h>

#include "model/autoscaling.hpp"
#include "model/defaults_internal.hpp"
#include "model/foreign_kinds.hpp"
#include "model/json_edit.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

constexpr auto kNoLimit = std::numeric_limits<std::int32_t>::max();

/// apps/v1beta1 kept two old templates; extensions/v1beta1 all of them, knew no deadline and replaced pods one by one.
void apply_first_beta_deployment(json::object& spec, bool extensions) {
  spec.erase("rollbackTo");
  set_default(spec, "revisionHistoryLimit", extensions ? kNoLimit : 2);
  if (!extensions) return;
  set_default(spec, "progressDeadlineSeconds", kNoLimit);
  auto* strategy = object_or_new(spec, "strategy");
  if (strategy == nullptr) return;
  set_default_text(*strategy, "type", "RollingUpdate");
  auto* rolling = text_at(*strategy, "type") == "RollingUpdate" ? object_or_new(*strategy, "rollingUpdate") : nullptr;
  if (rolling == nullptr) return;
  set_default(*rolling, "maxUnavailable", 1);
  set_default(*rolling, "maxSurge", 1);
}

void apply_first_beta_defaults(Kind kind, std::string_view api_version, json::object& raw) {
  auto* spec = object_or_new(raw, "spec");
  if (spec == nullptr) return;
  if (kind == Kind::Deployment) {
    apply_first_beta_deployment(*spec, api_version.starts_with("extensions/"));
  } else if (kind == Kind::StatefulSet || kind == Kind::DaemonSet) {
    if (auto* strategy = object_or_new(*spec, "updateStrategy")) set_default_text(*strategy, "type", "OnDelete");
  }
  spec->erase("templateGeneration");
  default_labels_from_template(raw, SelectorForm::MatchLabels);
}

/// Gives the member `from` the name `to`, unless there is one of that name.
void rename(json::object& object, std::string_view from, std::string_view to) {
  const auto at = object.find(from);
  if (at == object.end()) return;
  auto value = std::move(at->value());
  object.stable_erase(at);
  if (!object.contains(to)) object[to] = std::move(value);
}

/// {serviceName: web, servicePort: 80} → {service: {name: web, port: {number: 80}}}
void backend_to_current(json::object& backend) {
  const auto name = backend.find("serviceName");
  const auto port = backend.find("servicePort");
  if (name == backend.end() && port == backend.end()) return;
  json::object service;
  if (name != backend.end()) service["name"] = name->value();
  if (port != backend.end()) {
    auto& to = service["port"].emplace_object();
    to[port->value().is_string() ? "name" : "number"] = port->value();
  }
  erase(backend, "serviceName");
  erase(backend, "servicePort");
  if (service.contains("name") || !backend.contains("resource")) set_default(backend, "service", std::move(service));
}

void backend_from_current(json::object& backend) {
  const auto* service = object_at(backend, "service");
  if (service == nullptr) return;
  const auto kept = *service;
  erase(backend, "service");
  if (const auto* name = kept.if_contains("name")) backend["serviceName"] = *name;
  const auto* port = kept.if_contains("port");
  if (port == nullptr || !port->is_object()) return;
  for (const auto* form : {"number", "name"}) {
    if (const auto* value = port->get_object().if_contains(form)) backend["servicePort"] = *value;
  }
}

/// Calls `visit` with each path of each rule.
template <typename Visit>
void each_path(json::object& spec, Visit visit) {
  each_object(spec, "rules", [&](json::object& rule) {
    if (auto* http = object_at(rule, "http")) each_object(*http, "paths", visit);
  });
}

void ingress_to_current(json::object& raw) {
  auto* spec = object_at(raw, "spec");
  if (spec == nullptr) return;
  rename(*spec, "backend", "defaultBackend");
  if (auto* backend = object_at(*spec, "defaultBackend")) backend_to_current(*backend);
  each_path(*spec, [](json::object& path) {
    set_default_text(path, "pathType", "ImplementationSpecific");
    if (auto* backend = object_at(path, "backend")) backend_to_current(*backend);
  });
}

void ingress_from_current(json::object& raw) {
  auto* spec = object_at(raw, "spec");
  if (spec == nullptr) return;
  if (auto* backend = object_at(*spec, "defaultBackend")) backend_from_current(*backend);
  rename(*spec, "defaultBackend", "backend");
  each_path(*spec, [](json::object& path) {
    if (auto* backend = object_at(path, "backend")) backend_from_current(*backend);
  });
}

/// A selector that is empty in one of the versions says by this, in the other, what it means there; as Kubernetes does.
constexpr std::string_view kEmptySelectorMark = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";

json::object marked_selector(std::string_view op) {
  return {{"matchExpressions", json::array{json::object{{"key", kEmptySelectorMark}, {"operator", op}}}}};
}

/// `seen` becomes `shown`, and an empty one becomes `meant`.
void swap_empty_selector(json::object& raw, const json::object& seen, json::object meant) {
  auto* spec = object_at(raw, "spec");
  auto* selector = spec == nullptr ? nullptr : object_at(*spec, "selector");
  if (selector == nullptr) return;
  if (*selector == seen) {
    *selector = json::object();
  } else if (selector->empty()) {
    *selector = std::move(meant);
  }
}

void budget_to_current(json::object& raw) {
  swap_empty_selector(raw, marked_selector("DoesNotExist"), marked_selector("Exists"));
}

void budget_from_current(json::object& raw) {
  swap_empty_selector(raw, marked_selector("Exists"), marked_selector("DoesNotExist"));
}

/// What events.k8s.io/v1 calls otherwise: there, and in the core group.
constexpr std::pair<std::string_view, std::string_view> kEventFields[] = {
    {"regarding", "involvedObject"},
    {"note", "message"},
    {"reportingController", "reportingComponent"},
    {"deprecatedSource", "source"},
    {"deprecatedFirstTimestamp", "firstTimestamp"},
    {"deprecatedLastTimestamp", "lastTimestamp"},
    {"deprecatedCount", "count"},
};

void event_to_core(json::object& raw) {
  for (const auto& [there, core] : kEventFields) rename(raw, there, core);
}

void event_from_core(json::object& raw) {
  for (const auto& [there, core] : kEventFields) rename(raw, core, there);
}

std::string not_run_here(std::string_view kind, std::string_view api_version) {
  return fmt::format("{} of {} is not run here; the rest of the file is", kind, api_version.substr(0, 64));
}

}  // namespace

const std::vector<OldVersion>& old_versions() {
  static constexpr std::string_view kApps = "deprecated in v1.9+, unavailable in v1.16+";
  static constexpr std::string_view kExtensions = "deprecated in v1.14+, unavailable in v1.16+";
  static constexpr std::string_view kBatch = "deprecated in v1.21+, unavailable in v1.25+";
  static constexpr std::string_view kRoles = "deprecated in v1.17+, unavailable in v1.22+";
  static constexpr std::string_view kStorage = "deprecated in v1.19+, unavailable in v1.22+";
  static const std::vector<OldVersion> versions = {
      {"apps/v1beta2", Kind::StatefulSet, false, kApps},
      {"apps/v1beta2", Kind::DaemonSet, false, kApps},
      {"apps/v1beta2", Kind::Deployment, false, kApps},
      {"apps/v1beta2", Kind::ReplicaSet, false, kApps},
      {"apps/v1beta2", Kind::ControllerRevision, false, kApps},
      {"apps/v1beta1", Kind::StatefulSet, true, kApps},
      {"apps/v1beta1", Kind::Deployment, true, kApps},
      {"apps/v1beta1", Kind::ControllerRevision, false, kApps},
      {"extensions/v1beta1", Kind::DaemonSet, true, kExtensions},
      {"extensions/v1beta1", Kind::Deployment, true, kExtensions},
      {"extensions/v1beta1", Kind::ReplicaSet, true, kExtensions},
      {.api_version = "extensions/v1beta1",
       .kind = Kind::Ingress,
       .history = "deprecated in v1.14+, unavailable in v1.22+",
       .to_current = ingress_to_current,
       .from_current = ingress_from_current,
       .schema = "OldIngress"},
      {.api_version = "networking.k8s.io/v1beta1",
       .kind = Kind::Ingress,
       .history = kStorage,
       .to_current = ingress_to_current,
       .from_current = ingress_from_current,
       .schema = "OldIngress"},
      {"networking.k8s.io/v1beta1", Kind::IngressClass, false, kStorage},
      {"extensions/v1beta1", Kind::NetworkPolicy, false, "deprecated in v1.9+, unavailable in v1.16+"},
      {.api_version = "policy/v1beta1",
       .kind = Kind::PodDisruptionBudget,
       .history = kBatch,
       .to_current = budget_to_current,
       .from_current = budget_from_current},
      {.api_version = "autoscaling/v1",
       .kind = Kind::HorizontalPodAutoscaler,
       .history = {},
       .to_current = autoscaler_v1_to_current,
       .from_current = autoscaler_v1_from_current,
       .schema = "PlainAutoscaler"},
      {.api_version = "autoscaling/v2beta2",
       .kind = Kind::HorizontalPodAutoscaler,
       .history = "deprecated in v1.23+, unavailable in v1.26+"},
      {.api_version = "autoscaling/v2beta1",
       .kind = Kind::HorizontalPodAutoscaler,
       .history = "deprecated in v1.22+, unavailable in v1.25+",
       .to_current = autoscaler_v2beta1_to_current,
       .from_current = autoscaler_v2beta1_from_current,
       .schema = "FlatAutoscaler"},
      {"rbac.authorization.k8s.io/v1beta1", Kind::ClusterRole, false, kRoles},
      {"rbac.authorization.k8s.io/v1beta1", Kind::ClusterRoleBinding, false, kRoles},
      {"rbac.authorization.k8s.io/v1beta1", Kind::Role, false, kRoles},
      {"rbac.authorization.k8s.io/v1beta1", Kind::RoleBinding, false, kRoles},
      {"certificates.k8s.io/v1beta1", Kind::CertificateSigningRequest, false,
       "deprecated in v1.19+, unavailable in v1.22+"},
      {"scheduling.k8s.io/v1beta1", Kind::PriorityClass, false, "deprecated in v1.14+, unavailable in v1.22+"},
      {"node.k8s.io/v1beta1", Kind::RuntimeClass, false, "deprecated in v1.22+, unavailable in v1.25+"},
      {.api_version = "events.k8s.io/v1",
       .kind = Kind::Event,
       .history = {},
       .to_current = event_to_core,
       .from_current = event_from_core,
       .schema = "EventOfEvents"},
      {"batch/v1beta1", Kind::CronJob, false, kBatch},
      {"storage.k8s.io/v1beta1", Kind::StorageClass, false, kStorage},
  };
  return versions;
}

const OldVersion* old_version(Kind kind, std::string_view api_version) {
  for (const auto& old : old_versions()) {
    if (old.kind == kind && old.api_version == api_version) return &old;
  }
  return nullptr;
}

Conversion convert(json::object& raw) {
  Conversion result;
  const Reader root(raw, "", result.issues);
  const auto api_version = root.text("apiVersion");
  const auto kind_name = root.text("kind");
  if (result.issues.empty() && api_version.empty()) root.fail("apiVersion", "required");
  if (result.issues.empty() && kind_name.empty()) root.fail("kind", "required");
  if (!result.issues.empty()) return result;
  const auto shown = std::string_view(kind_name).substr(0, 64);
  const auto* kind = kind_named(kind_name);
  if (kind == nullptr || kind->is_empty) {
    if (const auto* meant = find_kind(kind_name); meant != nullptr && !meant->is_empty) {
      root.fail("kind", fmt::format("unknown kind \"{}\": did you mean {}?", shown, meant->name));
    } else if (kind != nullptr || is_foreign_kind(api_version, kind_name)) {
      result.foreign = true;
      root.fail("kind", not_run_here(shown, api_version));
    } else {
      root.fail("kind", fmt::format("unknown kind \"{}\"; {} has none of this name", shown,
                                    std::string_view(api_version).substr(0, 64)));
    }
    return result;
  }
  // As Kubernetes' server does: manifests of many say one, and mean nothing by it.
  if (auto* metadata = object_at(raw, "metadata"); metadata != nullptr && !kind->namespaced)
    erase(*metadata, "namespace");
  if (kind->api_version() == api_version) return result;
  if (const auto* old = old_version(kind->kind, api_version)) {
    if (old->first_beta) apply_first_beta_defaults(kind->kind, api_version, raw);
    if (old->to_current != nullptr) old->to_current(raw);
    raw["apiVersion"] = kind->api_version();
    result.old_version = old->api_version;
    return result;
  }
  if (is_foreign_kind(api_version, kind_name)) {  // another's kind of the same name
    result.foreign = true;
    root.fail("kind", not_run_here(shown, api_version));
    return result;
  }
  root.fail("apiVersion", fmt::format("no kind \"{}\" is known in version \"{}\"; use {}", kind->name,
                                      std::string_view(api_version).substr(0, 64), kind->api_version()));
  return result;
}

Status convert_to_current(json::object& raw) {
  const auto result = convert(raw);
  return unless_issues(Ok{}, result.issues);
}

}  // namespace berth::model
