// agent/sets/start_order.cpp - see start_order.hpp.
#include "agent/sets/start_order.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/sets/set_member.hpp"
#include "agent/sets/set_plan.hpp"
#include "agent/sets/stateful_set_plan.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

bool is_ordered(const model::StatefulSet& set) {
  const auto order = set.meta.annotations.find("berth.io/boot-order");
  return set.pod_management_policy != "Parallel" &&
         (order == set.meta.annotations.end() || order->second != "Parallel");
}

/// "web-0 has to be Ready first"; empty: it is.
StartWait wait_for(const model::StatefulSet& set, const OrderedPod& before, WallTime now) {
  StartWait wait;
  const auto& name = before.pod->meta.name;
  if (before.pod->meta.deleting()) {
    wait.why = fmt::format("waits for {}, which is being deleted", name);
    return wait;
  }
  static const model::PodStatus kNotSeen;
  const auto& status = before.status == nullptr ? kNotSeen : *before.status;
  if (!is_available(status, std::chrono::seconds(set.min_ready_seconds), now, wait.look_again)) {
    wait.why = fmt::format("waits for {} to be {}: pods of StatefulSet {} start in order", name,
                           status.ready() ? "available" : "Ready", set.meta.name);
  }
  return wait;
}

}  // namespace

StartWait plan_start(const model::StatefulSet& set, const std::map<std::int32_t, OrderedPod>& pods,
                     std::int32_t ordinal, WallTime now) {
  if (!is_ordered(set) || set.meta.deleting()) return {};
  const auto end = set.start_ordinal + set.replicas;
  const auto is_wanted = ordinal >= set.start_ordinal && ordinal < end;
  for (auto before = set.start_ordinal; before < (is_wanted ? ordinal : end); ++before) {
    const auto found = pods.find(before);
    if (found == pods.end()) {
      return {.why = fmt::format("waits for {}-{}, which is not there yet", set.meta.name, before), .look_again = {}};
    }
    if (auto wait = wait_for(set, found->second, now); !wait.why.empty()) return wait;
  }
  for (const auto& [before, pod] : pods) {
    if (is_wanted || before >= ordinal) break;
    if (before >= set.start_ordinal && before < end) continue;
    if (auto wait = wait_for(set, pod, now); !wait.why.empty()) return wait;
  }
  return {};
}

StartOrder::StartOrder(const Clock& clock, const ObjectCache& cache, std::string node_name,
                       std::function<const model::PodStatus*(const std::string& uid)> seen)
    : clock_(clock), cache_(cache), node_name_(std::move(node_name)), seen_(std::move(seen)) {}

StartWait StartOrder::ask(const model::Pod& pod) {
  const auto member = set_member(pod, cache_);
  if (!member) {
    forget(pod.meta.uid);
    return {};
  }
  const auto& set = *member->set;
  std::map<std::int32_t, OrderedPod> pods;
  for (const auto& name : cache_.pods_of_owner(set.meta.uid)) {
    const auto other = cache_.pod(name);
    const auto at = ordinal_of(set.meta.name, other->meta.name);
    if (!at) continue;
    const auto is_here = other->spec.node_name == node_name_;
    pods[*at] = {.pod = other, .status = is_here ? seen_(other->meta.uid) : &other->status};
  }
  auto wait = plan_start(set, pods, member->ordinal, clock_.wall());
  if (wait.why.empty()) {
    forget(pod.meta.uid);
    return wait;
  }
  return with_patience(pod, set.meta.uid, std::move(wait));
}

StartWait StartOrder::with_patience(const model::Pod& pod, const std::string& set_uid, StartWait wait) {
  const auto now = clock_.now();
  auto& waiting = waiting_[pod.meta.uid];
  if (waiting.why != wait.why) waiting = {.set_uid = set_uid, .why = wait.why, .since = now};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(waiting.since + kPatience - now);
  if (left.count() > 0) {
    wait.look_again = std::min(wait.look_again.value_or(left), left);
    return wait;
  }
  if (!std::exchange(waiting.has_given_up, true)) {
    log(LogLevel::Warning, "pod begins out of its turn: it waited for long enough",
        {{"pod", pod.meta.ns + "/" + pod.meta.name}, {"why", wait.why}});
  }
  return {};
}

std::vector<std::string> StartOrder::waiting_in(const std::string& set_uid) const {
  std::vector<std::string> pods;
  for (const auto& [pod, waiting] : waiting_) {
    if (waiting.set_uid == set_uid && !waiting.has_given_up) pods.push_back(pod);
  }
  return pods;
}

}  // namespace berth::agent
