// agent/sets/replica_set_plan.cpp - see replica_set_plan.hpp.
#include "agent/sets/replica_set_plan.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <tuple>

#include "agent/objects/pod_facts.hpp"
#include "agent/sets/set_plan.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

std::int32_t deletion_cost(const model::Pod& pod) {
  const auto found = pod.meta.annotations.find("controller.kubernetes.io/pod-deletion-cost");
  std::int32_t cost = 0;
  if (found == pod.meta.annotations.end()) return cost;
  const auto& text = found->second;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), cost);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? cost : 0;
}

int phase_rank(const model::Pod& pod) {
  if (pod.status.phase == "Running") return 2;
  return pod.status.phase == "Unknown" ? 1 : 0;
}

std::string_view ready_since(const model::Pod& pod) {
  return pod.status.ready() ? std::string_view(pod.status.condition("Ready")->last_transition_time) : "";
}

std::int64_t restarts_of(const model::Pod& pod) {
  std::int64_t most = 0;
  for (const auto& container : pod.status.container_statuses) {
    most = std::max<std::int64_t>(most, container.restart_count);
  }
  return most;
}

/// Is `a` missed less than `b`? Times are texts of one form, so that they compare as they are.
bool goes_before(const PodPtr& a, const PodPtr& b) {
  const auto rank = [](const model::Pod& pod) {
    return std::tuple(!pod.spec.node_name.empty(), phase_rank(pod), pod.status.ready(), deletion_cost(pod));
  };
  if (const auto of_a = rank(*a), of_b = rank(*b); of_a != of_b) return of_a < of_b;
  if (ready_since(*a) != ready_since(*b)) return ready_since(*a) > ready_since(*b);
  if (restarts_of(*a) != restarts_of(*b)) return restarts_of(*a) > restarts_of(*b);
  if (a->meta.creation_timestamp != b->meta.creation_timestamp) {
    return a->meta.creation_timestamp > b->meta.creation_timestamp;
  }
  return a->meta.name > b->meta.name;
}

}  // namespace

bool is_active(const model::Pod& pod) { return !pod.meta.deleting() && !is_terminal(pod); }

ReplicaPlan plan_replica_set(const model::ReplicaSet& set, const ReplicaFacts& facts) {
  ReplicaPlan plan;
  std::vector<PodPtr> ours;
  for (const auto& pod : facts.pods) {
    if (!is_active(*pod)) continue;
    (model::matches(set.selector, pod->meta.labels) ? ours : plan.release).push_back(pod);
  }
  for (const auto& pod : facts.free) {
    if (is_active(*pod)) plan.adopt.push_back(pod);
  }
  const std::chrono::seconds min_ready(set.min_ready_seconds);
  for (const auto& pod : ours) {
    ++plan.replicas;
    if (model::matches(set.pod_template.meta.labels, pod->meta.labels)) ++plan.fully_labeled;
    if (pod->status.ready()) ++plan.ready;
    if (is_available(pod->status, min_ready, facts.now, plan.look_again)) ++plan.available;
  }
  if (set.meta.deleting()) {
    plan.adopt.clear();
    plan.release.clear();
    return plan;
  }
  if (!plan.adopt.empty() || !plan.release.empty()) return plan;
  const auto missing = static_cast<std::int64_t>(set.replicas) - plan.replicas;
  if (missing > 0) {
    plan.create = static_cast<std::int32_t>(std::min<std::int64_t>(missing, kBurst));
  } else if (missing < 0) {
    std::sort(ours.begin(), ours.end(), goes_before);
    ours.resize(static_cast<std::size_t>(std::min<std::int64_t>(-missing, kBurst)));
    plan.remove = std::move(ours);
  }
  return plan;
}

}  // namespace berth::agent
