// agent/scaling/scale_plan.cpp - see scale_plan.hpp.
#include "agent/scaling/scale_plan.hpp"

#include <fmt/format.h>

#include "model/quantity.hpp"

namespace berth::agent {
namespace {

/// What one metric wants, or why it wants nothing.
struct Proposal {
  std::int32_t replicas = 0;
  std::string metric;  ///< "cpu resource utilization (percentage of request)"
  json::object status{{"type", ""}};
  std::string reason;  ///< Of the condition, when it could not be computed: "FailedGetResourceMetric"
  std::string why;     ///< What the condition says.
  std::string first_error;
};

std::string milli_text(std::int64_t milli) {
  return model::canonical_quantity(fmt::format("{}m", milli), model::QuantityStep::Milli).value_or("0");
}

Proposal failed(std::string reason, std::string why, std::string_view doing) {
  Proposal out;
  out.reason = std::move(reason);
  out.first_error = fmt::format("{}: {}", doing, why);
  out.why = std::move(why);
  return out;
}

Proposal propose_by_resource(const model::ScaleMetric& metric, const ReplicaQuestion& question) {
  const bool whole = metric.type == "Resource";
  const auto reason = whole ? "FailedGetResourceMetric" : "FailedGetContainerResourceMetric";
  const auto doing = fmt::format("failed to get {} {} metric value", metric.name, whole ? "resource" : "container");
  if (!metric.average_milli && !metric.utilization) {
    return failed(reason,
                  "invalid resource metric source: neither an average utilization target nor an average value (usage) "
                  "target was set",
                  doing);
  }
  const auto answer = metric.average_milli ? count_by_average(question, *metric.average_milli)
                                           : count_by_utilization(question, *metric.utilization);
  if (!answer) {
    return failed(reason,
                  fmt::format("failed to get {} {}: {}", metric.name, metric.average_milli ? "usage" : "utilization",
                              answer.error().message()),
                  doing);
  }
  Proposal out;
  out.replicas = answer->replicas;
  out.metric = metric.average_milli ? fmt::format("{} resource", metric.name)
               : whole              ? fmt::format("{} resource utilization (percentage of request)", metric.name)
                       : fmt::format("{} container resource utilization (percentage of request)", metric.name);
  json::object current{{"averageValue", milli_text(answer->average_milli)}};
  if (answer->utilization) current["averageUtilization"] = *answer->utilization;
  json::object source{{"name", metric.name}, {"current", std::move(current)}};
  if (!whole) source["container"] = metric.container;
  out.status = {{"type", metric.type}, {whole ? "resource" : "containerResource", std::move(source)}};
  return out;
}

/// What nobody measures here, in the words that Kubernetes has where no adapter runs.
Proposal propose(const model::ScaleMetric& metric, const ReplicaQuestion& question) {
  constexpr std::string_view kNoCustom =
      "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered";
  constexpr std::string_view kNoExternal =
      "unable to fetch metrics from external metrics API: no external metrics API (external.metrics.k8s.io) registered";
  if (metric.type == "Pods") {
    return failed("FailedGetPodsMetric", fmt::format("unable to get metric {}: {}", metric.name, kNoCustom),
                  "failed to get pods metric value");
  }
  if (metric.type == "Object") {
    return failed("FailedGetObjectMetric",
                  fmt::format("unable to get metric {} of {}: {}", metric.name, metric.object, kNoCustom),
                  "failed to get object metric value");
  }
  if (metric.type == "External") {
    return failed("FailedGetExternalMetric",
                  fmt::format("unable to get external metric {}: {}", metric.name, kNoExternal),
                  fmt::format("failed to get {} external metric value", metric.name));
  }
  return propose_by_resource(metric, question);
}

/// One round: what it says is gathered as it goes.
class Round {
 public:
  Round(const model::Autoscaler& scaler, const ScalingFacts& facts, ScalingMemory memory)
      : scaler_(scaler), facts_(facts), now_(format_rfc3339(facts.wall)) {
    plan_.status = scaler.status;
    plan_.memory = std::move(memory);
  }

  ScalingPlan run() {
    if (!facts_.replicas) {
      const auto& why = facts_.replicas.error().message();
      say("Warning", "FailedGetScale", why);
      set("AbleToScale", "False", "FailedGetScale",
          "the HPA controller was unable to get the target's current scale: " + why);
      return std::move(plan_);
    }
    set("AbleToScale", "True", "SucceededGetScale", "the HPA controller was able to get the target's current scale");
    const auto current = *facts_.replicas;
    plan_.status.current_replicas = current;
    if (current == 0 && scaler_.min_replicas != 0) {
      set("ScalingActive", "False", "ScalingDisabled",
          "scaling is disabled since the replica count of the target is zero");
      settle(current, {});
    } else if (current > scaler_.max_replicas) {
      rescale(scaler_.max_replicas, "Current number of replicas above Spec.MaxReplicas", {});
    } else if (current < scaler_.min_replicas) {
      rescale(scaler_.min_replicas, "Current number of replicas below Spec.MinReplicas", {});
    } else if (is_alone()) {
      by_metrics(current);
    }
    return std::move(plan_);
  }

