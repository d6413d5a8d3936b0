// agent/scaling/replica_count.cpp - see replica_count.hpp; the rules are pkg/controller/podautoscaler's.
#include "agent/scaling/replica_count.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace berth::agent {
namespace {

// kube-controller-manager's presets.
constexpr std::chrono::minutes kStartingUp{5};  ///< Processor time of a pod that starts says little.
constexpr std::chrono::seconds kFirstReadiness{30};

constexpr std::int64_t kMilli = 1000;

/// By the pod's name.
using Amounts = std::map<std::string, std::int64_t>;

/// Those that run as long as the pod does: containers, and init containers that are sidecars.
template <typename Visit>
void each_running(const model::PodSpec& spec, std::string_view only, const Visit& visit) {
  for (const auto& container : spec.containers) {
    if (only.empty() || container.name == only) visit(container, /*init=*/false);
  }
  for (const auto& container : spec.init_containers) {
    if (container.restart_policy == "Always" && (only.empty() || container.name == only)) visit(container, true);
  }
}

/// "containerd://0a1b" → "0a1b"; empty: it has none.
std::string id_of(const model::PodStatus& status, std::string_view name, bool init) {
  for (const auto& one : init ? status.init_container_statuses : status.container_statuses) {
    if (one.name != name) continue;
    const auto at = one.container_id.find("://");
    return at == std::string::npos ? std::string() : one.container_id.substr(at + 3);
  }
  return {};
}

struct Groups {
  std::int32_t ready = 0;
  std::set<std::string> unready;
  std::set<std::string> missing;
  Amounts used;  ///< Of the ready ones.
};

/// Says its processor time nothing yet?
bool is_starting(const model::Pod& pod, const PodUse& use, WallTime now) {
  const auto* ready = pod.status.condition("Ready");
  const auto started = parse_rfc3339(pod.status.start_time);
  if (ready == nullptr || !started) return true;
  const auto since = parse_rfc3339(ready->last_transition_time);
  const auto changed = since ? *since : *started;
  if (*started + kStartingUp > now) {
    return ready->status == "False" || use.at < changed + std::chrono::ceil<WallTime::duration>(use.window);
  }
  return ready->status == "False" && *started + kFirstReadiness > changed;
}

Groups group_pods(const ReplicaQuestion& question) {
  Groups out;
  for (const auto& pod : question.pods) {
    const auto& name = pod->meta.name;
    if (pod->meta.deleting() || pod->status.phase == "Failed") continue;
    if (pod->status.phase == "Pending") {
      out.unready.insert(name);
      continue;
    }
    const auto use = pod_use(*pod, question.resource, question.container, question.uses);
    if (!use) {
      out.missing.insert(name);
    } else if (question.resource == "cpu" && is_starting(*pod, *use, question.now)) {
      out.unready.insert(name);
    } else {
      ++out.ready;
      out.used[name] = use->milli;
    }
  }
  return out;
}

Result<Amounts> requests_of(const ReplicaQuestion& question) {
  Amounts out;
  for (const auto& pod : question.pods) {
    auto& sum = out[pod->meta.name];
    std::optional<Error> wrong;
    each_running(pod->spec, question.container, [&](const model::Container& container, bool) {
      const auto found = container.resources.requests.find(question.resource);
      if (found != container.resources.requests.end()) {
        sum += found->second.milli();
      } else if (!wrong) {
        wrong = Error(ErrorCode::FailedPrecondition, fmt::format("missing request for {} in container {} of Pod {}",
                                                                 question.resource, container.name, pod->meta.name));
      }
    });
    if (wrong) return *wrong;
  }
  return out;
}

std::int64_t sum_of(const Amounts& amounts) {
  std::int64_t sum = 0;
  for (const auto& [name, amount] : amounts) sum += amount;
  return sum;
}

std::int32_t rounded_up(double ratio, std::size_t count) {
  const auto replicas = std::ceil(ratio * static_cast<double>(count));
  constexpr auto kMost = std::numeric_limits<std::int32_t>::max();
  return replicas >= static_cast<double>(kMost) ? kMost : static_cast<std::int32_t>(replicas);
}

/// `ratio_of(used)`: what is used to what should be, or why that cannot be said. `full_of(name)`: what a pod is taken
/// to use at most.
template <typename Ratio, typename Full>
Result<std::int32_t> count(const ReplicaQuestion& question, Groups& groups, const Ratio& ratio_of,
                           const Full& full_of) {
  const auto ratio = ratio_of(groups.used);
  if (!ratio) return ratio.error();
  const auto is_right = [&](double now) {
    return now >= 1.0 - question.down_tolerance && now <= 1.0 + question.up_tolerance;
  };
  const bool grows = *ratio > 1.0;
  const bool counts_unready = grows && !groups.unready.empty();
  if (!counts_unready && groups.missing.empty()) {
    if (is_right(*ratio)) return question.current;
    return rounded_up(*ratio, static_cast<std::size_t>(groups.ready));
  }
  for (const auto& name : groups.missing) groups.used[name] = *ratio < 1.0 ? full_of(name) : 0;
  if (counts_unready) {
    for (const auto& name : groups.unready) groups.used[name] = 0;
  }
  const auto careful = ratio_of(groups.used);
  if (!careful) return careful.error();
  if (is_right(*careful) || (*ratio < 1.0 && *careful > 1.0) || (grows && *careful < 1.0)) return question.current;
  const auto replicas = rounded_up(*careful, groups.used.size());
  if ((*careful < 1.0 && replicas > question.current) || (*careful > 1.0 && replicas < question.current)) {
    return question.current;
  }
  return replicas;
}

std::optional<Error> cannot_say(const ReplicaQuestion& question, const Groups& groups) {
  if (question.pods.empty()) {
    return Error(ErrorCode::FailedPrecondition, "no pods returned by selector while calculating replica count");
  }
  if (groups.used.empty() && groups.unready.empty()) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("unable to get metrics for resource {}: no metrics "
                                                            "returned from resource metrics API",
                                                            question.resource));
  }
  if (groups.used.empty()) {
    return Error(ErrorCode::FailedPrecondition, "did not receive metrics for targeted pods (pods might be unready)");
  }
  return std::nullopt;
}

}  // namespace

