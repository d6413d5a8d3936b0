// agent/jobs/cron_plan.hpp - what one CronJob should do now: is a job due, and which of the old ones go? Pure.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/time_zone.hpp"
#include "model/cron_schedule.hpp"
#include "model/jobs.hpp"

namespace berth::agent {

using JobPtr = std::shared_ptr<const model::Job>;

struct CronFacts {
  std::vector<JobPtr> jobs;  ///< Whose controller is this CronJob.
  WallTime now{};
  Result<TimeZone> zone = TimeZone();  ///< Its timeZone; why there is none.
  std::string new_uid;                 ///< For the job that is made.
};

struct CronSaying {
  std::string_view type;  ///< "Normal" or "Warning".
  std::string reason;
  std::string message;
  std::string once;  ///< Not said again as long as this is what was said last with that reason; empty: always said.
};

/// The writes that bring the CronJob one step further.
struct CronPlan {
  json::object create;         ///< A Job, in one transaction with the status that names it; empty: none is due.
  std::vector<JobPtr> remove;  ///< Beyond the history limits, or to be replaced.
  json::object status;
  std::vector<CronSaying> said;
  std::optional<std::chrono::milliseconds> look_again;
};

CronPlan plan_cron_job(const model::CronJob& cron, const CronFacts& facts);

/// "<cronjob>-29401234": the minutes since 1970 of the time that it is for.
std::string cron_job_name(const std::string& cron, WallTime scheduled);

/// The times of a schedule after `earliest`, up to `now`.
struct DueTimes {
  std::optional<WallTime> latest;  ///< None: none is due.
  bool many = false;               ///< More than a hundred were missed, about.
};
DueTimes due_times(const model::CronSchedule& schedule, const TimeZone& zone, WallTime earliest, WallTime now);

}  // namespace berth::agent
