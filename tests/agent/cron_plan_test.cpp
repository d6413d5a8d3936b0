// tests/agent/cron_plan_test.cpp - one CronJob: what is due, what is let be, what goes.
#include "agent/jobs/cron_plan.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/agent/random_days.hpp"

namespace berth::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class CronPlanTest : public testing::Test {
 protected:
  CronPlanTest() {
    cron.meta.name = "tidy";
    cron.meta.ns = "default";
    cron.meta.uid = "cron-uid";
    cron.meta.creation_timestamp = "2026-11-29T10:00:30Z";
    cron.schedule = "*/10 * * * *";
    cron.job_template = {{"metadata", {{"labels", {{"app", "tidy"}}}}}, {"spec", {{"completions", 1}}}};
    at("2026-11-29T10:00:30Z");
  }
  void at(std::string_view time) { facts.now = *parse_rfc3339(time); }
  CronPlan plan() {
    facts.zone = cron.time_zone.empty() ? TimeZone() : TimeZone::load(cron.time_zone);
    return plan_cron_job(cron, facts);
  }

  static std::string name(const CronPlan& plan) {
    return plan.create.empty() ? std::string() : std::string(find_string(plan.create.at("metadata"), {"name"}));
  }
  /// What the plan asks for is done.
  CronPlan carry_out() {
    facts.new_uid = fmt::format("job-{}", ++made);
    auto step = plan();
    for (const auto& gone : step.remove) {
      std::erase_if(facts.jobs, [&](const auto& job) { return job->meta.uid == gone->meta.uid; });
    }
    if (!step.create.empty()) {
      EXPECT_TRUE(runs.insert(name(step)).second) << name(step) << " is run twice";
      add(name(step), facts.new_uid);
    }
    cron.active.clear();
    if (const auto* active = step.status.if_contains("active")) {
      for (const auto& one : active->get_array()) {
        cron.active.push_back({std::string(find_string(one, {"name"})), std::string(find_string(one, {"uid"}))});
      }
    }
    const json::value status(step.status);
    cron.last_schedule_time = find_string(status, {"lastScheduleTime"});
    cron.last_successful_time = find_string(status, {"lastSuccessfulTime"});
    return step;
  }
  std::shared_ptr<model::Job> add(const std::string& job_name, const std::string& uid) {
    auto job = std::make_shared<model::Job>();
    job->meta.name = job_name;
    job->meta.uid = uid;
    job->meta.creation_timestamp = format_rfc3339(facts.now);
    job->status.start_time = format_rfc3339(facts.now);
    facts.jobs.push_back(job);
    return job;
  }
  void finish(std::size_t which, const std::string& type = "Complete") {
    auto& job = const_cast<model::Job&>(*facts.jobs.at(which));
    job.status.conditions = {{type, "True", "", "", "", format_rfc3339(facts.now)}};
    if (type == "Complete") job.status.completion_time = format_rfc3339(facts.now);
  }
  static bool says(const CronPlan& plan, std::string_view reason) {
    return std::any_of(plan.said.begin(), plan.said.end(), [&](const auto& one) { return one.reason == reason; });
  }

  model::CronJob cron;
  CronFacts facts;
  int made = 0;
  std::set<std::string> runs;
};

TEST_F(CronPlanTest, MakesAJobWhenItIsDueOnce) {
  auto step = carry_out();
  EXPECT_EQ(name(step), "");
  EXPECT_EQ(step.look_again, seconds(15)) << "never longer, as the clock may be set";
  at("2026-11-29T10:09:58.500Z");
  EXPECT_EQ(plan().look_again, std::chrono::milliseconds(1500));
  at("2026-11-29T10:10:00Z");
  step = carry_out();
  EXPECT_EQ(name(step), cron_job_name("tidy", facts.now));
  EXPECT_EQ(name(step), "tidy-29932450");
  const json::value job(step.create);
  EXPECT_EQ(find_string(job, {"metadata", "annotations", "batch.kubernetes.io/cronjob-scheduled-timestamp"}),
            "2026-11-29T10:10:00Z");
  EXPECT_EQ(find_string(job, {"metadata", "labels", "app"}), "tidy");
  EXPECT_EQ(find_string(job.at("metadata").at("ownerReferences").at(0), {"kind"}), "CronJob");
  EXPECT_EQ(find_string(job, {"apiVersion"}), "batch/v1");
  EXPECT_EQ(cron.last_schedule_time, "2026-11-29T10:10:00Z");
  ASSERT_EQ(cron.active.size(), 1U);
  EXPECT_EQ(cron.active[0].uid, facts.jobs[0]->meta.uid);
  EXPECT_EQ(name(carry_out()), "");
  at("2026-11-29T10:15:00Z");
  EXPECT_EQ(name(carry_out()), "");
}