 private:
  void say(std::string_view type, std::string reason, std::string message) {
    plan_.said.push_back({type, std::move(reason), std::move(message)});
  }
  void set(std::string type, std::string status, std::string reason, std::string message) {
    set(model::AutoscalerCondition{std::move(type), std::move(status), std::move(reason), std::move(message), {}});
  }
  void set(model::AutoscalerCondition condition) {
    model::set_autoscaler_condition(plan_.status, std::move(condition), now_);
  }

  void settle(std::int32_t current, json::array metrics) {
    plan_.status.desired_replicas = current;
    plan_.status.current_metrics = std::move(metrics);
  }
  void rescale(std::int32_t replicas, std::string why, json::array metrics) {
    plan_.replicas = replicas;
    plan_.why = std::move(why);
    plan_.status.desired_replicas = replicas;
    plan_.status.current_metrics = std::move(metrics);
    plan_.status.last_scale_time = now_;
    set("AbleToScale", "True", "SucceededRescale",
        fmt::format("the HPA controller was able to update the target scale to {}", replicas));
  }

  /// Two that scale the same pods would each undo what the other does.
  bool is_alone() {
    if (facts_.rivals.empty()) return true;
    const auto why = fmt::format("pods by selector {} are controlled by multiple HPAs: [{}]", facts_.selector,
                                 fmt::join(facts_.rivals, " "));
    say("Warning", "AmbiguousSelector", why);
    set("ScalingActive", "False", "AmbiguousSelector", why);
    say("Warning", "FailedComputeMetricsReplicas", why);
    return false;
  }

  void by_metrics(std::int32_t current) {
    std::optional<Proposal> most;
    std::optional<Proposal> broken;
    std::size_t invalid = 0;
    json::array statuses;
    for (const auto& metric : scaler_.metrics) {
      auto proposal = propose(metric, question(metric, current));
      statuses.emplace_back(proposal.status);
      if (!proposal.reason.empty()) {
        say("Warning", proposal.reason, proposal.why);
        ++invalid;
        if (!broken) broken = std::move(proposal);
      } else if (!most || proposal.replicas > most->replicas) {
        most = std::move(proposal);
      }
    }
    if (!most || (broken && most->replicas < current)) {
      if (!broken) return;
      set("ScalingActive", "False", broken->reason,
          "the HPA was unable to compute the replica count: " + broken->why + unmeasured());
      say("Warning", "FailedComputeMetricsReplicas",
          fmt::format("invalid metrics ({} invalid out of {}), first error is: {}", invalid, scaler_.metrics.size(),
                      broken->first_error));
      plan_.status.current_metrics = std::move(statuses);
      return;
    }
    set("ScalingActive", "True", "ValidMetricFound",
        "the HPA was able to successfully calculate a replica count from " + most->metric + unmeasured());
    auto rated = rate_replicas(scaler_, current, most->replicas, std::move(plan_.memory), facts_.now);
    plan_.memory = std::move(rated.memory);
    set(std::move(rated.able));
    set(std::move(rated.limited));
    if (rated.replicas == current) return settle(current, std::move(statuses));
    rescale(rated.replicas, rated.replicas > current ? most->metric + " above target" : "All metrics below target",
            std::move(statuses));
  }

  /// What the count was made without, which nobody would guess.
  std::string unmeasured() const {
    if (facts_.elsewhere == 0) return {};
    return fmt::format("; {} of {} pods run on other hosts and were not measured", facts_.elsewhere,
                       facts_.pods.size());
  }

  ReplicaQuestion question(const model::ScaleMetric& metric, std::int32_t current) const {
    return {.current = current,
            .resource = metric.name,
            .container = metric.container,
            .pods = facts_.pods,
            .uses = facts_.uses,
            .now = facts_.wall,
            .up_tolerance = scaler_.up.tolerance,
            .down_tolerance = scaler_.down.tolerance};
  }

  const model::Autoscaler& scaler_;
  const ScalingFacts& facts_;
  const std::string now_;
  ScalingPlan plan_;
};

}  // namespace

ScalingPlan plan_scaling(const model::Autoscaler& scaler, const ScalingFacts& facts, ScalingMemory memory) {
  return Round(scaler, facts, std::move(memory)).run();
}

}  // namespace berth::agent
