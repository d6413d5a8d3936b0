// tests/agent/job_plan_test.cpp - one Job: who begins, who is stopped, who is counted, and when it is over.
#include "agent/jobs/job_plan.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "agent/jobs/job_pods.hpp"
#include "model/deletion.hpp"
#include "model/index_set.hpp"
#include "tests/agent/random_days.hpp"

namespace berth::agent {
namespace {

using std::chrono::seconds;

class JobPlanTest : public testing::Test {
 protected:
  JobPlanTest() {
    job.meta.name = "sum";
    job.meta.ns = "default";
    job.meta.uid = "job-uid";
    job.completions = 1;
    job.pod_template.spec.restart_policy = "Never";
    job.status.start_time = format_rfc3339(now);
  }

  std::shared_ptr<model::Pod> add(const std::string& phase, std::optional<std::int32_t> index = std::nullopt,
                                  std::int32_t exit_code = 1) {
    auto pod = std::make_shared<model::Pod>();
    pod->meta.name = fmt::format("sum-{}", pods.size());
    pod->meta.ns = "default";
    pod->meta.uid = fmt::format("pod-{}", pods.size());
    pod->meta.creation_timestamp = format_rfc3339(now);
    pod->meta.finalizers = {model::kJobTracking};
    if (index) pod->meta.annotations[model::kJobIndex] = std::to_string(*index);
    pod->spec.node_name = "n1";
    set_phase(*pod, phase, exit_code);
    pods.push_back(pod);
    return pod;
  }
  void set_phase(model::Pod& pod, const std::string& phase, std::int32_t exit_code = 1) const {
    pod.status.phase = phase;
    if (phase != "Succeeded" && phase != "Failed") return;
    model::ContainerStatus container;
    container.name = "c";
    container.state = model::ContainerStateTerminated{.exit_code = phase == "Failed" ? exit_code : 0,
                                                      .reason = {},
                                                      .message = {},
                                                      .started_at = {},
                                                      .finished_at = format_rfc3339(now),
                                                      .container_id = {}};
    pod.status.container_statuses = {container};
  }
  static void mark(model::Pod& pod, WallTime when) {
    pod.meta.deletion_timestamp = format_rfc3339(when);
    pod.meta.deletion_grace_period_seconds = 0;
  }

  JobPlan plan() const { return plan_job(job, pods, now); }
  static std::string names(const std::vector<PodPtr>& list) {
    std::string text;
    for (const auto& pod : list) text += (text.empty() ? "" : " ") + pod->meta.name;
    return text;
  }
  static std::string indexes(const JobPlan& plan) {
    std::string text;
    for (const auto& pod : plan.create) text += (text.empty() ? "" : " ") + std::to_string(pod.index.value_or(-1));
    return text;
  }
  static std::int64_t number(const JobPlan& plan, std::string_view name) {
    const auto* value = plan.status.if_contains(name);
    return value == nullptr ? 0 : value->to_number<std::int64_t>();
  }
  static std::string condition(const JobPlan& plan, std::string_view type) {
    const auto* all = plan.status.if_contains("conditions");
    if (all == nullptr) return {};
    for (const auto& one : all->get_array()) {
      if (find_string(one, {"type"}) == type) {
        return fmt::format("{} {}", find_string(one, {"status"}), find_string(one, {"reason"}));
      }
    }
    return {};
  }

  /// What the plan asks for is done, all of it.
  JobPlan carry_out() {
    auto made = plan();
    const auto drop = [](const PodPtr& pod) { const_cast<model::Pod&>(*pod).meta.finalizers.clear(); };
    for (const auto& pod : made.counted) drop(pod);
    for (const auto& pod : made.untrack) drop(pod);
    for (const auto& pod : made.stop) {
      drop(pod);
      mark(const_cast<model::Pod&>(*pod), now);
    }
    for (const auto& pod : made.end) mark(const_cast<model::Pod&>(*pod), now);
    for (const auto& each : made.create) {
      auto pod = add("Pending", each.index);
      if (job.backoff_limit_per_index) {
        pod->meta.annotations[model::kJobIndexFailures] = std::to_string(each.failures);
        pod->meta.annotations[model::kJobIndexIgnored] = std::to_string(each.ignored);
      }
    }
    if (!made.status.empty()) {
      model::Object object;
      object.raw = {
          {"spec", {{"template", {{"spec", {{"containers", json::array{{{"name", "c"}, {"image", "b"}}}}}}}}}},
          {"status", made.status}};
      const auto read = model::decode_job(object);
      EXPECT_TRUE(read) << read.error().message();
      job.status = read->status;
    }
    return made;
  }

