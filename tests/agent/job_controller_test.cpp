// tests/agent/job_controller_test.cpp - Jobs and CronJobs on a store: pods are made, counted once, adopted, let go.
#include "agent/jobs/job_controller.hpp"

#include <gtest/gtest.h>

#include "agent/jobs/cron_controller.hpp"
#include "agent/sources/manifest_owner.hpp"
#include "model/deletion.hpp"
#include "tests/agent/controller_fixture.hpp"

namespace berth::agent {
namespace {

using model::Kind;
using std::chrono::seconds;

class JobControllerTest : public ControllerFixture {
 protected:
  void SetUp() override { begin({jobs.row(), crons.row(), garbage.row()}); }

  void put_job(std::string_view spec) {
    put(std::string(
            R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"sum","namespace":"default"},"spec":{)") +
        std::string(spec) +
        R"("backoffLimit":6,"parallelism":2,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"b"}]}}}})");
    settle();
  }
  std::vector<model::ObjectPtr> pods() const { return store->list(Kind::Pod, "default").objects; }
  void set_phase(const model::ObjectPtr& pod, std::string_view phase) {
    edit(pod->key(), [&](json::object& raw) { raw["status"] = {{"phase", phase}}; });
    settle();
  }
  std::int64_t count(std::string_view name) const {
    const auto* status = get(Kind::Job, "sum")->raw.if_contains("status");
    const auto* value = status == nullptr ? nullptr : find(*status, {name});
    return value == nullptr ? 0 : value->to_number<std::int64_t>();
  }
  /// The host has ended what is being deleted; nothing holds it.
  void end_deleted() {
    for (const auto& pod : pods()) {
      if (pod->meta.deleting() && pod->meta.finalizers.empty()) remove(pod->key());
    }
    settle();
  }
  bool said(std::string_view what) const {
    return std::any_of(events.begin(), events.end(), [&](const auto& text) { return text.starts_with(what); });
  }

