// model/jobs.hpp - Job and CronJob as typed structs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/pod.hpp"
#include "model/workloads.hpp"

namespace berth::model {

// Labels, annotations and the finalizer of a Job's pods, as Kubernetes writes them.
inline constexpr const char* kJobUidLabel = "batch.kubernetes.io/controller-uid";
inline constexpr const char* kJobNameLabel = "batch.kubernetes.io/job-name";
inline constexpr const char* kOldJobUidLabel = "controller-uid";  ///< What these were called before 1.27.
inline constexpr const char* kOldJobNameLabel = "job-name";
inline constexpr const char* kJobIndex = "batch.kubernetes.io/job-completion-index";
inline constexpr const char* kJobIndexFailures = "batch.kubernetes.io/job-index-failure-count";
inline constexpr const char* kJobIndexIgnored = "batch.kubernetes.io/job-index-ignored-failure-count";
inline constexpr const char* kJobTracking = "batch.kubernetes.io/job-tracking";  ///< Finalizer: not counted yet.

/// onExitCodes of a rule of podFailurePolicy.
struct ExitCodeRule {
  std::string container;  ///< Empty: any.
  bool in = true;         ///< In; else NotIn.
  std::vector<std::int64_t> values;
};
struct FailureRule {
  std::string action;  ///< "FailJob", "FailIndex", "Ignore", "Count"
  std::optional<ExitCodeRule> exit_codes;
  std::vector<std::pair<std::string, std::string>> conditions;  ///< Type and status.
};
struct SuccessRule {
  std::string indexes;                ///< "0,2-4"; empty: any.
  std::optional<std::int32_t> count;  ///< How many of them; unset: all.
};

struct JobCondition {
  std::string type;    ///< "Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"
  std::string status;  ///< "True", "False"
  std::string reason;
  std::string message;
  std::string last_probe_time;
  std::string last_transition_time;
};
struct JobStatus {
  std::int32_t succeeded = 0;
  std::int32_t failed = 0;
  std::string start_time;
  std::string completion_time;
  std::string completed_indexes;
  std::string failed_indexes;
  std::vector<JobCondition> conditions;

  /// The condition of that type, or null.
  const JobCondition* condition(std::string_view type) const;
  /// Is the condition of that type True?
  bool is(std::string_view type) const;
  /// Complete or Failed: nothing is started any more.
  const JobCondition* finished() const;
};

struct Job {
  ObjectMeta meta;
  std::int32_t parallelism = 1;
  std::optional<std::int32_t> completions;  ///< Unset: a work queue, over when one pod has succeeded and all are done.
  std::int32_t backoff_limit = 6;
  std::optional<std::int32_t> backoff_limit_per_index;
  std::optional<std::int32_t> max_failed_indexes;
  bool indexed = false;
  bool suspend = false;
  bool replaces_only_failed = false;  ///< podReplacementPolicy Failed: a pod that is ending still has its place.
  LabelSelector selector;
  PodTemplate pod_template;
  std::optional<std::int64_t> active_deadline_seconds;
  std::optional<std::int32_t> ttl_seconds_after_finished;
  std::vector<FailureRule> failure_rules;
  std::vector<SuccessRule> success_rules;
  std::string managed_by;  ///< Another controller than ours; empty: ours.
  JobStatus status;
};

struct JobReference {
  std::string name;
  std::string uid;
  bool operator==(const JobReference&) const = default;
};
struct CronJob {
  ObjectMeta meta;
  std::string schedule;
  std::string time_zone;                     ///< Empty: UTC.
  std::string concurrency_policy = "Allow";  ///< "Forbid", "Replace"
  std::optional<std::int64_t> starting_deadline_seconds;
  bool suspend = false;
  std::optional<std::int32_t> successful_history;  ///< Unset: all are kept.
  std::optional<std::int32_t> failed_history;
  json::object job_template;  ///< {metadata, spec}
  std::vector<JobReference> active;
  std::string last_schedule_time;
  std::string last_successful_time;
};

// Typed views, as those in model.hpp.
Result<Job> decode_job(const Object& object);
Result<CronJob> decode_cron_job(const Object& object);

}  // namespace berth::model
