// model/validate_autoscaler.cpp - HorizontalPodAutoscaler, in the words of Kubernetes' pkg/apis/autoscaling/validation.
#include <fmt/format.h>

#include <array>

#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

void check_reference(const Reader& target) {
  for (const auto* name : {"kind", "name"}) {
    if (require_text(target, name)) check_text(target, name, path_segment_error);
  }
}

bool is_positive(const Quantity& quantity) { return quantity > Quantity(); }

void check_target(const Reader& source) {
  const auto target = source.child("target");
  if (!target.has("type")) {
    target.present() ? target.fail("type", "required: must specify a metric target type")
                     : source.fail("target", "required: must specify a metric target type");
  } else if (const auto type = target.text("type");
             type != "Utilization" && type != "Value" && type != "AverageValue") {
    target.fail("type", invalid(type, "must be either Utilization, Value, or AverageValue"));
  }
  for (const auto* name : {"value", "averageValue"}) {
    if (target.has(name) && !is_positive(target.quantity(name))) {
      target.fail(name, invalid(target.quantity(name).text(), "must be positive"));
    }
  }
  if (const auto percent = target.maybe_integer("averageUtilization"); percent && *percent < 1) {
    target.fail("averageUtilization", fmt::format("invalid value: {}: must be greater than 0", *percent));
  }
}

void check_resource(const Reader& source) {
  if (source.text("name").empty()) source.fail("name", "required: must specify a resource name");
  check_text(source, "name", resource_name_error);
  check_target(source);
  const auto target = source.child("target");
  if (!target.present()) return;
  const bool percent = target.has("averageUtilization");
  const bool value = target.has("averageValue");
  if (!percent && !value) {
    target.fail("averageUtilization", "required: must set either a target raw value or a target utilization");
  }
  if (percent && value) {
    target.fail("averageValue", "forbidden: may not set both a target raw value and a target utilization");
  }
}

void check_container_resource(const Reader& source) {
  if (source.text("container").empty()) source.fail("container", "required: must specify a container");
  check_text(source, "container", dns_label_error);
  check_resource(source);
}

void check_measure(const Reader& source) {
  const auto measure = source.child("metric");
  if (measure.text("name").empty()) {
    const auto& at = measure.present() ? measure : source;
    at.fail(measure.present() ? "name" : "metric", "required: must specify a metric name");
  } else {
    check_text(measure, "name", path_segment_error);
  }
  if (const auto selector = measure.child("selector"); selector.present()) check_label_selector(selector);
  check_target(source);
}

void check_pods_metric(const Reader& source) {
  check_measure(source);
  const auto target = source.child("target");
  if (target.present() && !target.has("averageValue")) {
    target.fail("averageValue", "required: must specify a positive target averageValue");
  }
}

void check_object_metric(const Reader& source) {
  check_reference(source.child("describedObject"));
  check_measure(source);
  const auto target = source.child("target");
  if (target.present() && !target.has("averageValue") && !target.has("value")) {
    target.fail("averageValue", "required: must set either a target value or averageValue");
  }
}

void check_external_metric(const Reader& source) {
  check_measure(source);
  const auto target = source.child("target");
  if (!target.present()) return;
  if (!target.has("averageValue") && !target.has("value")) {
    target.fail("averageValue", "required: must set either a target value for metric or a per-pod target");
  }
  if (target.has("averageValue") && target.has("value")) {
    target.fail("averageValue", "forbidden: may not set both a target value for metric and a per-pod target");
  }
}

struct Source {
  std::string_view type;
  std::string_view member;
  void (*check)(const Reader& source);
};
constexpr std::array<Source, 5> kSources{{{"Object", "object", check_object_metric},
                                          {"Pods", "pods", check_pods_metric},
                                          {"Resource", "resource", check_resource},
                                          {"External", "external", check_external_metric},
                                          {"ContainerResource", "containerResource", check_container_resource}}};

void check_metric(const Reader& metric) {
  const auto type = metric.text("type");
  if (type.empty()) return metric.fail("type", "required: must specify a metric source type");
  check_choice(metric, "type", {"ContainerResource", "External", "Object", "Pods", "Resource"});
  for (const auto& source : kSources) {
    const auto there = metric.child(source.member);
    if (type == source.type) {
      there.present() ? source.check(there)
                      : metric.fail(source.member, "required: must populate information for the given metric source");
    } else if (there.present()) {
      metric.fail(source.member, "forbidden: must populate the given metric source only");
    }
  }
}

/// Of `value`: more than 0, and at most `most`.
void check_seconds(const Reader& from, std::string_view name, std::int64_t least, std::string_view less,
                   std::int64_t most) {
  const auto value = from.integer(name);
  if (value < least) from.fail(name, fmt::format("invalid value: {}: {}", value, less));
  if (value > most) from.fail(name, fmt::format("invalid value: {}: must be less than or equal to {}", value, most));
}

void check_rules(const Reader& rules) {
  if (!rules.present()) return;
  constexpr std::int64_t kLongestWindow = 3600;
  constexpr std::int64_t kLongestPeriod = 1800;
  check_seconds(rules, "stabilizationWindowSeconds", 0, "must be greater than or equal to zero", kLongestWindow);
  check_choice(rules, "selectPolicy", {"Disabled", "Max", "Min"});
  const auto policies = rules.children("policies");
  if (policies.empty()) rules.fail("policies", "required: must specify at least one Policy");
  for (const auto& policy : policies) {
    if (require_text(policy, "type")) check_choice(policy, "type", {"Percent", "Pods"});
    if (const auto value = policy.integer("value"); value <= 0) {
      policy.fail("value", fmt::format("invalid value: {}: must be greater than zero", value));
    }
    check_seconds(policy, "periodSeconds", 1, "must be greater than zero", kLongestPeriod);
  }
  if (rules.has("tolerance") && rules.quantity("tolerance") < Quantity()) {
    rules.fail("tolerance", invalid(rules.quantity("tolerance").text(), "must be greater than or equal to 0"));
  }
}

}  // namespace

void check_autoscaler(const Reader& root) {
  const auto spec = root.child("spec");
  if (!spec.present()) return root.fail("spec", "required");
  check_range(spec, "minReplicas", 1);
  const auto most = spec.integer("maxReplicas");
  if (most < 1) spec.fail("maxReplicas", fmt::format("invalid value: {}: must be greater than 0", most));
  if (const auto least = spec.maybe_integer("minReplicas"); least && most >= 1 && most < *least) {
    spec.fail("maxReplicas", fmt::format("invalid value: {}: must be greater than or equal to `minReplicas`", most));
  }
  const auto target = spec.child("scaleTargetRef");
  target.present() ? check_reference(target) : spec.fail("scaleTargetRef", "required: the set to scale");
  for (const auto& metric : spec.children("metrics")) check_metric(metric);
  const auto behavior = spec.child("behavior");
  check_rules(behavior.child("scaleUp"));
  check_rules(behavior.child("scaleDown"));
}

}  // namespace berth::model
