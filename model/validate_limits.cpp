// model/validate_limits.cpp - LimitRange and ResourceQuota: bounds of what a namespace's pods may ask for.
#include <fmt/format.h>

#include <algorithm>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

using Amounts = std::map<std::string, Quantity>;

std::string limited_name_error(std::string_view type, std::string_view name) {
  if (type == "PersistentVolumeClaim") {
    return name == "storage" ? std::string() : "must be a standard limit for a claim: storage";
  }
  return type == "Pod" || type == "Container" ? resource_name_error(name) : qualified_name_error(name);
}

const Quantity* at(const Amounts& amounts, const std::string& name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? nullptr : &found->second;
}

/// The amounts of one entry of a LimitRange against each other.
void check_order(const Reader& limit, const std::string& name) {
  const auto all = [&](const char* list) { return limit.quantity_map(list); };
  const auto [low, high] = std::pair(all("min"), all("max"));
  const auto [preset, preset_request] = std::pair(all("default"), all("defaultRequest"));
  const auto below = [&](const char* list, const Quantity* shown, const Quantity* small, const char* small_word,
                         const Quantity* great, const char* great_word) {
    if (small == nullptr || great == nullptr || *small <= *great) return;
    limit.child(list).fail(
        name, invalid(shown->text(), fmt::format("{} value {} is greater than {} value {}", small_word, small->text(),
                                                 great_word, great->text())));
  };
  const auto* lowest = at(low, name);
  const auto* highest = at(high, name);
  const auto* request = at(preset_request, name);
  const auto* bound = at(preset, name);
  below("min", lowest, lowest, "min", highest, "max");
  below("defaultRequest", request, lowest, "min", request, "default request");
  below("defaultRequest", request, request, "default request", highest, "max");
  below("defaultRequest", request, request, "default request", bound, "default limit");
  below("default", bound, lowest, "min", bound, "default");
  below("default", bound, bound, "default", highest, "max");
  const auto ratios = all("maxLimitRequestRatio");
  const auto* ratio = at(ratios, name);
  if (ratio == nullptr) return;
  constexpr std::int64_t kOne = 1000;
  const auto wrong = limit.child("maxLimitRequestRatio");
  if (ratio->milli() < kOne)
    wrong.fail(name, invalid(ratio->text(), fmt::format("ratio {} is less than 1", ratio->text())));
  if (lowest == nullptr || highest == nullptr || lowest->milli() <= 0) return;
  const auto most = static_cast<double>(highest->milli()) / static_cast<double>(lowest->milli());
  if (static_cast<double>(ratio->milli()) / kOne > most) {
    wrong.fail(name,
               invalid(ratio->text(), fmt::format("ratio {} is greater than max/min = {:.6f}", ratio->text(), most)));
  }
}

std::string limit_type_error(std::string_view type) {
  if (auto why = qualified_name_error(type); !why.empty()) return why;
  const bool known = type == "Pod" || type == "Container" || type == "PersistentVolumeClaim";
  if (known || type.find('/') != std::string_view::npos) return {};
  return "must be a standard limit type (Container, Pod, PersistentVolumeClaim) or fully qualified";
}

void check_limit(const Reader& limit) {
  const auto type = limit.text("type");
  if (!require_text(limit, "type")) return;
  check_text(limit, "type", limit_type_error);
  std::set<std::string> names;
  for (const auto* list : {"max", "min", "default", "defaultRequest", "maxLimitRequestRatio"}) {
    for (const auto& [name, amount] : limit.quantity_map(list)) {
      names.insert(name);
      if (const auto why = limited_name_error(type, name); !why.empty()) {
        limit.child(list).fail(name, invalid(name, why));
      } else if (amount < Quantity()) {
        limit.child(list).fail(name, invalid(amount.text(), "must be greater than or equal to 0"));
      }
    }
  }
  if (type == "Pod") {
    for (const auto* list : {"default", "defaultRequest"}) {
      if (!limit.quantity_map(list).empty()) limit.fail(list, "forbidden: may not be specified when `type` is 'Pod'");
    }
  }
  if (type == "PersistentVolumeClaim" && !limit.quantity_map("min").contains("storage") &&
      !limit.quantity_map("max").contains("storage")) {
    limit.fail("", "required: either minimum or maximum storage value is required, but neither was provided");
  }
  for (const auto& name : names) check_order(limit, name);
}

