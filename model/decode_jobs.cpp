// model/decode_jobs.cpp - Job, CronJob.

#include "model/decode_internal.hpp"
#include "model/jobs.hpp"

namespace berth::model {
namespace {

FailureRule read_failure_rule(const Reader& from) {
  FailureRule rule;
  rule.action = from.text("action");
  if (const auto codes = from.child("onExitCodes"); codes.present()) {
    rule.exit_codes = {.container = codes.text("containerName"),
                       .in = codes.text("operator") == "In",
                       .values = codes.integers("values")};
  }
  for (const auto& condition : from.children("onPodConditions")) {
    rule.conditions.emplace_back(condition.text("type"), condition.text("status", "True"));
  }
  return rule;
}

JobStatus read_job_status(const Reader& from) {
  JobStatus status;
  status.succeeded = from.int32("succeeded");
  status.failed = from.int32("failed");
  status.start_time = from.text("startTime");
  status.completion_time = from.text("completionTime");
  status.completed_indexes = from.text("completedIndexes");
  status.failed_indexes = from.text("failedIndexes");
  for (const auto& one : from.children("conditions")) {
    status.conditions.push_back({.type = one.text("type"),
                                 .status = one.text("status"),
                                 .reason = one.text("reason"),
                                 .message = one.text("message"),
                                 .last_probe_time = one.text("lastProbeTime"),
                                 .last_transition_time = one.text("lastTransitionTime")});
  }
  return status;
}

void read_job(const Reader& root, Job& job) {
  const auto spec = root.child("spec");
  job.completions = spec.maybe_int32("completions");
  job.parallelism = spec.int32("parallelism", 1);
  job.backoff_limit = spec.int32("backoffLimit", 6);
  job.backoff_limit_per_index = spec.maybe_int32("backoffLimitPerIndex");
  job.max_failed_indexes = spec.maybe_int32("maxFailedIndexes");
  job.indexed = spec.text("completionMode") == "Indexed";
  job.suspend = spec.flag("suspend");
  job.replaces_only_failed = spec.text("podReplacementPolicy") == "Failed";
  job.selector = read_label_selector(spec.child("selector"));
  job.pod_template = read_pod_template(spec.child("template"));
  job.active_deadline_seconds = spec.maybe_integer("activeDeadlineSeconds");
  job.ttl_seconds_after_finished = spec.maybe_int32("ttlSecondsAfterFinished");
  for (const auto& rule : spec.child("podFailurePolicy").children("rules")) {
    job.failure_rules.push_back(read_failure_rule(rule));
  }
  for (const auto& rule : spec.child("successPolicy").children("rules")) {
    job.success_rules.push_back({rule.text("succeededIndexes"), rule.maybe_int32("succeededCount")});
  }
  if (const auto manager = spec.text("managedBy"); manager != "kubernetes.io/job-controller") job.managed_by = manager;
  job.status = read_job_status(root.child("status"));
}

void read_cron_job(const Reader& root, CronJob& job) {
  const auto spec = root.child("spec");
  job.schedule = spec.text("schedule");
  job.time_zone = spec.text("timeZone");
  job.concurrency_policy = spec.text("concurrencyPolicy", "Allow");
  job.starting_deadline_seconds = spec.maybe_integer("startingDeadlineSeconds");
  job.suspend = spec.flag("suspend");
  job.successful_history = spec.maybe_int32("successfulJobsHistoryLimit");
  job.failed_history = spec.maybe_int32("failedJobsHistoryLimit");
  if (const auto made_from = spec.child("jobTemplate"); made_from.present()) job.job_template = *made_from.raw();
  const auto status = root.child("status");
  for (const auto& active : status.children("active")) job.active.push_back({active.text("name"), active.text("uid")});
  job.last_schedule_time = status.text("lastScheduleTime");
  job.last_successful_time = status.text("lastSuccessfulTime");
}

}  // namespace

const JobCondition* JobStatus::condition(std::string_view type) const { return condition_of(conditions, type); }

bool JobStatus::is(std::string_view type) const {
  const auto* found = condition(type);
  return found != nullptr && found->status == "True";
}

const JobCondition* JobStatus::finished() const {
  for (const auto* type : {"Complete", "Failed"}) {
    if (is(type)) return condition(type);
  }
  return nullptr;
}

Result<Job> decode_job(const Object& object) { return decode<Job>(object, read_job); }
Result<CronJob> decode_cron_job(const Object& object) { return decode<CronJob>(object, read_cron_job); }

}  // namespace berth::model
