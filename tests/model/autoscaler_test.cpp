// tests/model/autoscaler_test.cpp - HorizontalPodAutoscaler: defaults, what is wrong with one, and its old versions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/autoscaling.hpp"
#include "model/conversion.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kTarget =
    "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 4";

std::string scaler(std::string_view spec, std::string_view version = "v2") {
  return "apiVersion: autoscaling/" + std::string(version) +
         "\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: default}\nspec: {" + std::string(spec) +
         "}\n";
}
std::string with_metric(std::string_view metric) {
  return scaler(std::string(kTarget) + ", metrics: [" + std::string(metric) + "]");
}
std::string with_behavior(std::string_view behavior) {
  return scaler(std::string(kTarget) + ", behavior: {" + std::string(behavior) + "}");
}

std::string complaints(const std::string& manifest) {
  std::string text;
  for (const auto& one : read_manifest(manifest, "f.yaml").errors) text += one.text() + "\n";
  return text;
}

/// As it is stored when it is applied.
Object stored(const std::string& manifest) {
  auto read = read_manifest(manifest, "f.yaml");
  EXPECT_TRUE(read.errors.empty()) << read.errors.front().text();
  return read.objects.at(0);
}

/// As it is shown in an old version.
json::object shown(json::object raw, std::string_view version) {
  old_version(Kind::HorizontalPodAutoscaler, version)->from_current(raw);
  return raw;
}

TEST(Autoscaler, NothingSaidIsAsInKubernetes) {
  const auto object = stored(scaler(kTarget));
  const auto view = *decode_autoscaler(object);
  EXPECT_EQ(view.min_replicas, 1);
  EXPECT_EQ(view.max_replicas, 4);
  ASSERT_EQ(view.metrics.size(), 1U);
  EXPECT_EQ(view.metrics[0].type, "Resource");
  EXPECT_EQ(view.metrics[0].name, "cpu");
  EXPECT_EQ(view.metrics[0].utilization, 80);
  EXPECT_FALSE(object.raw.at("spec").as_object().contains("behavior")) << "it is not written down";
  EXPECT_EQ(view.up.window, seconds(0));
  ASSERT_EQ(view.up.policies.size(), 2U);
  EXPECT_FALSE(view.up.policies[0].percent);
  EXPECT_EQ(view.up.policies[0].value, 4);
  EXPECT_TRUE(view.up.policies[1].percent);
  EXPECT_EQ(view.up.policies[1].period, seconds(15));
  EXPECT_EQ(view.down.window, seconds(300));
  ASSERT_EQ(view.down.policies.size(), 1U);
  EXPECT_EQ(view.down.policies[0].value, 100);
  EXPECT_DOUBLE_EQ(view.down.tolerance, 0.1);
}

TEST(Autoscaler, WhatIsSaidOfOneDirectionIsCompletedAndTheOtherFilledIn) {
  const auto object =
      stored(with_behavior("scaleDown: {stabilizationWindowSeconds: 5, selectPolicy: Min, tolerance: 50m}"));
  const auto& behavior = object.raw.at("spec").at("behavior");
  EXPECT_EQ(behavior.at("scaleDown").at("policies").as_array().size(), 1U);
  EXPECT_EQ(behavior.at("scaleUp").at("selectPolicy"), "Max");
  const auto view = *decode_autoscaler(object);
  EXPECT_EQ(view.down.window, seconds(5));
  EXPECT_EQ(view.down.select, SelectPolicy::Min);
  EXPECT_DOUBLE_EQ(view.down.tolerance, 0.05);
  EXPECT_EQ(view.up.policies.size(), 2U);
}

