// model/defaults_kept.cpp - what classes, bindings, limit ranges, policies and pod templates get when they do not say
// it.
#include "model/defaults_internal.hpp"
#include "model/json_edit.hpp"

namespace berth::model {
namespace {

/// Takes from `list` of `from` what `into` does not have.
void fill(json::object& from, std::string_view list, json::object& into) {
  const auto* amounts = object_at(from, list);
  if (amounts == nullptr) return;
  for (const auto& entry : *amounts) {
    if (!into.contains(entry.key())) into[entry.key()] = entry.value();
  }
}

/// Of two fields of one object: what is in `from` goes to `to`, where that says nothing. Filling moves nothing that is
/// still looked at.
void fill_list(json::object& limit, std::string_view from, std::string_view to) {
  json::object filled;
  if (const auto* said = limit.if_contains(to); said != nullptr && !said->is_null()) {
    if (!said->is_object()) return;
    filled = said->get_object();
  }
  fill(limit, from, filled);
  if (!filled.empty()) limit[to] = std::move(filled);
}

}  // namespace

void default_priority_class(json::object& raw) { set_default_text(raw, "preemptionPolicy", "PreemptLowerPriority"); }

void default_ingress_class(json::object& raw) {
  auto* spec = object_at(raw, "spec");
  auto* parameters = spec == nullptr ? nullptr : object_at(*spec, "parameters");
  if (parameters != nullptr) set_default_text(*parameters, "scope", "Cluster");
}

void default_role_binding(json::object& raw) {
  constexpr std::string_view kGroup = "rbac.authorization.k8s.io";
  if (auto* role = object_at(raw, "roleRef")) set_default_text(*role, "apiGroup", kGroup);
  each_object(raw, "subjects", [&](json::object& subject) {
    const auto kind = text_at(subject, "kind");
    if (kind == "User" || kind == "Group") set_default_text(subject, "apiGroup", kGroup);
  });
}

void default_limit_range(json::object& raw) {
  auto* spec = object_at(raw, "spec");
  if (spec == nullptr) return;
  each_object(*spec, "limits", [](json::object& limit) {
    if (text_at(limit, "type") != "Container") return;
    fill_list(limit, "max", "default");
    fill_list(limit, "default", "defaultRequest");
    fill_list(limit, "min", "defaultRequest");
  });
}

void default_network_policy(json::object& raw) {
  auto* spec = object_at(raw, "spec");
  if (spec == nullptr) return;
  for (const auto* rules : {"ingress", "egress"}) {
    each_object(*spec, rules, [](json::object& rule) {
      each_object(rule, "ports", [](json::object& port) { set_default_text(port, "protocol", "TCP"); });
    });
  }
  // Ingress always; Egress for who has rules for it.
  const auto* types = spec->if_contains("policyTypes");
  const auto* list = types == nullptr ? nullptr : types->if_array();
  if (types != nullptr && !types->is_null() && (list == nullptr || !list->empty())) return;
  json::array said{"Ingress"};
  const auto* egress = spec->if_contains("egress");
  if (egress != nullptr && egress->is_array() && !egress->get_array().empty()) said.emplace_back("Egress");
  (*spec)["policyTypes"] = std::move(said);
}

void default_pod_template_object(json::object& raw) { default_template(raw); }

}  // namespace berth::model
