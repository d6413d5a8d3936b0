// model/validate_replicas.cpp - Deployment, ReplicaSet, ReplicationController.
#include "model/decode_internal.hpp"
#include "model/selector.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

void check_numbers(const Reader& spec) {
  check_range(spec, "replicas", 0);
  check_range(spec, "minReadySeconds", 0);
}

void check_strategy(const Reader& strategy) {
  check_choice(strategy, "type", {"Recreate", "RollingUpdate"});
  const auto rolling = strategy.child("rollingUpdate");
  if (strategy.text("type") == "Recreate") {
    if (rolling.present()) {
      strategy.fail("rollingUpdate", "forbidden: may not be specified when strategy `type` is 'Recreate'");
    }
    return;
  }
  const auto unavailable = check_count_or_percent(rolling, "maxUnavailable");
  const auto surge = check_count_or_percent(rolling, "maxSurge", /*over_all=*/true);
  if (rolling.present() && unavailable == 0 && surge == 0) {
    rolling.fail("maxUnavailable", "invalid value: 0: may not be 0 when `maxSurge` is 0");
  }
}

}  // namespace

void check_deployment(const Reader& root) {
  const auto spec = root.child("spec");
  check_numbers(spec);
  check_range(spec, "revisionHistoryLimit", 0);
  check_range(spec, "progressDeadlineSeconds", 0);
  const auto deadline = spec.maybe_integer("progressDeadlineSeconds");
  if (deadline && *deadline >= 0 && *deadline <= spec.integer("minReadySeconds")) {
    spec.fail("progressDeadlineSeconds", "invalid value: must be greater than minReadySeconds");
  }
  check_strategy(spec.child("strategy"));
  check_selector_and_template(spec, {});
}

void check_replica_set(const Reader& root) {
  const auto spec = root.child("spec");
  check_numbers(spec);
  check_selector_and_template(spec, {});
}

void check_replication_controller(const Reader& root) {
  const auto spec = root.child("spec");
  check_numbers(spec);
  const auto selector = spec.text_map("selector");
  const auto metadata = spec.child("template").child("metadata");
  if (selector.empty()) {
    spec.fail("selector", "required");
  } else {
    check_labels(spec, "selector");
    if (spec.has("template") && !matches(selector, metadata.text_map("labels"))) {
      metadata.fail("labels", "invalid value: `selector` does not match template `labels`");
    }
  }
  check_pod_template(spec, {});
}

}  // namespace berth::model