  JobController jobs{clock, cache, *store};
  CronController crons{clock, cache, *store};
};

TEST_F(JobControllerTest, RunsToItsEndAndKeepsItsPods) {
  put_job(R"("completions":3,)");
  ASSERT_EQ(pods().size(), 2U);
  const auto first = pods()[0];
  const auto uid = get(Kind::Job, "sum")->meta.uid;
  EXPECT_TRUE(first->meta.name.starts_with("sum-"));
  EXPECT_EQ(first->meta.labels.at(model::kJobUidLabel), uid);
  EXPECT_EQ(first->meta.labels.at(model::kOldJobNameLabel), "sum");
  EXPECT_EQ(first->meta.controller()->uid, uid);
  EXPECT_TRUE(model::has_finalizer(first->meta, model::kJobTracking));
  EXPECT_TRUE(said("SuccessfulCreate: Created pod: sum-"));
  for (const auto& pod : pods()) set_phase(pod, "Succeeded");
  ASSERT_EQ(pods().size(), 3U);
  EXPECT_EQ(count("succeeded"), 2);
  EXPECT_EQ(count("active"), 1);
  for (const auto& pod : pods()) set_phase(pod, "Succeeded");
  EXPECT_EQ(count("succeeded"), 3);
  EXPECT_EQ(pods().size(), 3U) << "what they wrote can be read";
  for (const auto& pod : pods()) EXPECT_TRUE(pod->meta.finalizers.empty());
  EXPECT_TRUE(said("Completed: Job completed"));
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(JobControllerTest, APodIsCountedInTheMomentInWhichItIsLetGo) {
  std::vector<std::string> seen;
  auto watch = store->watch(Kind::Job, store->revision(), [&](const store::Change& change) {
    const auto* status = change.object->raw.if_contains("status");
    const auto* succeeded = status == nullptr ? nullptr : find(*status, {"succeeded"});
    std::int64_t tracked = 0;
    std::int64_t done = 0;
    for (const auto& pod : store->list(Kind::Pod, "default").objects) {
      const auto* phase = find(pod->raw.at("status"), {"phase"});
      if (phase == nullptr || *phase != "Succeeded") continue;
      ++done;
      if (!pod->meta.finalizers.empty()) ++tracked;
    }
    const auto counted = succeeded == nullptr ? 0 : succeeded->to_number<std::int64_t>();
    if (counted + tracked != done) seen.push_back(json::serialize(*status));
  });
  ASSERT_TRUE(watch);
  put_job(R"("completions":2,)");
  for (const auto& pod : pods()) set_phase(pod, "Succeeded");
  EXPECT_EQ(count("succeeded"), 2);
  EXPECT_TRUE(seen.empty()) << seen.front();
}

TEST_F(JobControllerTest, GivesUpAndSaysWhy) {
  put_job(R"("completions":2,)");
  edit({Kind::Job, "default", "sum"}, [](json::object& raw) { raw["spec"].get_object()["backoffLimit"] = 0; });
  settle();
  set_phase(pods()[0], "Failed");
  EXPECT_TRUE(said("SuccessfulDelete: Deleted pod: "));
  end_deleted();
  EXPECT_TRUE(said("BackoffLimitExceeded: Job has reached the specified backoff limit"));
  EXPECT_EQ(count("failed"), 2);
  EXPECT_EQ(pods().size(), 1U);
  pass(seconds(3600));
  EXPECT_EQ(pods().size(), 1U) << "nothing begins any more";
}

TEST_F(JobControllerTest, AFailedPodHasASuccessorAfterTenSeconds) {
  put_job(R"("completions":1,)");
  ASSERT_EQ(pods().size(), 1U);
  set_phase(pods()[0], "Failed");
  EXPECT_EQ(pods().size(), 1U);
  pass(seconds(11));
  EXPECT_EQ(pods().size(), 2U);
  EXPECT_EQ(count("failed"), 1);
}

TEST_F(JobControllerTest, SuspendedAndResumed) {
  put_job(R"("completions":4,)");
  ASSERT_EQ(pods().size(), 2U);
  const auto suspend = [&](bool value) {
    edit({Kind::Job, "default", "sum"}, [&](json::object& raw) { raw["spec"].get_object()["suspend"] = value; });
    settle();
  };
  suspend(true);
  end_deleted();
  EXPECT_TRUE(pods().empty());
  EXPECT_EQ(count("failed"), 0);
  EXPECT_TRUE(said("Suspended: Job suspended"));
  suspend(false);
  EXPECT_EQ(pods().size(), 2U);
  EXPECT_TRUE(said("Resumed: Job resumed"));
}

TEST_F(JobControllerTest, AJobThatGoesLetsItsPodsGo) {
  put_job(R"("completions":2,)");
  remove({Kind::Job, "default", "sum"});
  settle();
  for (const auto& pod : pods()) {
    EXPECT_TRUE(pod->meta.finalizers.empty()) << pod->meta.name;
    EXPECT_TRUE(pod->meta.deleting());
  }
  end_deleted();
  EXPECT_TRUE(pods().empty());
  EXPECT_TRUE(runner.is_idle());
}

TEST_F(JobControllerTest, TakesPodsThatItsSelectorMatchesAndLetsThoseGoThatItDoesNot) {
  put_job(R"("completions":4,)");
  const auto uid = get(Kind::Job, "sum")->meta.uid;
  const auto lost = pods()[0]->key();
  edit(lost, [](json::object& raw) { raw["metadata"].get_object().erase("ownerReferences"); });
  settle();
  EXPECT_EQ(store->get(lost)->meta.controller()->uid, uid);
  EXPECT_TRUE(model::has_finalizer(store->get(lost)->meta, model::kJobTracking));
  EXPECT_EQ(pods().size(), 2U);
  edit(lost, [](json::object& raw) { raw["metadata"].get_object()["labels"] = {{"debug", "yes"}}; });
  settle();
  EXPECT_EQ(store->get(lost)->meta.controller(), nullptr);
  EXPECT_TRUE(store->get(lost)->meta.finalizers.empty());
  EXPECT_EQ(pods().size(), 3U) << "its place is taken";
}

TEST_F(JobControllerTest, GoesByItselfWhenItsTimeIsOver) {
  put_job(R"("completions":1,"ttlSecondsAfterFinished":20,)");
  set_phase(pods()[0], "Succeeded");
  EXPECT_TRUE(exists(Kind::Job, "sum"));
  pass(seconds(21));
  EXPECT_FALSE(exists(Kind::Job, "sum"));
  end_deleted();
  EXPECT_TRUE(pods().empty());
}

TEST_F(JobControllerTest, WhatAFileMakesIsNotDeletedToBeRunAgain) {
  put_job(R"("completions":1,"ttlSecondsAfterFinished":20,)");
  edit({Kind::Job, "default", "sum"}, [](json::object& raw) {
    raw["metadata"].get_object()["annotations"] = {{std::string(kSourceAnnotation), "n1/directory:sum.yaml"}};
  });
  settle();
  set_phase(pods()[0], "Succeeded");
  pass(seconds(3600));
  EXPECT_TRUE(exists(Kind::Job, "sum"));
  EXPECT_EQ(pods().size(), 1U);
}

TEST_F(JobControllerTest, WhatAnotherControllerRunsIsLeftAlone) {
  put_job(R"("completions":1,"managedBy":"example.com/queue",)");
  EXPECT_TRUE(pods().empty());
}

TEST_F(JobControllerTest, APodThatWasDeletedByHandIsCountedAndGoes) {
  put_job(R"("completions":2,)");
  const auto victim = pods()[0]->key();
  edit(victim, [&](json::object& raw) { model::mark_deleted(Kind::Pod, raw, 0, clock.wall()); });
  settle();
  EXPECT_TRUE(store->get(victim)->meta.finalizers.empty());
  EXPECT_EQ(count("failed"), 1);
}

TEST_F(JobControllerTest, ACronJobMakesItsJobWithItsOwnStatus) {
  put(R"({"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"tidy","namespace":"default"},
      "spec":{"schedule":"* * * * *","successfulJobsHistoryLimit":1,"jobTemplate":{"spec":{"template":{
      "spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"b"}]}}}}}})");
  settle();
  std::set<std::string> made;
  for (int i = 0; i < 40; ++i) {
    pass(seconds(10));
    for (const auto& job : store->list(Kind::Job, "default").objects) made.insert(job->meta.name);
    const auto cron = get(Kind::CronJob, "tidy");
    for (const auto& pod : pods()) {
      if (find_string(pod->raw.at("status"), {"phase"}) == "Pending") set_phase(pod, "Succeeded");
    }
    end_deleted();
  }
  EXPECT_GE(made.size(), 6U);
  EXPECT_LE(made.size(), 7U);
  EXPECT_LE(store->list(Kind::Job, "default").objects.size(), 2U) << "old ones go";
  const auto& status = get(Kind::CronJob, "tidy")->raw.at("status");
  EXPECT_FALSE(find_string(status, {"lastScheduleTime"}).empty());
  EXPECT_FALSE(find_string(status, {"lastSuccessfulTime"}).empty());
  EXPECT_TRUE(said("SuccessfulCreate: Created job tidy-"));
  EXPECT_TRUE(said("SawCompletedJob: Saw completed job: tidy-"));
}

}  // namespace
}  // namespace berth::agent