TEST_F(CronPlanTest, AJobThatEndedIsNotActiveAndItsSuccessIsKept) {
  at("2026-11-29T10:10:00Z");
  carry_out();
  at("2026-11-29T10:12:00Z");
  finish(0);
  auto step = carry_out();
  EXPECT_TRUE(says(step, "SawCompletedJob"));
  EXPECT_TRUE(cron.active.empty());
  EXPECT_EQ(cron.last_successful_time, "2026-11-29T10:12:00Z");
  EXPECT_TRUE(carry_out().said.empty());
  at("2026-11-29T10:20:00Z");
  carry_out();
  facts.jobs.pop_back();
  EXPECT_TRUE(says(carry_out(), "MissingJob"));
  EXPECT_TRUE(cron.active.empty());
}

TEST_F(CronPlanTest, WhileOneRunsAnotherMayBeginOrMustWaitOrTakesItsPlace) {
  at("2026-11-29T10:10:00Z");
  carry_out();
  at("2026-11-29T10:20:00Z");
  EXPECT_NE(name(plan()), "") << "Allow";
  cron.concurrency_policy = "Forbid";
  auto step = plan();
  EXPECT_EQ(name(step), "");
  EXPECT_TRUE(says(step, "JobAlreadyActive"));
  at("2026-11-29T10:23:00Z");
  finish(0);
  EXPECT_EQ(name(plan()), cron_job_name("tidy", *parse_rfc3339("2026-11-29T10:20:00Z"))) << "late, but it runs";
  const_cast<model::Job&>(*facts.jobs[0]).status = {};
  cron.concurrency_policy = "Replace";
  step = plan();
  EXPECT_NE(name(step), "");
  ASSERT_EQ(step.remove.size(), 1U);
  EXPECT_EQ(step.status.at("active").as_array().size(), 1U);
}

TEST_F(CronPlanTest, WhatIsTooLateIsLetBe) {
  cron.starting_deadline_seconds = 60;
  at("2026-11-29T10:10:59Z");
  EXPECT_NE(name(plan()), "");
  at("2026-11-29T10:11:01Z");
  EXPECT_EQ(name(plan()), "");
  cron.starting_deadline_seconds.reset();
  EXPECT_NE(name(plan()), "");
}

TEST_F(CronPlanTest, AnIntervalThatIsLongerThanTheDeadlineIsOverAllTheSame) {
  // In Kubernetes it is counted from the deadline, and never over.
  cron.schedule = "@every 7m";
  cron.starting_deadline_seconds = 60;
  at("2026-11-29T10:07:00Z");
  EXPECT_EQ(name(carry_out()), "");
  at("2026-11-29T10:07:40Z");
  EXPECT_NE(name(carry_out()), "");
  at("2026-11-29T10:16:00Z");
  EXPECT_EQ(name(carry_out()), "") << "a minute and a half too late";
  at("2026-11-29T10:21:45Z");
  EXPECT_NE(name(carry_out()), "");
}

TEST_F(CronPlanTest, OfManyMissedTimesTheLatestRunsAndItIsSaid) {
  at("2026-11-29T15:05:00Z");
  auto step = plan();
  EXPECT_EQ(name(step), cron_job_name("tidy", *parse_rfc3339("2026-11-29T15:00:00Z")));
  EXPECT_FALSE(says(step, "TooManyMissedTimes"));
  at("2026-12-24T15:05:00Z");
  step = plan();
  EXPECT_EQ(name(step), cron_job_name("tidy", *parse_rfc3339("2026-12-24T15:00:00Z")));
  EXPECT_TRUE(says(step, "TooManyMissedTimes"));
  cron.starting_deadline_seconds = 600;
  EXPECT_FALSE(says(plan(), "TooManyMissedTimes")) << "only what could begin yet is looked at";
}

TEST_F(CronPlanTest, SuspendedItMakesNothingAndResumedTheLatest) {
  cron.suspend = true;
  at("2026-11-29T11:35:00Z");
  EXPECT_EQ(name(carry_out()), "");
  EXPECT_FALSE(plan().look_again);
  cron.suspend = false;
  EXPECT_EQ(name(carry_out()), cron_job_name("tidy", *parse_rfc3339("2026-11-29T11:30:00Z")));
}

TEST_F(CronPlanTest, OldJobsGoByTheirKind) {
  cron.successful_history = 2;
  cron.failed_history = 0;
  for (int i = 0; i < 4; ++i) {
    facts.now += minutes(1);
    add(fmt::format("good-{}", i), fmt::format("g{}", i));
    finish(facts.jobs.size() - 1);
    add(fmt::format("bad-{}", i), fmt::format("b{}", i));
    finish(facts.jobs.size() - 1, "Failed");
  }
  std::string gone;
  for (const auto& job : plan().remove) gone += job->meta.name + " ";
  EXPECT_EQ(gone, "good-0 good-1 bad-0 bad-1 bad-2 bad-3 ");
}

