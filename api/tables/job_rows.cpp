// api/tables/job_rows.cpp - Jobs and CronJobs as rows.
#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/tables/human_duration.hpp"

namespace berth::api {

namespace {

/// Kubernetes' word for how a job is.
std::string_view job_status(const model::Object& job) {
  const auto is = [&](std::string_view type) {
    for (const auto& one : array_at(job.raw, {"status", "conditions"})) {
      if (find_string(one, {"type"}) == type) return find_string(one, {"status"}) == "True";
    }
    return false;
  };
  for (const auto* over : {"Complete", "Failed"}) {
    if (is(over)) return over;
  }
  if (job.meta.deleting()) return "Terminating";
  for (const auto* state : {"Suspended", "FailureTarget", "SuccessCriteriaMet"}) {
    if (is(state)) return state;
  }
  return "Running";
}

std::string completions(const json::object& job) {
  const auto done = number_at(job, {"status", "succeeded"});
  const auto* wanted = field(job, {"spec", "completions"});
  if (wanted != nullptr && !wanted->is_null())
    return fmt::format("{}/{}", done, number_at(job, {"spec", "completions"}));
  const auto parallel = number_at(job, {"spec", "parallelism"});
  return parallel > 1 ? fmt::format("{}/1 of {}", done, parallel) : fmt::format("{}/1", done);
}

std::string duration(const json::object& job, WallTime now) {
  const auto begun = parse_rfc3339(text_at(job, {"status", "startTime"}));
  if (!begun) return {};
  const auto ended = parse_rfc3339(text_at(job, {"status", "completionTime"}));
  return human_duration(std::chrono::duration_cast<std::chrono::seconds>((ended ? *ended : now) - *begun));
}

}  // namespace

json::array job_cells(const model::Object& job, WallTime now) {
  const auto& containers = array_at(job.raw, {"spec", "template", "spec", "containers"});
  return {job.meta.name,
          job_status(job),
          completions(job.raw),
          duration(job.raw, now),
          age_since(job.meta.creation_timestamp, now),
          joined(containers, "name"),
          joined(containers, "image"),
          selector_text(field(job.raw, {"spec", "selector"}))};
}

json::array cron_job_cells(const model::Object& cron, WallTime now) {
  const auto& containers = array_at(cron.raw, {"spec", "jobTemplate", "spec", "template", "spec", "containers"});
  const auto last = text_at(cron.raw, {"status", "lastScheduleTime"});
  return {cron.meta.name,
          text_at(cron.raw, {"spec", "schedule"}),
          or_none(text_at(cron.raw, {"spec", "timeZone"})),
          flag_at(cron.raw, {"spec", "suspend"}) ? "True" : "False",
          size_at(cron.raw, {"status", "active"}),
          last.empty() ? "<none>" : age_since(last, now),
          age_since(cron.meta.creation_timestamp, now),
          joined(containers, "name"),
          joined(containers, "image"),
          selector_text(field(cron.raw, {"spec", "jobTemplate", "spec", "selector"}))};
}

}  // namespace berth::api
