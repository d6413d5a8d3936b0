// agent/jobs/cron_plan.cpp - see cron_plan.hpp. Words and order of the rules are those of Kubernetes' CronJob
// controller.
#include "agent/jobs/cron_plan.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/objects/revision.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

/// The next time is looked for this often, as somebody may set the clock meanwhile.
constexpr milliseconds kLongestWait = std::chrono::seconds(15);
/// A clock that was ahead by more than this was wrong: what was scheduled by it is no reason to wait for that time to
/// come again. One that is set back by less runs nothing twice.
constexpr std::chrono::hours kMostAhead{24};
constexpr std::int64_t kMany = 100;

/// "2026-11-29T12:00:00+01:00".
std::string format_in_zone(WallTime time, const TimeZone& zone) {
  const auto offset = zone.period_at(std::chrono::floor<std::chrono::seconds>(time)).offset;
  if (offset.count() == 0) return format_rfc3339(time);
  auto text = format_rfc3339(time + offset);
  text.pop_back();
  const auto minutes = std::abs(offset.count()) / 60;
  return fmt::format("{}{}{:02}:{:02}", text, offset.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

json::object job_from(const model::CronJob& cron, WallTime scheduled, const TimeZone& zone, const std::string& uid) {
  json::object metadata;
  if (const auto* from = cron.job_template.if_contains("metadata"); from != nullptr && from->is_object()) {
    for (const auto* name : {"labels", "annotations"}) {
      if (const auto* value = from->get_object().if_contains(name)) metadata[name] = *value;
    }
  }
  metadata["name"] = cron_job_name(cron.meta.name, scheduled);
  metadata["namespace"] = cron.meta.ns;
  metadata["uid"] = uid;
  model::object_in(metadata, "annotations")["batch.kubernetes.io/cronjob-scheduled-timestamp"] =
      format_in_zone(scheduled, zone);
  metadata["ownerReferences"] = json::array{make_owner_reference(cron.meta, "CronJob")};
  json::object job{{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", std::move(metadata)}};
  if (const auto* spec = cron.job_template.if_contains("spec")) job["spec"] = *spec;
  return job;
}

class Planner {
 public:
  Planner(const model::CronJob& cron, const CronFacts& facts) : cron_(cron), facts_(facts) {}

  CronPlan make() {
    last_schedule_ = cron_.last_schedule_time;
    look_at_jobs();
    if (!cron_.meta.deleting()) {
      drop_history();
      if (!cron_.suspend) schedule();
    }
    write_status();
    return std::move(plan_);
  }

 private:
  void say(std::string_view type, std::string reason, std::string message, std::string once = {}) {
    plan_.said.push_back({type, std::move(reason), std::move(message), std::move(once)});
  }

  JobPtr job_of(const model::JobReference& reference) const {
    const auto found = std::find_if(facts_.jobs.begin(), facts_.jobs.end(),
                                    [&](const auto& job) { return job->meta.uid == reference.uid; });
    return found == facts_.jobs.end() ? nullptr : *found;
  }

  void look_at_jobs() {
    for (const auto& reference : cron_.active) {
      const auto job = job_of(reference);
      if (!job) {
        say("Normal", "MissingJob", "Active job went missing: " + reference.name);
      } else if (const auto* over = job->status.finished()) {
        say("Normal", "SawCompletedJob",
            fmt::format("Saw completed job: {}, condition: {}", reference.name, over->type));
      } else {
        active_.push_back(reference);
      }
    }
    last_success_ = cron_.last_successful_time;
    for (const auto& job : facts_.jobs) {
      const auto ended = parse_rfc3339(job->status.completion_time);
      const auto known = parse_rfc3339(last_success_);
      if (ended && job->status.is("Complete") && (!known || *known < *ended)) {
        last_success_ = job->status.completion_time;
      }
    }
  }

  void drop_history() {
    const auto drop = [&](const char* type, const std::optional<std::int32_t>& limit) {
      if (!limit) return;
      std::vector<JobPtr> over;
      for (const auto& job : facts_.jobs) {
        if (job->status.is(type) && !job->meta.deleting()) over.push_back(job);
      }
      const auto begun = [](const JobPtr& job) {
        return std::pair(job->status.start_time.empty() ? job->meta.creation_timestamp : job->status.start_time,
                         job->meta.name);
      };
      std::sort(over.begin(), over.end(), [&](const auto& a, const auto& b) { return begun(a) < begun(b); });
      for (std::size_t i = 0; i + static_cast<std::size_t>(std::max(*limit, 0)) < over.size(); ++i) {
        plan_.remove.push_back(over[i]);
      }
    };
    drop("Complete", cron_.successful_history);
    drop("Failed", cron_.failed_history);
  }

  void schedule() {
    const auto& zone = facts_.zone;
    if (!zone) {
      return say("Warning", "UnknownTimeZone",
                 fmt::format("invalid timeZone: \"{}\": {}", cron_.time_zone, zone.error().message()), cron_.time_zone);
    }
    const auto times = model::CronSchedule::parse(cron_.schedule);
    if (!times) {
      return say("Warning", "UnparseableSchedule",
                 fmt::format("unparseable schedule: \"{}\" : {}", cron_.schedule, times.error().message()),
                 cron_.schedule);
    }
    const auto earliest = earliest_time(times->every().has_value());
    const auto due = due_times(*times, *zone, earliest, facts_.now);
    if (due.many) {
      say("Warning", "TooManyMissedTimes",
          "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
          format_rfc3339(earliest));
    }
    if (due.latest) begin(*due.latest, *zone);
    // One that is due and was not begun is looked at again when a job ends, too.
    const auto next = times->next(std::max(facts_.now, earliest), *zone);
    if (!next) return;
    const auto wait = std::chrono::ceil<milliseconds>(*next - facts_.now);
    plan_.look_again = std::min(std::max(wait, milliseconds(1)), kLongestWait);
  }

  /// What was before it is not looked at any more. An interval is counted from the last time, or else from the start,
  /// however long that is ago: counted from the deadline, none longer than that would ever be over.
  WallTime earliest_time(bool is_interval) {
    auto earliest = facts_.now;
    if (const auto last = parse_rfc3339(cron_.last_schedule_time)) {
      earliest = *last;
    } else if (const auto made = parse_rfc3339(cron_.meta.creation_timestamp)) {
      earliest = *made;
    }
    if (earliest > facts_.now + kMostAhead) {
      say("Warning", "ClockWentBack",
          fmt::format("the clock was ahead: times after {} count, though {} was before", format_rfc3339(facts_.now),
                      format_rfc3339(earliest)));
      earliest = facts_.now;
      last_schedule_ = format_rfc3339(facts_.now);
    }
    if (cron_.starting_deadline_seconds && !is_interval) {
      earliest = std::max(earliest, facts_.now - bounded_seconds(*cron_.starting_deadline_seconds));
    }
    return earliest;
  }

  void begin(WallTime scheduled, const TimeZone& zone) {
    const auto time = format_rfc3339(scheduled);
    const auto name = cron_job_name(cron_.meta.name, scheduled);
    if (cron_.starting_deadline_seconds && scheduled + bounded_seconds(*cron_.starting_deadline_seconds) < facts_.now) {
      return say("Warning", "MissSchedule", "Missed scheduled time to start a job: " + time, time);
    }
    if (cron_.last_schedule_time == time) return;
    const auto is_there = [&](const auto& job) { return job->meta.name == name; };
    if (std::any_of(facts_.jobs.begin(), facts_.jobs.end(), is_there)) {
      last_schedule_ = time;
      return;
    }
    if (cron_.concurrency_policy == "Forbid" && !active_.empty()) {
      return say("Normal", "JobAlreadyActive",
                 "Not starting job because prior execution is running and concurrency policy is Forbid", time);
    }
    if (cron_.concurrency_policy == "Replace") {
      for (const auto& reference : std::exchange(active_, {})) plan_.remove.push_back(job_of(reference));
    }
    plan_.create = job_from(cron_, scheduled, zone, facts_.new_uid);
    active_.push_back({name, facts_.new_uid});
    last_schedule_ = time;
  }

  void write_status() {
    json::array active;
    for (const auto& job : active_) {
      active.push_back({{"apiVersion", "batch/v1"},
                        {"kind", "Job"},
                        {"namespace", cron_.meta.ns},
                        {"name", job.name},
                        {"uid", job.uid}});
    }
    if (!active.empty()) plan_.status["active"] = std::move(active);
    if (!last_schedule_.empty()) plan_.status["lastScheduleTime"] = last_schedule_;
    if (!last_success_.empty()) plan_.status["lastSuccessfulTime"] = last_success_;
  }

  const model::CronJob& cron_;
  const CronFacts& facts_;
  CronPlan plan_;
  std::vector<model::JobReference> active_;
  std::string last_schedule_;
  std::string last_success_;
};

}  // namespace

std::string cron_job_name(const std::string& cron, WallTime scheduled) {
  return fmt::format("{}-{}", cron, std::chrono::floor<std::chrono::minutes>(scheduled).time_since_epoch().count());
}

DueTimes due_times(const model::CronSchedule& schedule, const TimeZone& zone, WallTime earliest, WallTime now) {
  DueTimes due;
  const auto first = schedule.next(earliest, zone);
  if (!first || *first > now) return due;
  const auto second = schedule.next(*first, zone);
  due.latest = *first;
  if (!second || *second > now) return due;
  const auto between = *second - *first;
  due.many = (now - *first) / between + 1 > kMany;
  if (schedule.every()) {
    due.latest = *first + (now - *first) / between * between;
    return due;
  }
  // The last of them is looked for from the end: there may be a million.
  for (const auto window : {std::chrono::hours(1), std::chrono::hours(24), std::chrono::hours(24 * 32),
                            std::chrono::hours(24 * 367), std::chrono::hours(24 * 366 * 41)}) {
    const auto from = std::max<WallTime>(now - window, *first);
    auto time = schedule.next(from, zone);
    if (!time || *time > now) {
      if (from == *first) break;
      continue;
    }
    for (; time && *time <= now; time = schedule.next(*time, zone)) due.latest = *time;
    break;
  }
  return due;
}

CronPlan plan_cron_job(const model::CronJob& cron, const CronFacts& facts) { return Planner(cron, facts).make(); }

}  // namespace berth::agent
