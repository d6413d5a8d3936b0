// api/usage/workload_metrics.cpp - see workload_metrics.hpp.
#include "api/usage/workload_metrics.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "api/encoding/field.hpp"
#include "api/usage/metrics_page.hpp"
#include "base/time_zone.hpp"
#include "model/cron_schedule.hpp"
#include "model/model.hpp"

namespace berth::api {
namespace {

using model::Kind;
using Path = std::array<std::string_view, 2>;

std::int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// The objects of one kind, family by family. kube-state-metrics leaves out what an object does not say; so do we.
/// First it is said which families there are; write() goes through the objects once, for all of them.
class Families {
 public:
  Families(Kind kind, std::string_view label) : kind_(kind), label_(label) {}

  /// `say(object, add)` calls add(value) or add(value, `reason="x"`), as often as there is something to say.
  template <typename Say>
  void each(std::string_view name, std::string_view help, Say say) {
    auto& family = families_.emplace_back();
    append_family(family.text, name, "gauge", help);
    family.see = [name, say = std::move(say)](const model::Object& object, std::string_view labels, std::string& text) {
      say(object, [&](std::int64_t value, std::string_view more = {}) {
        text += fmt::format("{}{{{}{}{}}} {}\n", name, labels, more.empty() ? "" : ",", more, value);
      });
    };
  }
  /// A number, 0 where there is none.
  void number(std::string_view name, std::string_view help, Path path) {
    each(name, help, [path](const model::Object& object, const auto& add) {
      add(number_at(object.raw, {path[0], path[1]}));
    });
  }
  /// A number that need not be there.
  void optional(std::string_view name, std::string_view help, Path path) {
    each(name, help, [path](const model::Object& object, const auto& add) {
      if (field(object.raw, {path[0], path[1]}) != nullptr) add(number_at(object.raw, {path[0], path[1]}));
    });
  }
  void flag(std::string_view name, std::string_view help, Path path) {
    each(name, help, [path](const model::Object& object, const auto& add) {
      add(flag_at(object.raw, {path[0], path[1]}) ? 1 : 0);
    });
  }
  /// Seconds since 1970, of a time that need not be there.
  void time(std::string_view name, std::string_view help, Path path) {
    each(name, help, [path](const model::Object& object, const auto& add) {
      if (const auto time = parse_rfc3339(text_at(object.raw, {path[0], path[1]}))) add(seconds_of(*time));
    });
  }
  /// Of a condition of each object: 1 for what it is, 0 for what it is not. Nothing where it does not have it.
  void condition(std::string_view name, std::string_view help, std::string_view type) {
    each(name, help, [type](const model::Object& object, const auto& add) {
      add_conditions(object, [&](std::string_view of, std::string_view status, std::int64_t value) {
        if (of == type) add(value, fmt::format("condition=\"{}\"", status));
      });
    });
  }
  /// The same of all conditions: condition="Available",status="true".
  void conditions(std::string_view name, std::string_view help) {
    each(name, help, [](const model::Object& object, const auto& add) {
      add_conditions(object, [&](std::string_view of, std::string_view status, std::int64_t value) {
        add(value, fmt::format("condition=\"{}\",status=\"{}\"", escape_label(of), status));
      });
    });
  }

  /// Once, at the end.
  void write(std::string& out, const store::Store& store) {
    store.visit(kind_, {}, [&](const model::ObjectPtr& object) {
      const auto labels = object_labels(*object, label_);
      for (auto& family : families_) family.see(*object, labels, family.text);
    });
    for (const auto& family : families_) out += family.text;
  }

 private:
  template <typename Add>
  static void add_conditions(const model::Object& object, const Add& add) {
    static constexpr std::array<std::array<std::string_view, 2>, 3> kStatuses{
        {{"True", "true"}, {"False", "false"}, {"Unknown", "unknown"}}};
    for (const auto& entry : array_at(object.raw, {"status", "conditions"})) {
      if (!entry.is_object()) continue;
      const auto& condition = entry.get_object();
      for (const auto& [status, label] : kStatuses) {
        add(text_at(condition, {"type"}), label, text_at(condition, {"status"}) == status ? 1 : 0);
      }
    }
  }