constexpr std::string_view kCounted[] = {"pods",
                                         "services",
                                         "replicationcontrollers",
                                         "resourcequotas",
                                         "secrets",
                                         "configmaps",
                                         "persistentvolumeclaims",
                                         "services.nodeports",
                                         "services.loadbalancers"};
constexpr std::string_view kMeasured[] = {"cpu",
                                          "memory",
                                          "ephemeral-storage",
                                          "requests.cpu",
                                          "requests.memory",
                                          "requests.ephemeral-storage",
                                          "limits.cpu",
                                          "limits.memory",
                                          "limits.ephemeral-storage",
                                          "requests.storage"};

template <typename Names>
bool has(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string quota_name_error(std::string_view name) {
  if (auto why = qualified_name_error(name); !why.empty()) return why;
  const bool known = has(kCounted, name) || has(kMeasured, name) || name.starts_with("requests.hugepages-") ||
                     name.starts_with("hugepages-");
  if (known || name.find('/') != std::string_view::npos) return {};
  return "must be a standard resource for quota (pods, requests.cpu, limits.memory, count/configmaps, ...)";
}

/// Resources of pods: what a quota with scopes may bound.
bool is_of_pods(std::string_view name) {
  return name == "pods" || (has(kMeasured, name) && name != "requests.storage") ||
         name.find("hugepages-") != std::string_view::npos;
}

void check_scope(const Reader& from, std::string_view field, std::string_view scope, const Amounts& hard) {
  constexpr std::string_view kScopes[] = {"Terminating",   "NotTerminating", "BestEffort",
                                          "NotBestEffort", "PriorityClass",  "CrossNamespacePodAffinity"};
  if (!has(kScopes, scope)) return from.fail(field, invalid(scope, "unsupported scope"));
  for (const auto& [name, amount] : hard) {
    if (scope == "BestEffort" ? name != "pods" : !is_of_pods(name)) {
      return from.fail(field, invalid(scope, fmt::format("unsupported scope applied to resource: {}", name)));
    }
  }
}

void check_scope_selector(const Reader& spec, const Amounts& hard) {
  for (const auto& one : spec.child("scopeSelector").children("matchExpressions")) {
    if (require_text(one, "scopeName")) check_scope(one, "scopeName", one.text("scopeName"), hard);
    if (require_text(one, "operator")) check_choice(one, "operator", {"DoesNotExist", "Exists", "In", "NotIn"});
    const auto op = one.text("operator");
    const auto values = one.texts("values");
    const bool wants = op == "In" || op == "NotIn";
    if (wants && values.empty()) {
      one.fail("values", "required: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
    }
    if (!wants && !values.empty()) {
      one.fail("values", invalid(values.front(), "must be no value when `operator` is 'Exists' or 'DoesNotExist'"));
    }
    if (one.text("scopeName") != "PriorityClass" && one.text("scopeName") != "" && op != "Exists") {
      one.fail("operator", invalid(op,
                                   "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, "
                                   "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
                                   "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"));
    }
  }
}

}  // namespace

void check_limit_range(const Reader& root) {
  std::set<std::string> types;
  for (const auto& limit : root.child("spec").children("limits")) {
    check_limit(limit);
    check_unique(limit, "type", limit.text("type"), types);
  }
}

void check_resource_quota(const Reader& root) {
  const auto spec = root.child("spec");
  const auto hard = spec.child("hard");
  for (const auto& [name, amount] : spec.quantity_map("hard")) {
    if (const auto why = quota_name_error(name); !why.empty()) {
      hard.fail(name, invalid(name, why));
    } else if (amount < Quantity()) {
      hard.fail(name, invalid(amount.text(), "must be greater than or equal to 0"));
    } else if ((has(kCounted, name) || name.starts_with("count/")) && amount.milli() % 1000 != 0) {
      hard.fail(name, invalid(amount.text(), "must be an integer"));
    }
  }
  const auto scopes = spec.texts("scopes");
  for (const auto& scope : scopes) check_scope(spec, "scopes", scope, spec.quantity_map("hard"));
  const auto both = [&](std::string_view a, std::string_view b) { return has(scopes, a) && has(scopes, b); };
  if (both("BestEffort", "NotBestEffort") || both("Terminating", "NotTerminating")) {
    spec.fail("scopes", "invalid value: conflicting scopes");
  }
  check_scope_selector(spec, spec.quantity_map("hard"));
}

void check_resource_quota_update(const Reader& now, const Reader& old) {
  check_same(now.child("spec"), old.child("spec"), "scopes");
}

}  // namespace berth::model