TEST(Autoscaler, AWrongOneIsToldFieldAndCure) {
  struct Wrong {
    const char* what;
    std::string manifest;
    const char* complaint;
  };
  const Wrong all[] = {
      {"no pod at all", scaler(std::string(kTarget) + ", minReplicas: 0"),
       "spec.minReplicas: invalid value: 0: must be greater than or equal to 1"},
      {"no most", scaler("scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}"),
       "spec.maxReplicas: invalid value: 0: must be greater than 0"},
      {"turned round", scaler(std::string(kTarget) + ", minReplicas: 5"),
       "spec.maxReplicas: invalid value: 4: must be greater than or equal to `minReplicas`"},
      {"nothing to scale", scaler("maxReplicas: 4"), "spec.scaleTargetRef: required"},
      {"of no kind", scaler("maxReplicas: 4, scaleTargetRef: {name: web}"), "spec.scaleTargetRef.kind: required"},
      {"of no name", scaler("maxReplicas: 4, scaleTargetRef: {kind: Deployment}"),
       "spec.scaleTargetRef.name: required"},
      {"a name with a slash", scaler("maxReplicas: 4, scaleTargetRef: {kind: Deployment, name: a/b}"),
       "spec.scaleTargetRef.name: invalid value: \"a/b\": may not contain '/'"},
      {"no type", with_metric("{resource: {name: cpu}}"),
       "spec.metrics[0].type: required: must specify a metric source type"},
      {"of another type", with_metric("{type: Cpu}"),
       "spec.metrics[0].type: unsupported value: \"Cpu\": supported values: \"ContainerResource\", \"External\", "
       "\"Object\", \"Pods\", \"Resource\""},
      {"a type and nothing more", with_metric("{type: Resource}"),
       "spec.metrics[0].resource: required: must populate information for the given metric source"},
      {"two sources",
       with_metric(
           "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 5}}, pods: {}}"),
       "spec.metrics[0].pods: forbidden: must populate the given metric source only"},
      {"no target", with_metric("{type: Resource, resource: {name: cpu}}"),
       "spec.metrics[0].resource.target: required: must specify a metric target type"},
      {"the flat form of old versions",
       with_metric("{type: Resource, resource: {name: cpu, targetAverageUtilization: 50}}"),
       "spec.metrics[0].resource.target: required: must specify a metric target type"},
      {"a target of no type", with_metric("{type: Resource, resource: {name: cpu, target: {averageUtilization: 50}}}"),
       "spec.metrics[0].resource.target.type: required: must specify a metric target type"},
      {"a target of another type",
       with_metric("{type: Resource, resource: {name: cpu, target: {type: Percent, averageUtilization: 50}}}"),
       "resource.target.type: invalid value: \"Percent\": must be either Utilization, Value, or AverageValue"},
      {"a type without its number", with_metric("{type: Resource, resource: {name: cpu, target: {type: Utilization}}}"),
       "averageUtilization: required: must set either a target raw value or a target utilization"},
      {"two numbers",
       with_metric("{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 5, "
                   "averageValue: 1}}}"),
       "averageValue: forbidden: may not set both a target raw value and a target utilization"},
      {"nothing",
       with_metric("{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0}}}"),
       "spec.metrics[0].resource.target.averageUtilization: invalid value: 0: must be greater than 0"},
      {"less than nothing",
       with_metric("{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: -5Mi}}}"),
       "averageValue: invalid value: \"-5Mi\": must be positive"},
      {"no resource", with_metric("{type: Resource, resource: {target: {type: Utilization, averageUtilization: 5}}}"),
       "spec.metrics[0].resource.name: required: must specify a resource name"},
      {"no container",
       with_metric("{type: ContainerResource, containerResource: {name: cpu, target: {type: Utilization, "
                   "averageUtilization: 5}}}"),
       "containerResource.container: required: must specify a container"},
      {"no measure", with_metric("{type: Pods, pods: {target: {type: AverageValue, averageValue: 1}}}"),
       "pods.metric: required: must specify a metric name"},
      {"a measure without average",
       with_metric("{type: Pods, pods: {metric: {name: m}, target: {type: Value, value: 1}}}"),
       "pods.target.averageValue: required: must specify a positive target averageValue"},
      {"of no object", with_metric("{type: Object, object: {metric: {name: m}, target: {type: Value, value: 1}}}"),
       "object.describedObject.kind: required"},
      {"an object without a number",
       with_metric(
           "{type: Object, object: {describedObject: {kind: Service, name: a}, metric: {name: m}, target: {type: "
           "Value}}}"),
       "object.target.averageValue: required: must set either a target value or averageValue"},
      {"two of outside",
       with_metric("{type: External, external: {metric: {name: m}, target: {type: Value, value: 1, averageValue: 1}}}"),
       "external.target.averageValue: forbidden: may not set both a target value for metric and a per-pod target"},
      {"a window of the past", with_behavior("scaleUp: {stabilizationWindowSeconds: -1}"),
       "spec.behavior.scaleUp.stabilizationWindowSeconds: invalid value: -1: must be greater than or equal to zero"},
      {"a window of hours", with_behavior("scaleDown: {stabilizationWindowSeconds: 3601}"),
       "spec.behavior.scaleDown.stabilizationWindowSeconds: invalid value: 3601: must be less than or equal to 3600"},
      {"a choice of none", with_behavior("scaleUp: {selectPolicy: Most}"),
       "spec.behavior.scaleUp.selectPolicy: unsupported value: \"Most\": supported values: \"Disabled\", \"Max\", "
       "\"Min\""},
      {"no policies", with_behavior("scaleUp: {policies: []}"),
       "spec.behavior.scaleUp.policies: required: must specify at least one Policy"},
      {"a policy of another type", with_behavior("scaleUp: {policies: [{type: Nodes, value: 1, periodSeconds: 1}]}"),
       "policies[0].type: unsupported value: \"Nodes\": supported values: \"Percent\", \"Pods\""},
      {"a policy of nothing", with_behavior("scaleUp: {policies: [{type: Pods, periodSeconds: 1}]}"),
       "policies[0].value: invalid value: 0: must be greater than zero"},
      {"no period", with_behavior("scaleUp: {policies: [{type: Pods, value: 1}]}"),
       "policies[0].periodSeconds: invalid value: 0: must be greater than zero"},
      {"a long period", with_behavior("scaleUp: {policies: [{type: Pods, value: 1, periodSeconds: 1801}]}"),
       "policies[0].periodSeconds: invalid value: 1801: must be less than or equal to 1800"},
      {"a tolerance below nothing", with_behavior("scaleUp: {tolerance: -1m}"),
       "spec.behavior.scaleUp.tolerance: invalid value: \"-1m\": must be greater than or equal to 0"},
  };
  for (const auto& one : all) EXPECT_THAT(complaints(one.manifest), HasSubstr(one.complaint)) << one.what;
}