  WallTime now = *parse_rfc3339("2026-11-29T10:00:00Z");
  model::Job job;
  std::vector<PodPtr> pods;
};

TEST_F(JobPlanTest, AsManyAtOnceAsAreWantedAndNoMoreThanAreLeft) {
  job.completions = 5;
  job.parallelism = 3;
  EXPECT_EQ(plan().create.size(), 3U);
  add("Running");
  add("Pending");
  EXPECT_EQ(plan().create.size(), 1U);
  add("Succeeded");
  add("Succeeded");
  add("Succeeded");
  auto step = carry_out();
  EXPECT_TRUE(step.create.empty()) << "three are done and two run";
  EXPECT_EQ(number(step, "succeeded"), 3);
  EXPECT_EQ(names(step.counted), "sum-2 sum-3 sum-4");
  EXPECT_TRUE(plan().counted.empty()) << "none twice";
  job.parallelism = 1;
  pods[0] = [&] {
    auto ready = std::make_shared<model::Pod>(*pods[0]);
    ready->status.conditions = {{"Ready", "True", "", "", ""}};
    return ready;
  }();
  EXPECT_EQ(names(plan().stop), "sum-1") << "the one that has come less far";
}

TEST_F(JobPlanTest, IsCompleteOnceAllAreCountedAndNothingRuns) {
  add("Succeeded");
  add("Running");
  auto step = carry_out();
  EXPECT_EQ(condition(step, "SuccessCriteriaMet"), "True CompletionsReached");
  EXPECT_EQ(condition(step, "Complete"), "") << "one runs yet";
  EXPECT_EQ(names(step.stop), "sum-1");
  step = carry_out();
  EXPECT_EQ(condition(step, "Complete"), "") << "it is ending yet";
  EXPECT_EQ(number(step, "terminating"), 1);
  pods.pop_back();
  step = carry_out();
  EXPECT_EQ(condition(step, "Complete"), "True CompletionsReached");
  EXPECT_EQ(number(step, "failed"), 0) << "one too many is no failure";
  ASSERT_TRUE(step.said);
  EXPECT_EQ(step.said->reason, "Completed");
  EXPECT_TRUE(step.status.contains("completionTime"));
  EXPECT_TRUE(plan().status.empty()) << "nothing changes any more";
}

TEST_F(JobPlanTest, AWorkQueueIsOverWhenOneHasSucceededAndAllHaveEnded) {
  job.completions.reset();
  job.parallelism = 3;
  add("Succeeded");
  add("Running");
  auto step = carry_out();
  EXPECT_TRUE(step.create.empty());
  EXPECT_TRUE(step.stop.empty());
  EXPECT_EQ(condition(step, "SuccessCriteriaMet"), "");
  set_phase(const_cast<model::Pod&>(*pods[1]), "Succeeded");
  step = carry_out();
  EXPECT_EQ(condition(step, "Complete"), "True CompletionsReached");
  EXPECT_EQ(number(step, "succeeded"), 2);
}

TEST_F(JobPlanTest, FailuresWaitLongerEachTimeAndAreForgottenAfterASuccess) {
  job.completions = 3;
  add("Failed");
  auto step = carry_out();
  EXPECT_TRUE(step.create.empty());
  EXPECT_EQ(step.look_again, seconds(10));
  now += seconds(10);
  EXPECT_EQ(carry_out().create.size(), 1U);
  set_phase(const_cast<model::Pod&>(*pods[1]), "Failed");
  EXPECT_EQ(plan().look_again, seconds(20));
  now += seconds(1);
  add("Succeeded");
  EXPECT_EQ(plan().create.size(), 1U);
  EXPECT_EQ(job_back_off(1), seconds(10));
  EXPECT_EQ(job_back_off(6), seconds(320));
  EXPECT_EQ(job_back_off(7), seconds(360));
  EXPECT_EQ(job_back_off(1000), seconds(360));
  EXPECT_EQ(job_back_off(0), seconds(0));
}

TEST_F(JobPlanTest, AClockThatWasSetBackDoesNotKeepAJobWaiting) {
  add("Failed");
  carry_out();
  now -= std::chrono::hours(3);
  EXPECT_EQ(plan().look_again, seconds(10));
}

TEST_F(JobPlanTest, GivesUpBeyondTheBackoffLimit) {
  job.backoff_limit = 1;
  job.completions = 3;
  job.parallelism = 2;
  add("Failed");
  add("Running");
  EXPECT_EQ(condition(carry_out(), "FailureTarget"), "");
  set_phase(const_cast<model::Pod&>(*pods[1]), "Failed");
  add("Running");
  auto step = carry_out();
  EXPECT_EQ(condition(step, "FailureTarget"), "True BackoffLimitExceeded");
  EXPECT_EQ(condition(step, "Failed"), "");
  EXPECT_EQ(names(step.end), "sum-2");
  EXPECT_TRUE(step.create.empty());
  step = carry_out();
  EXPECT_EQ(number(step, "failed"), 3) << "what is ended with the job has not succeeded";
  EXPECT_EQ(condition(step, "Failed"), "");
  pods.pop_back();
  step = carry_out();
  EXPECT_EQ(condition(step, "Failed"), "True BackoffLimitExceeded");
  EXPECT_EQ(step.said->type, "Warning");
  EXPECT_EQ(step.said->message, "Job has reached the specified backoff limit");
  EXPECT_FALSE(step.status.contains("completionTime"));
}

TEST_F(JobPlanTest, RestartsInPlaceAreFailuresToo) {
  job.backoff_limit = 2;
  job.pod_template.spec.restart_policy = "OnFailure";
  auto pod = add("Running");
  model::ContainerStatus container;
  container.restart_count = 1;
  pod->status.container_statuses = {container};
  EXPECT_EQ(condition(plan(), "FailureTarget"), "");
  pod->status.container_statuses[0].restart_count = 2;
  EXPECT_EQ(condition(plan(), "FailureTarget"), "True BackoffLimitExceeded");
}

TEST_F(JobPlanTest, ADeadlineEndsItFromItsStart) {
  job.active_deadline_seconds = 60;
  add("Running");
  now += seconds(59);
  EXPECT_EQ(plan().look_again, seconds(1));
  now += seconds(1);
  EXPECT_EQ(condition(plan(), "FailureTarget"), "True DeadlineExceeded");
  job.suspend = true;
  EXPECT_EQ(condition(plan(), "FailureTarget"), "") << "while it is suspended no time passes";
}

TEST_F(JobPlanTest, SuspendedItStopsAllAndResumedItsTimeBeginsAnew) {
  job.completions = 2;
  add("Running");
  job.suspend = true;
  auto step = carry_out();
  EXPECT_EQ(names(step.stop), "sum-0");
  EXPECT_TRUE(step.end.empty());
  EXPECT_EQ(condition(step, "Suspended"), "True JobSuspended");
  EXPECT_EQ(step.said->reason, "Suspended");
  pods.clear();
  step = carry_out();
  EXPECT_EQ(number(step, "failed"), 0) << "a pod that was stopped by us has not failed";
  EXPECT_FALSE(step.said) << "said once";
  now += std::chrono::hours(1);
  job.suspend = false;
  step = carry_out();
  EXPECT_EQ(condition(step, "Suspended"), "False JobResumed");
  EXPECT_EQ(step.said->reason, "Resumed");
  EXPECT_EQ(job.status.start_time, format_rfc3339(now));
  EXPECT_EQ(step.create.size(), 1U);
}

TEST_F(JobPlanTest, ASuspendedJobThatWasNeverStartedHasNoStart) {
  job.status.start_time.clear();
  job.suspend = true;
  EXPECT_FALSE(plan().status.contains("startTime"));
  job.suspend = false;
  EXPECT_EQ(find_string(plan().status, {"startTime"}), format_rfc3339(now));
}

TEST_F(JobPlanTest, EachIndexSucceedsOnce) {
  job.indexed = true;
  job.completions = 6;
  job.parallelism = 3;
  EXPECT_EQ(indexes(plan()), "0 1 2");
  add("Succeeded", 0);
  add("Succeeded", 2);
  add("Running", 1);
  add("Succeeded", 3);
  add("Running", 4);
  add("Running", 4);
  auto step = carry_out();
  EXPECT_EQ(step.status.at("completedIndexes"), "0,2,3");
  EXPECT_EQ(names(step.stop), "sum-5") << "two of one index";
  pods.pop_back();
  EXPECT_EQ(indexes(plan()), "5");
  add("Succeeded", 0);
  EXPECT_EQ(number(plan(), "succeeded"), 3) << "index 0 has succeeded before";
  add("Running", 2);
  add("Running", 77);
  EXPECT_EQ(names(plan().stop), "sum-6 sum-7") << "an index that is done, and one that is none";
}

TEST_F(JobPlanTest, AnIndexCountsItsOwnFailures) {
  job.indexed = true;
  job.completions = 2;
  job.parallelism = 2;
  job.backoff_limit = 1000;
  job.backoff_limit_per_index = 1;
  carry_out();
  set_phase(const_cast<model::Pod&>(*pods[0]), "Failed");
  auto step = carry_out();
  EXPECT_TRUE(step.create.empty());
  EXPECT_EQ(step.look_again, seconds(10));
  EXPECT_TRUE(step.counted.empty()) << "it holds the count of its index until its successor is there";
  now += seconds(10);
  step = carry_out();
  ASSERT_EQ(step.create.size(), 1U);
  EXPECT_EQ(step.create[0].index, 0);
  EXPECT_EQ(step.create[0].failures, 1);
  EXPECT_EQ(number(carry_out(), "failed"), 1);
  set_phase(const_cast<model::Pod&>(*pods[2]), "Failed");
  step = carry_out();
  EXPECT_EQ(step.status.at("failedIndexes"), "0");
  EXPECT_EQ(number(step, "failed"), 2);
  EXPECT_TRUE(step.create.empty());
  EXPECT_EQ(condition(step, "FailureTarget"), "") << "the other goes on";
  set_phase(const_cast<model::Pod&>(*pods[1]), "Succeeded");
  step = carry_out();
  EXPECT_EQ(condition(step, "Failed"), "True FailedIndexes");
  EXPECT_EQ(step.status.at("completedIndexes"), "1");
}

TEST_F(JobPlanTest, TooManyFailedIndexesEndTheJob) {
  job.indexed = true;
  job.completions = 4;
  job.parallelism = 4;
  job.backoff_limit = 1000;
  job.backoff_limit_per_index = 0;
  job.max_failed_indexes = 1;
  carry_out();
  set_phase(const_cast<model::Pod&>(*pods[0]), "Failed");
  EXPECT_EQ(condition(carry_out(), "FailureTarget"), "");
  set_phase(const_cast<model::Pod&>(*pods[1]), "Failed");
  const auto step = carry_out();
  EXPECT_EQ(condition(step, "FailureTarget"), "True MaxFailedIndexesExceeded");
  EXPECT_EQ(step.status.at("failedIndexes"), "0,1");
  EXPECT_EQ(step.end.size(), 2U);
}

TEST_F(JobPlanTest, ThePodFailurePolicyDecidesByItsFirstMatch) {
  job.completions = 4;
  job.parallelism = 4;
  job.replaces_only_failed = true;
  job.failure_rules = {
      {.action = "Ignore", .exit_codes = {}, .conditions = {{"DisruptionTarget", "True"}}},
      {.action = "FailJob",
       .exit_codes = model::ExitCodeRule{.container = "c", .in = true, .values = {42}},
       .conditions = {}},
      {.action = "Count",
       .exit_codes = model::ExitCodeRule{.container = {}, .in = false, .values = {7}},
       .conditions = {}},
  };
  add("Failed", std::nullopt, 42)->status.conditions = {{"DisruptionTarget", "True", "", "", ""}};
  add("Failed", std::nullopt, 1);
  auto step = carry_out();
  EXPECT_EQ(number(step, "failed"), 1) << "the first is ignored";
  EXPECT_EQ(step.counted.size(), 2U) << "and let go all the same";
  EXPECT_EQ(condition(step, "FailureTarget"), "");
  add("Failed", std::nullopt, 42);
  step = carry_out();
  EXPECT_EQ(condition(step, "Failed"), "True PodFailurePolicy");
  EXPECT_EQ(step.said->message,
            "Container c for pod default/sum-2 failed with exit code 42 matching FailJob rule at index 1");
}

TEST_F(JobPlanTest, AnIndexMayFailByPolicy) {
  job.indexed = true;
  job.completions = 2;
  job.parallelism = 2;
  job.backoff_limit = 1000;
  job.backoff_limit_per_index = 5;
  job.replaces_only_failed = true;
  job.failure_rules = {{.action = "FailIndex",
                        .exit_codes = model::ExitCodeRule{.container = {}, .in = true, .values = {42}},
                        .conditions = {}}};
  carry_out();
  set_phase(const_cast<model::Pod&>(*pods[1]), "Failed", 42);
  const auto step = carry_out();
  EXPECT_EQ(step.status.at("failedIndexes"), "1");
  EXPECT_TRUE(step.create.empty());
}

TEST_F(JobPlanTest, ASuccessPolicyEndsItEarly) {
  job.indexed = true;
  job.completions = 5;
  job.parallelism = 5;
  job.success_rules = {{.indexes = "0,4", .count = std::nullopt}, {.indexes = "1-3", .count = 2}};
  for (int i = 0; i < 5; ++i) add(i == 1 || i == 0 ? "Succeeded" : "Running", i);
  EXPECT_EQ(condition(carry_out(), "SuccessCriteriaMet"), "");
  set_phase(const_cast<model::Pod&>(*pods[3]), "Succeeded");
  const auto step = carry_out();
  EXPECT_EQ(condition(step, "SuccessCriteriaMet"), "True SuccessPolicy");
  EXPECT_EQ(names(step.end), "sum-2 sum-4");
}

TEST_F(JobPlanTest, APodThatIsDeletedHasASuccessorAtOnceOrOnceItHasEnded) {
  auto pod = add("Running");
  mark(*pod, now);
  auto step = plan();
  EXPECT_EQ(names(step.counted), "sum-0") << "it counts as failed";
  EXPECT_EQ(step.look_again, seconds(10)) << "and its successor waits";
  job.replaces_only_failed = true;
  step = plan();
  EXPECT_TRUE(step.counted.empty());
  EXPECT_TRUE(step.create.empty());
  EXPECT_FALSE(step.look_again);
  pod->spec.node_name.clear();
  EXPECT_EQ(names(plan().counted), "sum-0") << "no node will ever say that it has ended";
}

TEST_F(JobPlanTest, AfterItsEndItGoesWhenItsTimeIsOver) {
  job.ttl_seconds_after_finished = 30;
  job.status.conditions = {{"Complete", "True", "", "", "", format_rfc3339(now)}};
  add("Failed");
  auto step = plan();
  EXPECT_EQ(names(step.untrack), "sum-0");
  EXPECT_TRUE(step.status.empty());
  EXPECT_FALSE(step.remove);
  EXPECT_EQ(step.look_again, seconds(30));
  now += seconds(30);
  EXPECT_TRUE(plan().remove);
  job.ttl_seconds_after_finished.reset();
  EXPECT_FALSE(plan().remove);
}

TEST_F(JobPlanTest, ADeletedJobMakesNothing) {
  job.completions = 3;
  job.parallelism = 3;
  mark(*add("Running"), now);
  add("Succeeded");
  job.meta.deletion_timestamp = format_rfc3339(now);
  const auto step = plan();
  EXPECT_TRUE(step.create.empty());
  EXPECT_TRUE(step.stop.empty());
  EXPECT_EQ(names(step.counted), "sum-1 sum-0");
}

TEST_F(JobPlanTest, PodsOfAnIndexedJobKnowTheirNumber) {
  job.indexed = true;
  job.backoff_limit_per_index = 2;
  job.pod_template.meta.labels = {{"job-name", "sum"}};
  job.pod_template.raw = {
      {"spec",
       {{"containers",
         json::array{{{"name", "a"}}, {{"name", "b"}, {"env", json::array{{{"name", "JOB_COMPLETION_INDEX"}}}}}}}}}};
  const json::value pod(make_job_pod(job, {.index = 4, .failures = 1, .ignored = 0}, "sum-4-abcde"));
  EXPECT_EQ(find_string(pod, {"metadata", "annotations", model::kJobIndex}), "4");
  EXPECT_EQ(find_string(pod, {"metadata", "annotations", model::kJobIndexFailures}), "1");
  EXPECT_EQ(find_string(pod, {"metadata", "labels", model::kJobIndex}), "4");
  EXPECT_EQ(find_string(pod, {"metadata", "labels", "job-name"}), "sum");
  EXPECT_EQ(find_string(pod, {"spec", "hostname"}), "sum-4");
  EXPECT_EQ(json::serialize(pod.at("metadata").at("finalizers")), R"(["batch.kubernetes.io/job-tracking"])");
  EXPECT_EQ(find_string(pod.at("metadata").at("ownerReferences").at(0), {"apiVersion"}), "batch/v1");
  const auto& containers = pod.at("spec").at("containers");
  EXPECT_EQ(find_string(containers.at(0).at("env").at(0), {"valueFrom", "fieldRef", "fieldPath"}),
            "metadata.annotations['batch.kubernetes.io/job-completion-index']");
  EXPECT_EQ(containers.at(1).at("env").as_array().size(), 1U) << "what the template says stands";
}

TEST(JobPodNames, ANameIsGivenAgainUntilItWasSeen) {
  JobPodNames names("sum", "salt");
  std::set<std::string> there;
  const auto seen = [&](const std::string& name) { return there.contains(name); };
  const auto first = names.next(std::nullopt, seen);
  const auto second = names.next(std::nullopt, seen);
  EXPECT_NE(first, second);
  EXPECT_EQ(first.size(), 9U);
  names.begin_plan();
  EXPECT_EQ(names.next(std::nullopt, seen), first);
  there.insert(first);
  names.begin_plan();
  EXPECT_EQ(names.next(std::nullopt, seen), second);
  there.clear();
  names.begin_plan();
  EXPECT_EQ(names.next(std::nullopt, seen), second) << "not the one that has been";
  EXPECT_TRUE(names.next(7, seen).starts_with("sum-7-"));
  EXPECT_NE(names.next(8, seen).substr(6), names.next(7, seen).substr(6));
  EXPECT_EQ(JobPodNames(std::string(63, 'a'), "salt").next(12, seen).size(), 63U);
}

/// A host and a user that do as they please; at each step the plan is carried out as a whole.
class JobSteps : public JobPlanTest {
 protected:
  int below(int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); }