TEST_F(CronPlanTest, WhatCannotBeReadIsSaidAndNothingRuns) {
  at("2026-11-29T10:10:00Z");
  cron.time_zone = "Mars/Phobos";
  auto step = plan();
  EXPECT_TRUE(says(step, "UnknownTimeZone"));
  EXPECT_TRUE(step.create.empty());
  cron.time_zone.clear();
  cron.schedule = "often";
  EXPECT_TRUE(says(plan(), "UnparseableSchedule"));
  cron.schedule = "59 23 31 2 *";
  step = plan();
  EXPECT_TRUE(step.create.empty());
  EXPECT_FALSE(step.look_again);
}

TEST_F(CronPlanTest, AClockThatIsSetForwardRunsWhatWasDueOnce) {
  at("2026-11-29T10:10:00Z");
  carry_out();
  at("2026-11-29T13:17:00Z");
  EXPECT_EQ(name(carry_out()), cron_job_name("tidy", *parse_rfc3339("2026-11-29T13:10:00Z")));
  EXPECT_EQ(name(carry_out()), "");
  at("2026-11-29T13:20:00Z");
  EXPECT_NE(name(carry_out()), "");
}

TEST_F(CronPlanTest, AClockThatIsSetBackRunsNothingTwiceAndSkipsNothing) {
  std::vector<std::string> order;
  const auto pass = [&](minutes span) {
    for (const auto end = facts.now + span; facts.now < end; facts.now += seconds(15)) {
      if (const auto made_now = name(carry_out()); !made_now.empty()) order.push_back(made_now);
    }
  };
  at("2026-11-29T10:05:00Z");
  pass(minutes(30));
  EXPECT_EQ(order.size(), 3U);
  at("2026-11-29T10:05:00Z");  // as it should be: half an hour back
  pass(minutes(60));
  // 10:10, 10:20 and 10:30 have run; 10:40, 10:50 and 11:00 come.
  EXPECT_EQ(order.size(), 6U);
  EXPECT_EQ(order.back(), cron_job_name("tidy", *parse_rfc3339("2026-11-29T11:00:00Z")));
}

TEST_F(CronPlanTest, AClockThatWasYearsAheadDoesNotKeepItWaitingForYears) {
  at("2031-01-01T00:00:01Z");
  carry_out();
  EXPECT_EQ(runs.size(), 1U);
  at("2026-11-29T12:03:00Z");
  auto step = carry_out();
  EXPECT_TRUE(says(step, "ClockWentBack"));
  EXPECT_EQ(name(step), "");
  at("2026-11-29T12:10:00Z");
  EXPECT_EQ(name(carry_out()), cron_job_name("tidy", facts.now));
}

TEST_F(CronPlanTest, DueTimesAreFoundWithoutLookingAtAll) {
  const auto zone = TimeZone();
  const auto minutely = *model::CronSchedule::parse("* * * * *");
  const auto due =
      due_times(minutely, zone, *parse_rfc3339("1990-01-01T00:00:00Z"), *parse_rfc3339("2026-11-29T10:00:42Z"));
  ASSERT_TRUE(due.latest);
  EXPECT_EQ(format_rfc3339(*due.latest), "2026-11-29T10:00:00Z");
  EXPECT_TRUE(due.many);
  const auto leap = *model::CronSchedule::parse("0 0 29 2 *");
  const auto rare =
      due_times(leap, zone, *parse_rfc3339("2001-01-01T00:00:00Z"), *parse_rfc3339("2026-11-29T10:00:00Z"));
  ASSERT_TRUE(rare.latest);
  EXPECT_EQ(format_rfc3339(*rare.latest), "2024-02-29T00:00:00Z");
  const auto every = *model::CronSchedule::parse("@every 7m");
  const auto beat =
      due_times(every, zone, *parse_rfc3339("2026-11-29T10:00:00Z"), *parse_rfc3339("2026-11-29T10:30:00Z"));
  EXPECT_EQ(format_rfc3339(*beat.latest), "2026-11-29T10:28:00Z");
  EXPECT_FALSE(
      due_times(minutely, zone, *parse_rfc3339("2026-11-29T10:00:00Z"), *parse_rfc3339("2026-11-29T10:00:59Z")).latest);
}

TEST_F(CronPlanTest, TheTimestampIsInItsZone) {
  cron.time_zone = "Europe/Luxembourg";
  cron.schedule = "0 12 * * *";
  if (!TimeZone::load(cron.time_zone)) GTEST_SKIP() << "no tzdata here";
  at("2026-11-29T11:00:00Z");
  const auto step = plan();
  EXPECT_EQ(find_string(json::value(step.create),
                        {"metadata", "annotations", "batch.kubernetes.io/cronjob-scheduled-timestamp"}),
            "2026-11-29T12:00:00+01:00");
}