TEST(Autoscaler, WhatCannotBeMeasuredHereIsNamed) {
  const auto manifest = read_manifest(
      with_metric("{type: Pods, pods: {metric: {name: m}, target: {type: AverageValue, averageValue: 1}}}"), "f.yaml");
  ASSERT_EQ(manifest.warnings.size(), 1U);
  EXPECT_THAT(manifest.warnings[0].text(), HasSubstr("spec.metrics[0].pods"));
}

TEST(Autoscaler, TheFirstVersionIsAPercentageOfCpu) {
  const auto object = stored(scaler(std::string(kTarget) + ", targetCPUUtilizationPercentage: 50", "v1"));
  EXPECT_EQ(object.raw.at("apiVersion"), "autoscaling/v2");
  const auto view = *decode_autoscaler(object);
  ASSERT_EQ(view.metrics.size(), 1U);
  EXPECT_EQ(view.metrics[0].utilization, 50);
  EXPECT_FALSE(object.raw.at("spec").as_object().contains("targetCPUUtilizationPercentage"));
  const auto back = shown(object.raw, "autoscaling/v1");
  EXPECT_EQ(back.at("spec").at("targetCPUUtilizationPercentage"), 50);
  EXPECT_FALSE(back.at("spec").as_object().contains("metrics"));
  EXPECT_EQ((*decode_autoscaler(stored(scaler(kTarget, "v1")))).metrics[0].utilization, 80);
}

