// api/tables/kept_rows.cpp - classes, roles, ingresses, templates, quotas and budgets as rows.
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/encoding/field.hpp"
#include "api/tables/human_duration.hpp"

namespace berth::api {

namespace {

std::string age(const model::Object& object, WallTime now) { return age_since(object.meta.creation_timestamp, now); }

std::string yes_or_no(bool yes) { return yes ? "true" : "false"; }

/// "*" for all; the first three, and how many more there are.
std::string hosts_text(const json::object& ingress) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string_view> hosts;
  std::size_t count = 0;
  for (const auto& rule : array_at(ingress, {"spec", "rules"})) {
    if (!rule.is_object()) continue;
    const auto host = text_at(rule.get_object(), {"host"});
    if (host.empty()) continue;
    if (++count <= kShown) hosts.push_back(host);
  }
  if (count == 0) return "*";
  auto out = fmt::format("{}", fmt::join(hosts, ","));
  if (count > kShown) out += fmt::format(" + {} more...", count - kShown);
  return out;
}

std::string addresses_text(const json::object& ingress) {
  std::set<std::string_view> points;
  for (const auto& point : array_at(ingress, {"status", "loadBalancer", "ingress"})) {
    if (!point.is_object()) continue;
    const auto ip = text_at(point.get_object(), {"ip"});
    const auto name = ip.empty() ? text_at(point.get_object(), {"hostname"}) : ip;
    if (!name.empty()) points.insert(name);
  }
  return fmt::format("{}", fmt::join(points, ","));
}

/// The subjects of a kind; service accounts as "namespace/name".
std::string subjects_text(const json::object& binding, std::string_view kind) {
  std::string out;
  for (const auto& entry : array_at(binding, {"subjects"})) {
    if (!entry.is_object()) continue;
    const auto& subject = entry.get_object();
    if (text_at(subject, {"kind"}) != kind) continue;
    if (!out.empty()) out += ", ";
    const auto ns = text_at(subject, {"namespace"});
    if (kind == "ServiceAccount") out += fmt::format("{}/", ns);
    out += text_at(subject, {"name"});
  }
  return out;
}

std::string amount_text(const json::value* amounts, std::string_view name) {
  const auto* found = amounts == nullptr || !amounts->is_object() ? nullptr : amounts->get_object().if_contains(name);
  return found != nullptr && found->is_string() ? std::string(view(found->get_string())) : "0";
}

/// A number or a share; "N/A" when nothing is said.
json::value share_cell(const json::value* share) {
  if (share == nullptr || share->is_null()) return "N/A";
  return share->is_string() ? *share : json::value(json::serialize(*share));
}

}  // namespace

json::array ingress_cells(const model::Object& ingress, WallTime now) {
  auto name = text_at(ingress.raw, {"spec", "ingressClassName"});
  if (name.empty()) name = text_at(ingress.raw, {"metadata", "annotations", "kubernetes.io/ingress.class"});
  return {ingress.meta.name,
          or_none(name),
          hosts_text(ingress.raw),
          addresses_text(ingress.raw),
          array_at(ingress.raw, {"spec", "tls"}).empty() ? "80" : "80, 443",
          age(ingress, now)};
}

json::array ingress_class_cells(const model::Object& ingress_class, WallTime now) {
  const auto& raw = ingress_class.raw;
  std::string parameters = "<none>";
  if (field(raw, {"spec", "parameters"}) != nullptr) {
    const auto group = text_at(raw, {"spec", "parameters", "apiGroup"});
    parameters = fmt::format("{}{}{}/{}", text_at(raw, {"spec", "parameters", "kind"}), group.empty() ? "" : ".", group,
                             text_at(raw, {"spec", "parameters", "name"}));
  }
  return {ingress_class.meta.name, text_at(raw, {"spec", "controller"}), parameters, age(ingress_class, now)};
}

json::array runtime_class_cells(const model::Object& runtime_class, WallTime now) {
  return {runtime_class.meta.name, text_at(runtime_class.raw, {"handler"}), age(runtime_class, now)};
}

json::array priority_class_cells(const model::Object& priority_class, WallTime now) {
  return {priority_class.meta.name, number_at(priority_class.raw, {"value"}),
          yes_or_no(flag_at(priority_class.raw, {"globalDefault"})), age(priority_class, now)};
}

json::array role_binding_cells(const model::Object& binding, WallTime now) {
  const auto role =
      fmt::format("{}/{}", text_at(binding.raw, {"roleRef", "kind"}), text_at(binding.raw, {"roleRef", "name"}));
  return {binding.meta.name,
          role,
          age(binding, now),
          subjects_text(binding.raw, "User"),
          subjects_text(binding.raw, "Group"),
          subjects_text(binding.raw, "ServiceAccount")};
}

json::array created_cells(const model::Object& object, WallTime /*now*/) {
  return {object.meta.name, object.meta.creation_timestamp};
}

json::array pod_template_cells(const model::Object& pod_template, WallTime /*now*/) {
  const auto& containers = array_at(pod_template.raw, {"template", "spec", "containers"});
  return {pod_template.meta.name, joined(containers, "name"), joined(containers, "image"),
          labels_text(field(pod_template.raw, {"template", "metadata", "labels"}))};
}

json::array resource_quota_cells(const model::Object& quota, WallTime now) {
  std::string requests;
  std::string limits;
  const auto* hard = field(quota.raw, {"status", "hard"});
  const auto* used = field(quota.raw, {"status", "used"});
  std::set<std::string_view> names;
  if (hard != nullptr && hard->is_object()) {
    for (const auto& entry : hard->get_object()) names.emplace(entry.key().data(), entry.key().size());
  }
  for (const auto name : names) {
    auto& into = name.starts_with("limits.") ? limits : requests;
    if (!into.empty()) into += ", ";
    into += fmt::format("{}: {}/{}", name, amount_text(used, name), amount_text(hard, name));
  }
  return {quota.meta.name, age(quota, now), requests, limits};
}

json::array network_policy_cells(const model::Object& policy, WallTime now) {
  return {policy.meta.name, selector_text(field(policy.raw, {"spec", "podSelector"})), age(policy, now)};
}

json::array signing_request_cells(const model::Object& request, WallTime now) {
  const auto asked = number_at(request.raw, {"spec", "expirationSeconds"});
  const auto duration = asked == 0 ? std::string("<none>") : human_duration(std::chrono::seconds(asked));
  std::string state;
  for (const auto* type : {"Approved", "Denied", "Failed"}) {
    for (const auto& one : array_at(request.raw, {"status", "conditions"})) {
      if (find_string(one, {"type"}) == type) state += (state.empty() ? "" : ",") + std::string(type);
    }
  }
  if (state.empty()) state = "Pending";
  if (!text_at(request.raw, {"status", "certificate"}).empty()) state += ",Issued";
  return {request.meta.name,
          age(request, now),
          text_at(request.raw, {"spec", "signerName"}),
          text_at(request.raw, {"spec", "username"}),
          duration,
          state};
}

json::array disruption_budget_cells(const model::Object& budget, WallTime now) {
  return {budget.meta.name, share_cell(field(budget.raw, {"spec", "minAvailable"})),
          share_cell(field(budget.raw, {"spec", "maxUnavailable"})),
          number_at(budget.raw, {"status", "disruptionsAllowed"}), age(budget, now)};
}

}  // namespace berth::api