  struct Family {
    std::string text;
    std::function<void(const model::Object&, std::string_view labels, std::string& text)> see;
  };
  const Kind kind_;
  const std::string_view label_;
  std::vector<Family> families_;
};

void append_sets(std::string& out, const store::Store& store) {
  Families stateful(Kind::StatefulSet, "statefulset");
  stateful.number("kube_statefulset_replicas", "Number of desired pods for a StatefulSet.", {"spec", "replicas"});
  stateful.number("kube_statefulset_status_replicas_ready", "The number of ready replicas per StatefulSet.",
                  {"status", "readyReplicas"});
  stateful.write(out, store);

  Families deployment(Kind::Deployment, "deployment");
  deployment.number("kube_deployment_spec_replicas", "Number of desired pods for a deployment.", {"spec", "replicas"});
  deployment.flag("kube_deployment_spec_paused",
                  "Whether the deployment is paused and will not be processed by the deployment controller.",
                  {"spec", "paused"});
  deployment.number("kube_deployment_metadata_generation",
                    "Sequence number representing a specific generation of the desired state.",
                    {"metadata", "generation"});
  deployment.number("kube_deployment_status_observed_generation",
                    "The generation observed by the deployment controller.", {"status", "observedGeneration"});
  deployment.number("kube_deployment_status_replicas", "The number of replicas per deployment.",
                    {"status", "replicas"});
  deployment.number("kube_deployment_status_replicas_ready", "The number of ready replicas per deployment.",
                    {"status", "readyReplicas"});
  deployment.number("kube_deployment_status_replicas_available", "The number of available replicas per deployment.",
                    {"status", "availableReplicas"});
  deployment.number("kube_deployment_status_replicas_unavailable", "The number of unavailable replicas per deployment.",
                    {"status", "unavailableReplicas"});
  deployment.number("kube_deployment_status_replicas_updated", "The number of updated replicas per deployment.",
                    {"status", "updatedReplicas"});
  deployment.conditions("kube_deployment_status_condition", "The current status conditions of a deployment.");
  deployment.write(out, store);

  Families replicas(Kind::ReplicaSet, "replicaset");
  replicas.number("kube_replicaset_spec_replicas", "Number of desired pods for a ReplicaSet.", {"spec", "replicas"});
  replicas.number("kube_replicaset_status_ready_replicas", "The number of ready replicas per ReplicaSet.",
                  {"status", "readyReplicas"});
  replicas.write(out, store);

  Families controller(Kind::ReplicationController, "replicationcontroller");
  controller.number("kube_replicationcontroller_spec_replicas", "Number of desired pods for a ReplicationController.",
                    {"spec", "replicas"});
  controller.number("kube_replicationcontroller_status_ready_replicas",
                    "The number of ready replicas per ReplicationController.", {"status", "readyReplicas"});
  controller.write(out, store);

  Families daemon(Kind::DaemonSet, "daemonset");
  daemon.number("kube_daemonset_status_desired_number_scheduled",
                "The number of nodes that should be running the daemon pod.", {"status", "desiredNumberScheduled"});
  daemon.number("kube_daemonset_status_number_ready", "The number of nodes that have a ready daemon pod.",
                {"status", "numberReady"});
  daemon.write(out, store);
}

/// The number of failed pods while the job is not over, or failed for a reason of its own; else 1 at its reason.
template <typename Add>
void add_failed(const model::Object& job, const Add& add) {
  static constexpr std::array<std::string_view, 3> kReasons{"BackoffLimitExceeded", "DeadlineExceeded", "Evicted"};
  const auto failed = number_at(job.raw, {"status", "failed"});
  if (failed == 0) return add(0);
  bool known = false;
  for (const auto& entry : array_at(job.raw, {"status", "conditions"})) {
    if (!entry.is_object() || text_at(entry.get_object(), {"type"}) != "Failed") continue;
    for (const auto reason : kReasons) {
      const bool is = text_at(entry.get_object(), {"reason"}) == reason;
      known = known || is;
      add(is ? 1 : 0, fmt::format("reason=\"{}\"", reason));
    }
  }
  if (!known) add(failed, "reason=\"\"");
}

void append_jobs(std::string& out, const store::Store& store) {
  Families job(Kind::Job, "job_name");
  job.number("kube_job_status_active", "The number of actively running pods.", {"status", "active"});
  job.number("kube_job_status_ready", "The number of ready pods that belong to this Job.", {"status", "ready"});
  job.number("kube_job_status_succeeded", "The number of pods which reached Phase Succeeded.", {"status", "succeeded"});
  job.each("kube_job_status_failed", "The number of pods which reached Phase Failed and the reason for failure.",
           [](const model::Object& object, const auto& add) { add_failed(object, add); });
  job.condition("kube_job_complete", "The job has completed its execution.", "Complete");
  job.condition("kube_job_failed", "The job has failed its execution.", "Failed");
  job.optional("kube_job_spec_completions",
               "The desired number of successfully finished pods the job should be run with.", {"spec", "completions"});
  job.optional("kube_job_spec_parallelism", "The maximum desired number of pods the job should run at any given time.",
               {"spec", "parallelism"});
  job.time("kube_job_created", "Unix creation timestamp", {"metadata", "creationTimestamp"});
  job.time("kube_job_status_start_time", "StartTime represents time when the job was acknowledged by the Job Manager.",
           {"status", "startTime"});
  job.time("kube_job_status_completion_time", "CompletionTime represents time when the job was completed.",
           {"status", "completionTime"});
  job.write(out, store);
}

/// The time after the last one, or after it was made; so it lies in the past while a job is late. None while suspended.
std::optional<WallTime> next_schedule(const model::Object& cron) {
  if (flag_at(cron.raw, {"spec", "suspend"})) return std::nullopt;
  const auto last = text_at(cron.raw, {"status", "lastScheduleTime"});
  const auto after = parse_rfc3339(last.empty() ? text_at(cron.raw, {"metadata", "creationTimestamp"}) : last);
  const auto schedule = model::CronSchedule::parse(text_at(cron.raw, {"spec", "schedule"}));
  const auto name = text_at(cron.raw, {"spec", "timeZone"});
  const auto zone = name.empty() ? Result<TimeZone>(TimeZone()) : TimeZone::load(name);
  if (!after || !schedule || !zone) return std::nullopt;
  return schedule->next(*after, *zone);
}

void append_cron_jobs(std::string& out, const store::Store& store) {
  Families cron(Kind::CronJob, "cronjob");
  cron.each("kube_cronjob_info", "Info about cronjob.", [](const model::Object& object, const auto& add) {
    add(1, fmt::format("schedule=\"{}\",concurrency_policy=\"{}\",timezone=\"{}\"",
                       escape_label(text_at(object.raw, {"spec", "schedule"})),
                       escape_label(text_at(object.raw, {"spec", "concurrencyPolicy"})),
                       escape_label(text_at(object.raw, {"spec", "timeZone"}))));
  });
  cron.flag("kube_cronjob_spec_suspend", "Suspend flag tells the controller to suspend subsequent executions.",
            {"spec", "suspend"});
  cron.optional("kube_cronjob_spec_starting_deadline_seconds",
                "Deadline in seconds for starting the job if it misses scheduled time for any reason.",
                {"spec", "startingDeadlineSeconds"});
  cron.time("kube_cronjob_created", "Unix creation timestamp", {"metadata", "creationTimestamp"});
  cron.each("kube_cronjob_status_active", "Active holds pointers to currently running jobs.",
            [](const model::Object& object, const auto& add) {
              add(static_cast<std::int64_t>(size_at(object.raw, {"status", "active"})));
            });
  cron.time("kube_cronjob_status_last_schedule_time",
            "LastScheduleTime keeps information of when was the last time the job was successfully scheduled.",
            {"status", "lastScheduleTime"});
  cron.time("kube_cronjob_status_last_successful_time",
            "LastSuccessfulTime keeps information of when was the last time the job was completed successfully.",
            {"status", "lastSuccessfulTime"});
  cron.each("kube_cronjob_next_schedule_time",
            "Next time the cronjob should be scheduled. The time after lastScheduleTime, or after the cron job's "
            "creation time if it's never been scheduled. Use this to determine if the job is delayed.",
            [](const model::Object& object, const auto& add) {
              if (const auto next = next_schedule(object)) add(seconds_of(*next));
            });
  cron.write(out, store);
}

void append_autoscalers(std::string& out, const store::Store& store) {
  Families scaler(Kind::HorizontalPodAutoscaler, "horizontalpodautoscaler");
  scaler.number("kube_horizontalpodautoscaler_spec_min_replicas",
                "Lower limit for the number of pods that can be set by the autoscaler, default 1.",
                {"spec", "minReplicas"});
  scaler.number("kube_horizontalpodautoscaler_spec_max_replicas",
                "Upper limit for the number of pods that can be set by the autoscaler; cannot be smaller than "
                "MinReplicas.",
                {"spec", "maxReplicas"});
  scaler.number("kube_horizontalpodautoscaler_status_current_replicas",
                "Current number of replicas of pods managed by this autoscaler.", {"status", "currentReplicas"});
  scaler.number("kube_horizontalpodautoscaler_status_desired_replicas",
                "Desired number of replicas of pods managed by this autoscaler.", {"status", "desiredReplicas"});
  scaler.conditions("kube_horizontalpodautoscaler_status_condition", "The condition of this autoscaler.");
  scaler.write(out, store);
}

}  // namespace

void append_workloads(std::string& out, const store::Store& store) {
  append_sets(out, store);
  append_jobs(out, store);
  append_cron_jobs(out, store);
  append_autoscalers(out, store);
}

std::string object_labels(const model::Object& object, std::string_view kind) {
  return fmt::format(R"(namespace="{}",{}="{}")", escape_label(object.meta.ns), kind, escape_label(object.meta.name));
}

}  // namespace berth::api