TEST(Autoscaler, WhatTheFirstVersionHasNoFieldForComesBackThroughIt) {
  auto object =
      stored(scaler(std::string(kTarget) +
                    ", metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, "
                    "averageValue: 10Mi}}}, {type: Resource, resource: {name: cpu, target: {type: Utilization, "
                    "averageUtilization: 30}}}, {type: Object, object: {describedObject: {kind: Service, name: "
                    "a}, metric: {name: m, selector: {matchLabels: {x: z}}}, target: {type: Value, value: 3}}}], "
                    "behavior: {scaleDown: {stabilizationWindowSeconds: 7}}"));
  object.raw["status"] = json::object{
      {"currentReplicas", 2},
      {"desiredReplicas", 3},
      {"currentMetrics",
       json::array{json::object{{"type", ""}},
                   json::object{{"type", "Resource"},
                                {"resource", json::object{{"name", "cpu"},
                                                          {"current", json::object{{"averageUtilization", 61},
                                                                                   {"averageValue", "61m"}}}}}}}},
      {"conditions", json::array{json::object{{"type", "AbleToScale"}, {"status", "True"}}}}};
  auto old = shown(object.raw, "autoscaling/v1");
  EXPECT_EQ(old.at("spec").at("targetCPUUtilizationPercentage"), 30);
  EXPECT_EQ(old.at("status").at("currentCPUUtilizationPercentage"), 61);
  EXPECT_FALSE(old.at("status").as_object().contains("conditions"));
  const auto& annotations = old.at("metadata").at("annotations").as_object();
  EXPECT_THAT(std::string(annotations.at("autoscaling.alpha.kubernetes.io/metrics").as_string()),
              HasSubstr(R"({"type":"Resource","resource":{"name":"memory","targetAverageValue":"10Mi"}})"));
  EXPECT_THAT(std::string(annotations.at("autoscaling.alpha.kubernetes.io/behavior").as_string()),
              HasSubstr(R"("StabilizationWindowSeconds":7)"));
  EXPECT_THAT(std::string(annotations.at("autoscaling.alpha.kubernetes.io/conditions").as_string()),
              HasSubstr("AbleToScale"));

  old["apiVersion"] = "autoscaling/v1";
  ASSERT_TRUE(convert_to_current(old));
  EXPECT_FALSE(old.at("metadata").as_object().contains("annotations"));
  EXPECT_EQ(old.at("spec").at("behavior"), object.raw.at("spec").at("behavior"));
  const auto view = *decode_autoscaler(*make_object(old));
  ASSERT_EQ(view.metrics.size(), 3U);
  EXPECT_EQ(view.metrics[0].name, "memory");
  EXPECT_EQ(view.metrics[1].name, "m");
  EXPECT_EQ(view.metrics[1].object, "Service/a");
  EXPECT_EQ(view.metrics[2].utilization, 30);
}

TEST(Autoscaler, FlatMetricsAreUnderstoodAndShownAsTheyWere) {
  const auto manifest = scaler(
      std::string(kTarget) +
          ", metrics: [{type: Resource, resource: {name: cpu, targetAverageUtilization: 40}}, {type: Pods, pods: "
          "{metricName: m, targetAverageValue: \"5\"}}, {type: External, external: {metricName: q, metricSelector: "
          "{matchLabels: {a: b}}, targetAverageValue: \"2\"}}]",
      "v2beta1");
  const auto object = stored(manifest);
  const auto view = *decode_autoscaler(object);
  ASSERT_EQ(view.metrics.size(), 3U);
  EXPECT_EQ(view.metrics[0].utilization, 40);
  EXPECT_EQ(view.metrics[1].average_milli, 5000);
  EXPECT_EQ(view.metrics[2].name, "q");
  const auto back = shown(object.raw, "autoscaling/v2beta1");
  EXPECT_EQ(back.at("spec").at("metrics"), parse_yaml(manifest)->at("spec").at("metrics"));
}

TEST(Autoscaler, TheSecondBetaIsAsTodayAndOnlyBetasAreOld) {
  const auto object = stored(scaler(kTarget, "v2beta2"));
  EXPECT_EQ(object.raw.at("apiVersion"), "autoscaling/v2");
  EXPECT_TRUE(old_version(Kind::HorizontalPodAutoscaler, "autoscaling/v1")->history.empty());
  EXPECT_FALSE(old_version(Kind::HorizontalPodAutoscaler, "autoscaling/v2beta2")->history.empty());
}

TEST(Autoscaler, AStatusComesBackAsItWas) {
  auto object = stored(scaler(kTarget));
  AutoscalerStatus status;
  status.last_scale_time = "2026-11-01T00:00:00Z";
  status.current_replicas = 2;
  status.desired_replicas = 3;
  status.current_metrics = {json::object{{"type", ""}}};
  set_autoscaler_condition(status, {"AbleToScale", "True", "A", "a", {}}, "2026-11-01T00:00:00Z");
  set_autoscaler_condition(status, {"AbleToScale", "True", "B", "b", {}}, "2026-11-01T00:00:01Z");
  set_autoscaler_condition(status, {"ScalingActive", "False", "C", "c", {}}, "2026-11-01T00:00:02Z");
  ASSERT_EQ(status.conditions.size(), 2U);
  EXPECT_EQ(status.conditions[0].reason, "B");
  EXPECT_EQ(status.conditions[0].last_transition_time, "2026-11-01T00:00:00Z") << "its status is as it was";
  object.raw["status"] = encode_autoscaler_status(status);
  EXPECT_EQ(decode_autoscaler(object)->status, status);
}

}  // namespace
}  // namespace berth::model
