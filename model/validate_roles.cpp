// model/validate_roles.cpp - Role, ClusterRole and their bindings.
#include <fmt/format.h>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

void check_rule(const Reader& rule, bool namespaced) {
  if (rule.texts("verbs").empty()) rule.fail("verbs", "required: verbs must contain at least one value");
  const auto groups = rule.texts("apiGroups");
  const auto resources = rule.texts("resources");
  const auto urls = rule.texts("nonResourceURLs");
  if (!urls.empty()) {
    if (namespaced) {
      rule.fail("nonResourceURLs",
                invalid(urls.front(), "namespaced rules cannot apply to non-resource URLs; use a ClusterRole"));
    }
    if (!groups.empty() || !resources.empty() || !rule.texts("resourceNames").empty()) {
      rule.fail(
          "nonResourceURLs",
          invalid(urls.front(), "rules cannot apply to both regular resources and non-resource URLs; write two rules"));
    }
    return;
  }
  if (groups.empty()) {
    rule.fail("apiGroups",
              "required: resource rules must supply at least one api group (\"\" is the one of pods and services)");
  }
  if (resources.empty()) rule.fail("resources", "required: resource rules must supply at least one resource");
}

void check_rules(const Reader& root, bool namespaced) {
  for (const auto& rule : root.children("rules")) check_rule(rule, namespaced);
}

void check_subject(const Reader& subject, bool namespaced) {
  require_text(subject, "name");
  if (!require_text(subject, "kind")) return;
  const auto kind = subject.text("kind");
  if (kind == "ServiceAccount") {
    check_text(subject, "name", dns_subdomain_error);
    check_choice(subject, "apiGroup", {""});
    if (!namespaced) require_text(subject, "namespace");
  } else if (kind == "User" || kind == "Group") {
    check_choice(subject, "apiGroup", {kGroup});
  } else {
    check_choice(subject, "kind", {"Group", "ServiceAccount", "User"});
  }
}

void check_binding(const Reader& root, bool namespaced) {
  const auto role = root.child("roleRef");
  check_choice(role, "apiGroup", {kGroup});
  if (require_text(role, "kind")) {
    if (namespaced) {
      check_choice(role, "kind", {"ClusterRole", "Role"});
    } else {
      check_choice(role, "kind", {"ClusterRole"});
    }
  }
  if (require_text(role, "name")) check_text(role, "name", path_segment_error);
  for (const auto& subject : root.children("subjects")) check_subject(subject, namespaced);
}

}  // namespace

void check_role(const Reader& root) { check_rules(root, /*namespaced=*/true); }

void check_cluster_role(const Reader& root) {
  check_rules(root, /*namespaced=*/false);
  const auto aggregation = root.child("aggregationRule");
  if (!aggregation.present()) return;
  const auto selectors = aggregation.children("clusterRoleSelectors");
  if (selectors.empty()) {
    aggregation.fail("clusterRoleSelectors",
                     "required: at least one clusterRoleSelector required if aggregationRule is non-nil");
  }
  for (const auto& selector : selectors) check_label_selector(selector);
}

void check_role_binding(const Reader& root) { check_binding(root, /*namespaced=*/true); }
void check_cluster_role_binding(const Reader& root) { check_binding(root, /*namespaced=*/false); }

void check_role_binding_update(const Reader& now, const Reader& old) {
  const auto* is = now.get("roleRef");
  const auto* was = old.get("roleRef");
  if (is != nullptr && was != nullptr && *is == *was) return;
  now.fail("roleRef", "invalid value: cannot change roleRef; delete the binding and make it again");
}

}  // namespace berth::model