std::optional<PodUse> pod_use(const model::Pod& pod, std::string_view resource, std::string_view container,
                              const ContainerUses& uses) {
  std::optional<PodUse> sum;
  bool complete = resource == "cpu" || resource == "memory";
  each_running(pod.spec, container, [&](const model::Container& each, bool init) {
    const auto found = uses.find(id_of(pod.status, each.name, init));
    if (found == uses.end()) {
      complete = false;
      return;
    }
    const auto& use = found->second;
    if (!sum) sum = PodUse{0, use.at, use.window};
    sum->milli += resource == "cpu" ? use.cpu_milli : use.memory_bytes * kMilli;
    sum->at = std::min(sum->at, use.at);
    sum->window = std::max(sum->window, use.window);
  });
  return complete ? sum : std::nullopt;
}

Result<ReplicaAnswer> count_by_utilization(const ReplicaQuestion& question, std::int32_t percent) {
  auto groups = group_pods(question);
  if (auto wrong = cannot_say(question, groups)) return *wrong;
  const auto requests = requests_of(question);
  if (!requests) return requests.error();
  constexpr std::int64_t kWhole = 100;
  const auto utilization_of = [&](const Amounts& used) -> Result<std::int64_t> {
    std::int64_t requested = 0;
    for (const auto& [name, amount] : used) requested += requests->at(name);
    if (requested == 0) return Error(ErrorCode::FailedPrecondition, "no metrics returned matched known pods");
    return sum_of(used) * kWhole / requested;
  };
  const auto now = utilization_of(groups.used);
  if (!now) return now.error();
  const auto average = sum_of(groups.used) / static_cast<std::int64_t>(groups.used.size());
  auto replicas = count(
      question, groups,
      [&](const Amounts& used) -> Result<double> {
        const auto utilization = utilization_of(used);
        if (!utilization) return utilization.error();
        return static_cast<double>(*utilization) / percent;
      },
      [&](const std::string& name) { return requests->at(name); });
  if (!replicas) return replicas.error();
  return ReplicaAnswer{*replicas, static_cast<std::int32_t>(*now), average};
}

Result<ReplicaAnswer> count_by_average(const ReplicaQuestion& question, std::int64_t milli) {
  auto groups = group_pods(question);
  if (auto wrong = cannot_say(question, groups)) return *wrong;
  const auto average_of = [](const Amounts& used) { return sum_of(used) / static_cast<std::int64_t>(used.size()); };
  const auto average = average_of(groups.used);
  auto replicas = count(
      question, groups,
      [&](const Amounts& used) -> Result<double> {
        return static_cast<double>(average_of(used)) / static_cast<double>(milli);
      },
      [&](const std::string&) { return milli; });
  if (!replicas) return replicas.error();
  return ReplicaAnswer{*replicas, std::nullopt, average};
}

}  // namespace berth::agent
