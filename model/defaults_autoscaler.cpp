// model/defaults_autoscaler.cpp - what an autoscaler gets when it does not say it.
#include "model/autoscaling.hpp"
#include "model/defaults_internal.hpp"
#include "model/json_edit.hpp"

namespace berth::model {
namespace {

constexpr std::int64_t kUtilization = 80;  ///< Percent of the requested CPU, where no metric is named.
constexpr std::int64_t kPods = 4;
constexpr std::int64_t kPercent = 100;
constexpr std::int64_t kPeriod = 15;  ///< Seconds.

json::object policy(std::string_view type, std::int64_t value) {
  return {{"type", type}, {"value", value}, {"periodSeconds", kPeriod}};
}

/// What is said of one direction, completed.
void complete(json::object& behavior, std::string_view direction, const json::object& preset) {
  auto* rules = object_or_new(behavior, direction);
  if (rules == nullptr) return;
  for (const auto& entry : preset) set_default(*rules, key_of(entry), entry.value());
}

}  // namespace

json::object default_scale_up() {
  return {{"stabilizationWindowSeconds", 0},
          {"selectPolicy", "Max"},
          {"policies", json::array{policy("Pods", kPods), policy("Percent", kPercent)}}};
}

json::object default_scale_down() {
  return {{"selectPolicy", "Max"}, {"policies", json::array{policy("Percent", kPercent)}}};
}

void default_autoscaler(json::object& raw) {
  auto* spec = object_at(raw, "spec");
  if (spec == nullptr) return;
  set_default(*spec, "minReplicas", 1);
  auto& metrics = (*spec)["metrics"];
  if (metrics.is_null() || (metrics.is_array() && metrics.get_array().empty())) {
    metrics = json::array{json::object{
        {"type", "Resource"},
        {"resource",
         json::object{{"name", "cpu"},
                      {"target", json::object{{"type", "Utilization"}, {"averageUtilization", kUtilization}}}}}}};
  }
  if (auto* behavior = object_at(*spec, "behavior")) {
    complete(*behavior, "scaleUp", default_scale_up());
    complete(*behavior, "scaleDown", default_scale_down());
  }
}

}  // namespace berth::model
