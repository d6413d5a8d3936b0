// model/decode_workloads.cpp - StatefulSet, DaemonSet, Service.
#include <utility>

#include "model/decode_internal.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

ObjectMeta read_template_meta(const Reader& metadata) {
  ObjectMeta meta;
  meta.name = metadata.text("name");
  meta.ns = metadata.text("namespace");
  meta.labels = metadata.text_map("labels");
  meta.annotations = metadata.text_map("annotations");
  meta.finalizers = metadata.texts("finalizers");
  return meta;
}

void read_stateful_set(const Reader& root, StatefulSet& set) {
  const auto spec = root.child("spec");
  set.replicas = spec.int32("replicas", 1);
  set.selector = read_label_selector(spec.child("selector"));
  set.pod_template = read_pod_template(spec.child("template"));
  for (const auto& claim : spec.children("volumeClaimTemplates")) {
    if (claim.present()) set.claim_templates.push_back({read_template_meta(claim.child("metadata")), *claim.raw()});
  }
  set.service_name = spec.text("serviceName");
  set.pod_management_policy = spec.text("podManagementPolicy", "OrderedReady");
  const auto strategy = spec.child("updateStrategy");
  set.update_strategy = strategy.text("type", "RollingUpdate");
  set.partition = strategy.child("rollingUpdate").int32("partition");
  set.revision_history_limit = spec.int32("revisionHistoryLimit", 10);
  set.min_ready_seconds = spec.int32("minReadySeconds");
  set.start_ordinal = spec.child("ordinals").int32("start");
  const auto retention = spec.child("persistentVolumeClaimRetentionPolicy");
  set.retention_when_deleted = retention.text("whenDeleted", "Retain");
  set.retention_when_scaled = retention.text("whenScaled", "Retain");
  set.current_revision = root.child("status").text("currentRevision");
}

void read_daemon_set(const Reader& root, DaemonSet& set) {
  const auto spec = root.child("spec");
  set.selector = read_label_selector(spec.child("selector"));
  set.pod_template = read_pod_template(spec.child("template"));
  set.update_strategy = spec.child("updateStrategy").text("type", "RollingUpdate");
  set.revision_history_limit = spec.int32("revisionHistoryLimit", 10);
  set.min_ready_seconds = spec.int32("minReadySeconds");
}

void read_service(const Reader& root, Service& service) {
  const auto spec = root.child("spec");
  service.type = spec.text("type", "ClusterIP");
  service.cluster_ip = spec.text("clusterIP");
  service.selector = spec.text_map("selector");
  for (const auto& from : spec.children("ports")) {
    ServicePort port{from.text("name"), from.text("protocol", "TCP"), from.int32("port"),
                     from.int_or_text("targetPort"), from.int32("nodePort")};
    if (port.target_port.empty() || port.target_port == "0") port.target_port = std::to_string(port.port);
    service.ports.push_back(std::move(port));
  }
  service.publish_not_ready_addresses = spec.flag("publishNotReadyAddresses");
  service.external_name = spec.text("externalName");
  if (spec.text("sessionAffinity") == "ClientIP") {
    constexpr std::int32_t kThreeHours = 10800;
    service.affinity_seconds =
        spec.child("sessionAffinityConfig").child("clientIP").int32("timeoutSeconds", kThreeHours);
  }
  service.internal_local = spec.text("internalTrafficPolicy") == "Local";
  service.external_local = spec.text("externalTrafficPolicy") == "Local";
  service.health_check_port = spec.int32("healthCheckNodePort");
  service.other_ports = root.child("metadata").child("annotations").text(kOtherPorts) == "pods";
  service.load_balancer_class = spec.text("loadBalancerClass");
  service.source_ranges = spec.texts("loadBalancerSourceRanges");
  for (const auto& ingress : root.child("status").child("loadBalancer").children("ingress")) {
    service.balanced_at.push_back(ingress.text("ip"));
  }
}

}  // namespace

LabelSelector read_label_selector(const Reader& selector) {
  return {selector.text_map("matchLabels"), read_requirements(selector, "matchExpressions")};
}

PodTemplate read_pod_template(const Reader& from) {
  PodTemplate result;
  result.meta = read_template_meta(from.child("metadata"));
  result.spec = read_pod_spec(from.child("spec"));
  if (from.present()) result.raw = *from.raw();
  return result;
}

Result<StatefulSet> decode_stateful_set(const Object& object) { return decode<StatefulSet>(object, read_stateful_set); }
Result<DaemonSet> decode_daemon_set(const Object& object) { return decode<DaemonSet>(object, read_daemon_set); }
Result<Service> decode_service(const Object& object) { return decode<Service>(object, read_service); }

}  // namespace berth::model
