// cli/describe_jobs.cpp - how Jobs and CronJobs are described.
#include <fmt/format.h>

#include "base/clock.hpp"
#include "cli/ages.hpp"
#include "cli/describe_page.hpp"
#include "cli/selection.hpp"
#include "cli/server.hpp"

namespace berth::cli::page {

namespace {

/// "Title:\tvalue\n", when there is one.
void maybe(std::string& out, std::string_view title, const std::string& value) {
  if (!value.empty()) out += fmt::format("{}:\t{}\n", title, value);
}

std::string time_at(const json::value& object, Path path) {
  const auto time = text(object, path);
  return time.empty() ? std::string() : rfc1123_time(time);
}

/// What a job and a CronJob's template have alike.
void job_spec(std::string& out, const json::value& spec) {
  out += fmt::format("Parallelism:\t{}\n", text(spec, {"parallelism"}, "<unset>"));
  out += fmt::format("Completions:\t{}\n", text(spec, {"completions"}, "<unset>"));
  maybe(out, "Completion Mode", text(spec, {"completionMode"}));
  maybe(out, "Suspend", text(spec, {"suspend"}));
  maybe(out, "Backoff Limit", text(spec, {"backoffLimit"}));
  maybe(out, "Backoff Limit Per Index", text(spec, {"backoffLimitPerIndex"}));
  maybe(out, "Max Failed Indexes", text(spec, {"maxFailedIndexes"}));
  maybe(out, "TTL Seconds After Finished", text(spec, {"ttlSecondsAfterFinished"}));
  const auto deadline = text(spec, {"activeDeadlineSeconds"});
  if (!deadline.empty()) out += fmt::format("Active Deadline Seconds:\t{}s\n", deadline);
}

std::string controlled_by(const json::value& object) {
  for (const auto& owner : list(object, {"metadata", "ownerReferences"})) {
    if (is_true(owner, {"controller"})) return fmt::format("{}/{}", text(owner, {"kind"}), text(owner, {"name"}));
  }
  return {};
}

}  // namespace

std::string job(const json::value& object, const Related& /*related*/) {
  std::string out = fmt::format("Name:\t{}\nNamespace:\t{}\n", name_of(object), namespace_of(object));
  const auto* selector = find(object, {"spec", "selector"});
  maybe(out, "Selector", selector == nullptr ? std::string() : selector_text(*selector));
  labels(out, "", "Labels", find(object, {"metadata", "labels"}));
  annotations(out, "", "Annotations", find(object, {"metadata", "annotations"}));
  maybe(out, "Controlled By", controlled_by(object));
  const auto* spec = find(object, {"spec"});
  job_spec(out, spec == nullptr ? json::value{} : *spec);
  maybe(out, "Start Time", time_at(object, {"status", "startTime"}));
  maybe(out, "Completed At", time_at(object, {"status", "completionTime"}));
  const auto begun = parse_rfc3339(text(object, {"status", "startTime"}));
  const auto ended = parse_rfc3339(text(object, {"status", "completionTime"}));
  if (begun && ended) {
    maybe(out, "Duration", human_duration(std::chrono::duration_cast<std::chrono::seconds>(*ended - *begun)));
  }
  out += fmt::format("Pods Statuses:\t{} Active ({} Ready) / {} Succeeded / {} Failed\n",
                     number_at(object, {"status", "active"}, 0), number_at(object, {"status", "ready"}, 0),
                     number_at(object, {"status", "succeeded"}, 0), number_at(object, {"status", "failed"}, 0));
  if (text(object, {"spec", "completionMode"}) == "Indexed") {
    out += fmt::format("Completed Indexes:\t{}\n", text(object, {"status", "completedIndexes"}, "<none>"));
    maybe(out, "Failed Indexes", text(object, {"status", "failedIndexes"}));
  }
  const auto* pods = find(object, {"spec", "template"});
  pod_template(out, pods == nullptr ? json::value{} : *pods);
  return out;
}

std::string cron_job(const json::value& object, const Related& /*related*/) {
  std::string out;
  head(out, object, true);
  out += fmt::format("Schedule:\t{}\n", text(object, {"spec", "schedule"}));
  maybe(out, "Time Zone", text(object, {"spec", "timeZone"}));
  out += fmt::format("Concurrency Policy:\t{}\n", text(object, {"spec", "concurrencyPolicy"}));
  out += fmt::format("Suspend:\t{}\n", is_true(object, {"spec", "suspend"}) ? "True" : "False");
  out += fmt::format("Successful Job History Limit:\t{}\n",
                     text(object, {"spec", "successfulJobsHistoryLimit"}, "<unset>"));
  out += fmt::format("Failed Job History Limit:\t{}\n", text(object, {"spec", "failedJobsHistoryLimit"}, "<unset>"));
  const auto deadline = text(object, {"spec", "startingDeadlineSeconds"});
  out += fmt::format("Starting Deadline Seconds:\t{}\n", deadline.empty() ? "<unset>" : deadline + "s");
  const auto* spec = find(object, {"spec", "jobTemplate", "spec"});
  job_spec(out, spec == nullptr ? json::value{} : *spec);
  const auto* pods = find(object, {"spec", "jobTemplate", "spec", "template"});
  pod_template(out, pods == nullptr ? json::value{} : *pods);
  const auto last = time_at(object, {"status", "lastScheduleTime"});
  out += fmt::format("Last Schedule Time:\t{}\n", last.empty() ? "<unset>" : last);
  std::string active;
  for (const auto& one : list(object, {"status", "active"})) {
    active += (active.empty() ? "" : ", ") + text(one, {"name"});
  }
  out += fmt::format("Active Jobs:\t{}\n", active.empty() ? "<none>" : active);
  return out;
}

}  // namespace berth::cli::page
