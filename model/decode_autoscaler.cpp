// model/decode_autoscaler.cpp - HorizontalPodAutoscaler, and its status back.
#include "model/autoscaling.hpp"
#include "model/condition_list.hpp"
#include "model/decode_internal.hpp"
#include "model/json_edit.hpp"

namespace berth::model {
namespace {

/// metrics[].resource for "Resource": the member that the type names.
std::string member_of(std::string_view type) {
  std::string name(type);
  if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z') name[0] = static_cast<char>(name[0] - 'A' + 'a');
  return name;
}

ScaleMetric read_metric(const Reader& from) {
  ScaleMetric out;
  out.type = from.text("type");
  const auto source = from.child(member_of(out.type));
  const auto measure = source.child("metric");
  out.name = measure.present() ? measure.text("name") : source.text("name");
  out.container = source.text("container");
  if (const auto object = source.child("describedObject"); object.present()) {
    out.object = object.text("kind") + "/" + object.text("name");
  }
  const auto target = source.child("target");
  out.utilization = target.maybe_int32("averageUtilization");
  if (target.has("averageValue")) out.average_milli = target.quantity("averageValue").milli();
  return out;
}

ScalingRules read_rules(const Reader& from) {
  ScalingRules out;
  out.window = std::chrono::seconds(from.integer("stabilizationWindowSeconds"));
  const auto select = from.text("selectPolicy");
  out.select = select == "Min" ? SelectPolicy::Min : select == "Disabled" ? SelectPolicy::Disabled : SelectPolicy::Max;
  for (const auto& policy : from.children("policies")) {
    out.policies.push_back({policy.text("type") == "Percent", policy.int32("value"),
                            std::chrono::seconds(policy.integer("periodSeconds"))});
  }
  constexpr double kThousandth = 0.001;
  if (from.has("tolerance")) out.tolerance = static_cast<double>(from.quantity("tolerance").milli()) * kThousandth;
  return out;
}

/// What is said of one direction, or Kubernetes' rules.
ScalingRules rules_or(const Reader& said, const json::object& preset, Issues& issues) {
  return said.present() ? read_rules(said) : read_rules(Reader(preset, "", issues));
}

AutoscalerStatus read_status(const Reader& from) {
  AutoscalerStatus out;
  out.last_scale_time = from.text("lastScaleTime");
  out.current_replicas = from.int32("currentReplicas");
  out.desired_replicas = from.int32("desiredReplicas");
  if (const auto* metrics = from.get("currentMetrics"); metrics != nullptr && metrics->is_array()) {
    out.current_metrics = metrics->get_array();
  }
  for (const auto& one : from.children("conditions")) {
    out.conditions.push_back({one.text("type"), one.text("status"), one.text("reason"), one.text("message"),
                              one.text("lastTransitionTime")});
  }
  return out;
}

void read_autoscaler(const Reader& root, Autoscaler& out) {
  const auto spec = root.child("spec");
  const auto target = spec.child("scaleTargetRef");
  out.target = {target.text("apiVersion"), target.text("kind"), target.text("name")};
  out.min_replicas = spec.int32("minReplicas", 1);
  out.max_replicas = spec.int32("maxReplicas", 1);
  for (const auto& metric : spec.children("metrics")) out.metrics.push_back(read_metric(metric));
  const auto behavior = spec.child("behavior");
  out.up = rules_or(behavior.child("scaleUp"), default_scale_up(), root.issues());
  out.down = rules_or(behavior.child("scaleDown"), default_scale_down(), root.issues());
  // This one is not written into the object, as in Kubernetes.
  constexpr std::chrono::seconds kCalm{300};
  if (!behavior.child("scaleDown").has("stabilizationWindowSeconds")) out.down.window = kCalm;
  out.status = read_status(root.child("status"));
}

}  // namespace

Result<Autoscaler> decode_autoscaler(const Object& object) { return decode<Autoscaler>(object, read_autoscaler); }

json::object encode_autoscaler_status(const AutoscalerStatus& status) {
  json::object out;
  if (!status.last_scale_time.empty()) out["lastScaleTime"] = status.last_scale_time;
  out["currentReplicas"] = status.current_replicas;
  out["desiredReplicas"] = status.desired_replicas;
  if (!status.current_metrics.empty()) out["currentMetrics"] = status.current_metrics;
  auto& conditions = out["conditions"].emplace_array();
  for (const auto& one : status.conditions) {
    conditions.push_back(json::object{{"type", one.type},
                                      {"status", one.status},
                                      {"lastTransitionTime", one.last_transition_time},
                                      {"reason", one.reason},
                                      {"message", one.message}});
  }
  return out;
}

void set_autoscaler_condition(AutoscalerStatus& status, AutoscalerCondition condition, const std::string& now) {
  put_condition(status.conditions, std::move(condition), now);
}

}  // namespace berth::model