  void check() const {
    std::map<std::int32_t, int> by_index;
    int active = 0;
    for (const auto& pod : pods) {
      const auto over = pod->status.phase == "Succeeded" || pod->status.phase == "Failed";
      if (over || pod->meta.deleting()) continue;
      ++active;
      if (job.indexed) ++by_index[*completion_index(*pod)];
    }
    EXPECT_LE(active, most_parallel);
    for (const auto& [index, count] : by_index) EXPECT_EQ(count, 1) << "index " << index;
    EXPECT_EQ(job.status.failed, truly_failed) << "counted: " << job.status.failed;
    if (job.indexed) {
      EXPECT_EQ(job.status.completed_indexes, truly_completed.text());
      EXPECT_LE(truly_completed.size(), *job.completions);
    } else {
      EXPECT_EQ(job.status.succeeded, truly_succeeded);
    }
  }

  /// Counts what the plan lets go, as an observer would.
  void step() {
    const auto made = carry_out();
    for (const auto& pod : made.counted) {
      if (pod->status.phase == "Succeeded") {
        ++truly_succeeded;
        if (job.indexed) truly_completed.add(*completion_index(*pod));
      } else {
        ++truly_failed;
      }
    }
    check();
    std::erase_if(pods, [](const auto& pod) { return pod->meta.deleting() && pod->meta.finalizers.empty(); });
  }

