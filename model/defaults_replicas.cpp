// model/defaults_replicas.cpp - what Deployments, ReplicaSets and ReplicationControllers get when they do not say it.
#include "model/defaults_internal.hpp"
#include "model/json_edit.hpp"

namespace berth::model {

void default_labels_from_template(json::object& raw, SelectorForm form) {
  auto* spec = object_or_new(raw, "spec");
  auto* pod_template = spec == nullptr ? nullptr : object_at(*spec, "template");
  auto* metadata = pod_template == nullptr ? nullptr : object_at(*pod_template, "metadata");
  const auto* found = metadata == nullptr ? nullptr : object_at(*metadata, "labels");
  if (found == nullptr) return;
  const auto labels = *found;  // What is filled in may move it.
  if (form == SelectorForm::MatchLabels) {
    set_default(*spec, "selector", json::object{{"matchLabels", labels}});
  } else if (auto* selector = object_or_new(*spec, "selector"); selector != nullptr && selector->empty()) {
    *selector = labels;
  }
  default_own_labels(raw, labels);
}

void default_own_labels(json::object& raw, const json::object& labels) {
  auto* meta = object_or_new(raw, "metadata");
  auto* own = meta == nullptr ? nullptr : object_or_new(*meta, "labels");
  if (own != nullptr && own->empty()) *own = labels;
}

void default_replica_set(json::object& raw) {
  auto* spec = object_or_new(raw, "spec");
  if (spec == nullptr) return;
  set_default(*spec, "replicas", 1);
  default_template(*spec);
}

void default_replication_controller(json::object& raw) {
  default_labels_from_template(raw, SelectorForm::Plain);
  default_replica_set(raw);
}

void default_deployment(json::object& raw) {
  default_replica_set(raw);
  auto* spec = object_or_new(raw, "spec");
  if (spec == nullptr) return;
  if (auto* strategy = object_or_new(*spec, "strategy")) {
    set_default_text(*strategy, "type", "RollingUpdate");
    if (text_at(*strategy, "type") == "RollingUpdate") {
      if (auto* rolling = object_or_new(*strategy, "rollingUpdate")) {
        set_default(*rolling, "maxUnavailable", "25%");
        set_default(*rolling, "maxSurge", "25%");
      }
    }
  }
  set_default(*spec, "revisionHistoryLimit", 10);
  constexpr int kTenMinutes = 600;
  set_default(*spec, "progressDeadlineSeconds", kTenMinutes);
}

}  // namespace berth::model
