// model/decode_replicas.cpp - Deployment, ReplicaSet, ReplicationController.
#include <charconv>

#include "model/decode_internal.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

void read_replica_spec(const Reader& spec, ReplicaSet& set) {
  set.replicas = spec.int32("replicas", 1);
  set.pod_template = read_pod_template(spec.child("template"));
  set.min_ready_seconds = spec.int32("minReadySeconds");
}

void read_replica_set(const Reader& root, ReplicaSet& set) {
  const auto spec = root.child("spec");
  read_replica_spec(spec, set);
  set.selector = read_label_selector(spec.child("selector"));
}

void read_replication_controller(const Reader& root, ReplicaSet& set) {
  const auto spec = root.child("spec");
  read_replica_spec(spec, set);
  set.selector.match_labels = spec.text_map("selector");
}

DeploymentStatus read_deployment_status(const Reader& from) {
  DeploymentStatus status;
  status.observed_generation = from.integer("observedGeneration");
  status.replicas = from.int32("replicas");
  status.updated = from.int32("updatedReplicas");
  status.ready = from.int32("readyReplicas");
  status.available = from.int32("availableReplicas");
  status.unavailable = from.int32("unavailableReplicas");
  status.collision_count = from.int32("collisionCount");
  for (const auto& one : from.children("conditions")) {
    status.conditions.push_back({one.text("type"), one.text("status"), one.text("reason"), one.text("message"),
                                 one.text("lastUpdateTime"), one.text("lastTransitionTime")});
  }
  return status;
}

void read_deployment(const Reader& root, Deployment& deployment) {
  const auto spec = root.child("spec");
  deployment.replicas = spec.int32("replicas", 1);
  deployment.selector = read_label_selector(spec.child("selector"));
  deployment.pod_template = read_pod_template(spec.child("template"));
  const auto strategy = spec.child("strategy");
  deployment.strategy = strategy.text("type", "RollingUpdate");
  const auto rolling = strategy.child("rollingUpdate");
  deployment.max_surge = read_count_or_percent(rolling, "maxSurge", deployment.max_surge);
  deployment.max_unavailable = read_count_or_percent(rolling, "maxUnavailable", deployment.max_unavailable);
  deployment.min_ready_seconds = spec.int32("minReadySeconds");
  deployment.revision_history_limit = spec.int32("revisionHistoryLimit", 10);
  deployment.paused = spec.flag("paused");
  deployment.progress_deadline_seconds = spec.int32("progressDeadlineSeconds", 600);
  deployment.status = read_deployment_status(root.child("status"));
}

}  // namespace

CountOrPercent read_count_or_percent(const Reader& from, std::string_view name, CountOrPercent preset) {
  auto text = from.int_or_text(name);
  if (text.empty()) return preset;
  CountOrPercent result{0, text.ends_with('%')};
  if (result.percent) text.pop_back();
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, result.number);
  return read.ec == std::errc() && read.ptr == end && result.number >= 0 ? result : preset;
}

const DeploymentCondition* DeploymentStatus::condition(std::string_view type) const {
  return condition_of(conditions, type);
}

Result<ReplicaSet> decode_replica_set(const Object& object) { return decode<ReplicaSet>(object, read_replica_set); }
Result<ReplicaSet> decode_replication_controller(const Object& object) {
  return decode<ReplicaSet>(object, read_replication_controller);
}
Result<Deployment> decode_deployment(const Object& object) { return decode<Deployment>(object, read_deployment); }

}  // namespace berth::model
