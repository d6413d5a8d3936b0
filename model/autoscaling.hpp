// model/autoscaling.hpp - HorizontalPodAutoscaler as typed structs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/meta.hpp"

namespace berth::model {

struct ScaleTargetRef {
  std::string api_version;
  std::string kind;
  std::string name;
};

/// What decides. Only Resource and ContainerResource can be measured here.
struct ScaleMetric {
  std::string type;                           ///< "Resource", "ContainerResource", "Pods", "Object", "External"
  std::string name;                           ///< Of the resource, or of the measure.
  std::string container;                      ///< ContainerResource.
  std::string object;                         ///< Object: "Ingress/web".
  std::optional<std::int32_t> utilization;    ///< Percent of what is requested.
  std::optional<std::int64_t> average_milli;  ///< Thousandths, for each pod.
};

/// How much may change in which time.
struct ScalingPolicy {
  bool percent = false;  ///< Of the pods there were; else a number of pods.
  std::int32_t value = 0;
  std::chrono::seconds period{0};
};
enum class SelectPolicy { Max, Min, Disabled };
/// How fast the number may change one way.
struct ScalingRules {
  std::chrono::seconds window{0};
  SelectPolicy select = SelectPolicy::Max;
  std::vector<ScalingPolicy> policies;
  double tolerance = 0.1;
};

struct AutoscalerCondition {
  std::string type;
  std::string status;
  std::string reason;
  std::string message;
  std::string last_transition_time;
  bool operator==(const AutoscalerCondition&) const = default;
};
struct AutoscalerStatus {
  std::string last_scale_time;
  std::int32_t current_replicas = 0;
  std::int32_t desired_replicas = 0;
  json::array current_metrics;  ///< One for each metric of the spec, in its order.
  std::vector<AutoscalerCondition> conditions;
  bool operator==(const AutoscalerStatus&) const = default;
};

struct Autoscaler {
  ObjectMeta meta;
  ScaleTargetRef target;
  std::int32_t min_replicas = 1;
  std::int32_t max_replicas = 1;
  std::vector<ScaleMetric> metrics;
  ScalingRules up;    ///< Kubernetes' where nothing is said.
  ScalingRules down;  ///< The same.
  AutoscalerStatus status;
};

Result<Autoscaler> decode_autoscaler(const Object& object);
json::object encode_autoscaler_status(const AutoscalerStatus& status);

/// Sets a condition; its time is `now` when its status is another than before.
void set_autoscaler_condition(AutoscalerStatus& status, AutoscalerCondition condition, const std::string& now);

// Kubernetes' rules where `behavior` says nothing, as JSON.
json::object default_scale_up();
json::object default_scale_down();

// autoscaling/v1 and v2beta1: fields that had other names, and what v1 keeps in annotations.
void autoscaler_v1_to_current(json::object& raw);
void autoscaler_v1_from_current(json::object& raw);
void autoscaler_v2beta1_to_current(json::object& raw);
void autoscaler_v2beta1_from_current(json::object& raw);

}  // namespace berth::model