  void happen(int failures_of_ten) {
    for (const auto& pod : pods) {
      auto& each = const_cast<model::Pod&>(*pod);
      if (each.status.phase == "Pending" && below(2) == 0) each.status.phase = "Running";
      if (each.status.phase == "Running" && below(3) == 0) {
        set_phase(each, below(10) < failures_of_ten ? "Failed" : "Succeeded");
      }
      if (below(20) == 0) mark(each, now);
    }
    now += seconds(below(30));
  }

  std::mt19937 random;
  int most_parallel = 0;
  int truly_failed = 0;
  int truly_succeeded = 0;
  model::IndexSet truly_completed;
};

TEST_F(JobSteps, WhateverHappensTheNumbersAreRightAndItEnds) {
  const auto only = static_cast<unsigned>(number_in_environment("BERTH_SEED", 0));
  const auto runs = only == 0 ? static_cast<unsigned>(number_in_environment("BERTH_RUNS", 300)) : only;
  for (unsigned seed = only == 0 ? 1 : only; seed <= runs && !HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("BERTH_SEED={}", seed));
    random.seed(seed);
    pods.clear();
    truly_failed = truly_succeeded = 0;
    truly_completed = {};
    job.status = {};
    job.suspend = false;
    job.indexed = below(2) == 0;
    job.completions = 1 + below(12);
    job.parallelism = 1 + below(5);
    job.replaces_only_failed = below(3) == 0;
    job.backoff_limit = 1000;
    job.backoff_limit_per_index.reset();
    if (job.indexed && below(2) == 0) job.backoff_limit_per_index = below(3);
    most_parallel = job.parallelism;
    const auto most_ever = *job.completions;
    int turns = 0;
    for (; job.status.finished() == nullptr && turns < 2000; ++turns) {
      step();
      if (HasFailure()) return;
      happen(/*failures_of_ten=*/turns < 60 ? 4 : 0);
      if (turns < 60 && below(15) == 0) job.suspend = !job.suspend;
      if (turns == 60) job.suspend = false;
      if (turns < 60 && below(15) == 0) {
        job.parallelism = 1 + below(5);
        most_parallel = std::max(most_parallel, job.parallelism);
      }
      // One that is ending ends: the host says what became of it, when it is asked to wait for that.
      for (const auto& pod : pods) {
        if (pod->meta.deleting() && pod->status.phase == "Running") set_phase(const_cast<model::Pod&>(*pod), "Failed");
        if (pod->meta.deleting() && pod->status.phase == "Pending") set_phase(const_cast<model::Pod&>(*pod), "Failed");
      }
    }
    ASSERT_NE(job.status.finished(), nullptr) << "does not end";
    const auto& over = job.status.finished()->type;
    const auto complete = over == "Complete";
    EXPECT_TRUE(!complete || (job.indexed ? truly_completed.size() == most_ever : truly_succeeded >= most_ever));
    EXPECT_TRUE(over == "Complete" || job.backoff_limit_per_index) << over;
    for (const auto& pod : pods) EXPECT_TRUE(pod->meta.finalizers.empty()) << pod->meta.name << " is held";
  }
}

}  // namespace
}  // namespace berth::agent
