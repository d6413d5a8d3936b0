// agent/jobs/pod_failure.cpp - see pod_failure.hpp.
#include "agent/jobs/pod_failure.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace berth::agent {
namespace {

/// Why the rule matches, for people; nullopt: it does not.
std::optional<std::string> matched_code(const model::ExitCodeRule& rule, const model::Pod& pod) {
  for (const auto* list : {&pod.status.container_statuses, &pod.status.init_container_statuses}) {
    for (const auto& container : *list) {
      const auto* ended = std::get_if<model::ContainerStateTerminated>(&container.state);
      if (ended == nullptr || ended->exit_code == 0) continue;
      if (!rule.container.empty() && rule.container != container.name) continue;
      const auto listed = std::find(rule.values.begin(), rule.values.end(), ended->exit_code) != rule.values.end();
      if (listed != rule.in) continue;
      return fmt::format("Container {} for pod {}/{} failed with exit code {}", container.name, pod.meta.ns,
                         pod.meta.name, ended->exit_code);
    }
  }
  return std::nullopt;
}

std::optional<std::string> matched_condition(const model::FailureRule& rule, const model::Pod& pod) {
  for (const auto& [type, status] : rule.conditions) {
    const auto* found = pod.status.condition(type);
    if (found != nullptr && found->status == status) {
      return fmt::format("Pod {}/{} has condition {}", pod.meta.ns, pod.meta.name, type);
    }
  }
  return std::nullopt;
}

}  // namespace

FailureVerdict judge_failure(const model::Job& job, const model::Pod& pod) {
  FailureVerdict verdict;
  for (std::size_t i = 0; i < job.failure_rules.size(); ++i) {
    const auto& rule = job.failure_rules[i];
    const auto why = rule.exit_codes ? matched_code(*rule.exit_codes, pod) : matched_condition(rule, pod);
    if (!why) continue;
    if (rule.action == "Ignore") verdict.counts = false;
    if (rule.action == "FailIndex") verdict.fails_index = true;
    if (rule.action == "FailJob") verdict.fails_job = fmt::format("{} matching FailJob rule at index {}", *why, i);
    return verdict;
  }
  return verdict;
}

}  // namespace berth::agent
