// model/validate_classes.cpp - PriorityClass, RuntimeClass; what templates that stand alone, and disruption budgets,
// say.
#include <fmt/format.h>

#include "model/names.hpp"
#include "model/priority.hpp"
#include "model/validation.hpp"

namespace berth::model {

void check_priority_class(const Reader& root) {
  const auto name = root.child("metadata").text("name");
  const auto value = root.integer("value");
  if (name.starts_with("system-")) {
    const auto known = built_in_priority(name);
    if (known != value || root.flag("globalDefault")) {
      root.child("metadata")
          .fail("name", fmt::format("forbidden: priority class names with 'system-' prefix are "
                                    "reserved for system use only; choose a name without it"));
    }
  } else if (value > kHighestUserPriority) {
    root.fail("value",
              fmt::format("forbidden: maximum allowed value of a user defined priority is {}", kHighestUserPriority));
  }
  check_choice(root, "preemptionPolicy", {"Never", "PreemptLowerPriority"});
}

void check_priority_class_update(const Reader& now, const Reader& old) {
  if (now.integer("value") != old.integer("value")) {
    now.fail("value", "forbidden: may not be changed in an update; delete the class and make it again");
  }
  check_same(now, old, "preemptionPolicy");
}

void check_runtime_class(const Reader& root) {
  if (require_text(root, "handler")) check_text(root, "handler", dns_label_error);
  for (const auto& [name, amount] : root.child("overhead").quantity_map("podFixed")) {
    if (amount < Quantity()) {
      root.child("overhead").child("podFixed").fail(name, invalid(amount.text(), "must be greater than or equal to 0"));
    }
  }
  const auto scheduling = root.child("scheduling");
  check_labels(scheduling, "nodeSelector");
  check_tolerations(scheduling);
}

void check_runtime_class_update(const Reader& now, const Reader& old) { check_same(now, old, "handler"); }

void check_pod_template_object(const Reader& root) { check_pod_template(root, {}, /*in_set=*/false); }

void check_disruption_budget(const Reader& root) {
  const auto spec = root.child("spec");
  if (spec.has("minAvailable") && spec.has("maxUnavailable")) {
    root.fail("spec", "invalid value: minAvailable and maxUnavailable cannot be both set");
  }
  check_count_or_percent(spec, "minAvailable");
  check_count_or_percent(spec, "maxUnavailable");
  check_label_selector(spec.child("selector"));
  check_choice(spec, "unhealthyPodEvictionPolicy", {"AlwaysAllow", "IfHealthyBudget"});
}

}  // namespace berth::model