/// Whatever happens to the clock, the jobs and the CronJob: no time is run twice, none runs before it is due, what
/// waits waits, what is old goes; and at last the newest time has run.
TEST_F(CronPlanTest, OnRandomDaysNoTimeRunsTwiceAndWhatIsDueRuns) {
  constexpr int kSteps = 80;
  std::uint64_t made_in_all = 0;
  const auto days = live_days(200, [&](Dice& dice) {
    runs.clear();
    facts.jobs.clear();
    cron.active.clear();
    cron.last_schedule_time.clear();
    cron.last_successful_time.clear();
    cron.suspend = false;
    at("2026-11-29T10:00:30Z");
    const std::vector<std::string> schedules{"*/10 * * * *", "* * * * *", "5,35 * * * *", "@every 7m", "0 */2 * * *"};
    cron.schedule = schedules[static_cast<std::size_t>(dice.below(static_cast<int>(schedules.size())))];
    const std::vector<std::string> policies{"Allow", "Forbid", "Replace"};
    cron.concurrency_policy = policies[static_cast<std::size_t>(dice.below(3))];
    cron.starting_deadline_seconds.reset();
    if (dice.one_in(3)) cron.starting_deadline_seconds = 10 + dice.below(600);
    cron.successful_history = dice.below(4);
    cron.failed_history = dice.below(3);
    const auto step = [&] {
      const auto running = std::any_of(facts.jobs.begin(), facts.jobs.end(),
                                       [](const auto& job) { return job->status.finished() == nullptr; });
      const auto known = runs.size();
      const auto done = carry_out();  // That none runs twice is asked there.
      if (runs.size() == known) return;
      ++made_in_all;
      EXPECT_FALSE(cron.suspend) << "made while it is suspended";
      EXPECT_FALSE(cron.concurrency_policy == "Forbid" && running) << "made while another runs";
      const auto scheduled = parse_rfc3339(cron.last_schedule_time);
      ASSERT_TRUE(scheduled);
      EXPECT_LE(*scheduled, facts.now) << "made before it is due";
      EXPECT_EQ(name(done), cron_job_name("tidy", *scheduled));
      if (cron.starting_deadline_seconds) {
        EXPECT_LE(facts.now - *scheduled, seconds(*cron.starting_deadline_seconds)) << "too late";
      }
      if (cron.concurrency_policy != "Replace") return;
      EXPECT_EQ(std::count_if(facts.jobs.begin(), facts.jobs.end(),
                              [](const auto& job) { return job->status.finished() == nullptr; }),
                1)
          << "two run";
    };
    for (int i = 0; i < kSteps && !HasFailure(); ++i) {
      switch (dice.below(12)) {
        case 0:
          if (dice.one_in(3)) facts.now -= seconds(dice.below(3600));
          break;
        case 1:
          if (dice.one_in(3)) facts.now += hours(dice.below(5));
          break;
        case 2: cron.suspend = dice.one_in(3); break;
        case 3:
        case 4:
          for (std::size_t job = 0; job < facts.jobs.size(); ++job) {
            if (facts.jobs[job]->status.finished() == nullptr && dice.one_in(2)) {
              finish(job, dice.one_in(3) ? "Failed" : "Complete");
            }
          }
          break;
        default:
          facts.now += seconds(dice.below(400));
          step();
          break;
      }
    }
    if (HasFailure()) return;
    cron.suspend = false;
    // Everything that was ahead is past: for hours it is looked at as the agent does.
    for (const auto end = facts.now + hours(8); facts.now < end && !HasFailure(); facts.now += seconds(15)) {
      for (std::size_t job = 0; job < facts.jobs.size(); ++job) {
        if (facts.jobs[job]->status.finished() == nullptr) finish(job);
      }
      step();
    }
    const auto due = due_times(*model::CronSchedule::parse(cron.schedule), TimeZone(), facts.now - hours(3),
                               facts.now - seconds(30));
    const auto last = parse_rfc3339(cron.last_schedule_time);
    ASSERT_TRUE(last) << cron.schedule;
    if (!cron.schedule.starts_with("@")) {  // Those count from the last run.
      EXPECT_GE(*last, *due.latest) << "what was due did not run: " << cron.schedule;
    }
    carry_out();
    const auto ended = [&](std::string_view type) {
      return std::count_if(facts.jobs.begin(), facts.jobs.end(), [&](const auto& job) {
        return job->status.finished() != nullptr && job->status.finished()->type == type;
      });
    };
    EXPECT_LE(ended("Complete"), *cron.successful_history + 1);
    EXPECT_LE(ended("Failed"), *cron.failed_history);
  });
  EXPECT_GE(made_in_all, days * 5);
}

}  // namespace
}  // namespace berth::agent
