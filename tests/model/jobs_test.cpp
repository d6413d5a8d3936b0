// tests/model/jobs_test.cpp - Job and CronJob: defaults, what is made with their uid, what is refused and in which
// words.
#include "model/jobs.hpp"

#include <gtest/gtest.h>

#include "model/conversion.hpp"
#include "model/model.hpp"

namespace berth::model {
namespace {

json::object job(std::string_view spec, std::string_view pod = "restartPolicy: Never") {
  const auto text =
      std::string("apiVersion: batch/v1\nkind: Job\nmetadata: {name: sum, namespace: default}\nspec:\n  {") +
      std::string(spec) + (spec.empty() ? "" : ", ") + "template: {spec: {containers: [{name: c, image: busybox}], " +
      std::string(pod) + "}}}\n";
  auto raw = parse_yaml(text);
  EXPECT_TRUE(raw) << text << (raw ? "" : raw.error().message());
  apply_defaults(Kind::Job, raw->get_object());
  return raw->get_object();
}

json::object cron(std::string_view spec) {
  const auto text =
      std::string("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: sum, namespace: default}\nspec:\n  {") +
      std::string(spec) +
      ", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: b}]}}}}}\n";
  auto raw = parse_yaml(text);
  EXPECT_TRUE(raw) << text;
  apply_defaults(Kind::CronJob, raw->get_object());
  return raw->get_object();
}

std::string problems(Kind kind, const json::object& raw, const json::object* old = nullptr) {
  std::string text;
  for (const auto& one : validate(kind, raw, old)) text += one.field + ": " + one.message + "\n";
  return text;
}

TEST(JobDefaults, AreKubernetes) {
  const auto plain = job("");
  const auto& spec = plain.at("spec");
  EXPECT_EQ(spec.at("completions"), 1);
  EXPECT_EQ(spec.at("parallelism"), 1);
  EXPECT_EQ(spec.at("backoffLimit"), 6);
  EXPECT_EQ(spec.at("completionMode"), "NonIndexed");
  EXPECT_EQ(spec.at("suspend"), false);
  EXPECT_EQ(spec.at("podReplacementPolicy"), "TerminatingOrFailed");
  EXPECT_EQ(spec.at("template").at("spec").at("dnsPolicy"), "ClusterFirst");
  EXPECT_FALSE(job("parallelism: 3").at("spec").as_object().contains("completions")) << "a work queue";
  EXPECT_EQ(job("completions: 3").at("spec").at("parallelism"), 1);
  EXPECT_EQ(job("completions: 3, completionMode: Indexed, backoffLimitPerIndex: 1").at("spec").at("backoffLimit"),
            2147483647);
  EXPECT_EQ(job("podFailurePolicy: {rules: []}").at("spec").at("podReplacementPolicy"), "Failed");
}

TEST(JobSelector, IsMadeWithTheUidAndKeptWhenItIsWrittenWithoutIt) {
  auto raw = job("");
  EXPECT_EQ(problems(Kind::Job, raw), "");
  raw["metadata"].get_object()["uid"] = "uid-1";
  complete_new(Kind::Job, raw);
  const auto& spec = raw.at("spec");
  EXPECT_EQ(json::serialize(spec.at("selector")), R"({"matchLabels":{"batch.kubernetes.io/controller-uid":"uid-1"}})");
  const auto& labels = spec.at("template").at("metadata").at("labels");
  EXPECT_EQ(labels.at(kJobUidLabel), "uid-1");
  EXPECT_EQ(labels.at(kOldJobUidLabel), "uid-1");
  EXPECT_EQ(labels.at(kJobNameLabel), "sum");
  EXPECT_EQ(labels.at(kOldJobNameLabel), "sum");
  EXPECT_EQ(problems(Kind::Job, raw, &raw), "");

  auto again = job("parallelism: 2, completions: 1");
  again["metadata"].get_object()["uid"] = "uid-1";
  EXPECT_NE(problems(Kind::Job, again, &raw), "");
  keep_filled(Kind::Job, again, raw);
  EXPECT_EQ(problems(Kind::Job, again, &raw), "");

  // What was written out of one server is no new Job's.
  raw["metadata"].get_object().erase("uid");
  EXPECT_NE(problems(Kind::Job, raw).find("spec.selector: invalid value: `selector` not auto-generated"),
            std::string::npos);

  auto manual = job("manualSelector: true, selector: {matchLabels: {a: b}}");
  manual["metadata"].get_object()["uid"] = "uid-2";
  const auto before = manual;
  complete_new(Kind::Job, manual);
  EXPECT_EQ(manual, before);
  EXPECT_NE(problems(Kind::Job, manual).find("`selector` does not match template `labels`"), std::string::npos);
}

TEST(JobRules, SayWhatIsWrongInKubernetesWords) {
  struct Case {
    const char* spec;
    const char* pod;
    const char* error;
  };
  const char* const kNever = "restartPolicy: Never";
  const Case cases[] = {
      {"", "dnsPolicy: Default",
       R"(spec.template.spec.restartPolicy: required: valid values: "OnFailure", "Never", not "Always")"},
      {"", "restartPolicy: Sometimes", R"(restartPolicy: unsupported value: "Sometimes")"},
      {"parallelism: -1", kNever, "spec.parallelism: invalid value: -1: must be greater than or equal to 0"},
      {"backoffLimit: -1", kNever, "spec.backoffLimit: invalid value: -1: must be greater than or equal to 0"},
      {"activeDeadlineSeconds: -1", kNever, "spec.activeDeadlineSeconds: invalid value: -1"},
      {"ttlSecondsAfterFinished: -1", kNever, "spec.ttlSecondsAfterFinished: invalid value: -1"},
      {"completionMode: Numbered", kNever, R"(spec.completionMode: unsupported value: "Numbered")"},
      {"completionMode: Indexed, parallelism: 2", kNever,
       "spec.completions: required: when completion mode is Indexed"},
      {"completionMode: Indexed, completions: 2, parallelism: 100001", kNever,
       "spec.parallelism: invalid value: 100001: must be less than or equal to 100000"},
      {"backoffLimitPerIndex: 1", kNever,
       "spec.backoffLimitPerIndex: invalid value: 1: requires indexed completion mode"},
      {"completionMode: Indexed, completions: 2, maxFailedIndexes: 1", kNever,
       "spec.backoffLimitPerIndex: required: when maxFailedIndexes is specified"},
      {"completionMode: Indexed, completions: 2, backoffLimitPerIndex: 1, maxFailedIndexes: 3", kNever,
       "spec.maxFailedIndexes: invalid value: 3: must be less than or equal to completions"},
      {"podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: A}]}]}", "restartPolicy: OnFailure",
       R"(restartPolicy: invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified)"},
      {"podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: In, values: [1]}}]}", kNever,
       R"(spec.podFailurePolicy.rules[0].action: invalid value: "FailIndex": requires the backoffLimitPerIndex to be set)"},
      {"podFailurePolicy: {rules: [{action: Count}]}", kNever,
       "spec.podFailurePolicy.rules[0]: invalid value: specifying one of OnExitCodes and OnPodConditions is required"},
      {"podFailurePolicy: {rules: [{action: Count, onExitCodes: {operator: In, values: [1, 0]}}]}", kNever,
       "spec.podFailurePolicy.rules[0].onExitCodes.values[1]: invalid value: 0: must not be 0 for the In operator"},
      {"podFailurePolicy: {rules: [{action: Count, onExitCodes: {operator: In, values: [2, 1]}}]}", kNever,
       "spec.podFailurePolicy.rules[0].onExitCodes.values: invalid value: must be ordered"},
      {"podFailurePolicy: {rules: [{action: Count, onExitCodes: {containerName: x, operator: In, values: [1]}}]}",
       kNever, "must be one of the container or initContainer names in the pod template"},
      {"podReplacementPolicy: TerminatingOrFailed, podFailurePolicy: {rules: []}", kNever,
       R"(spec.podReplacementPolicy: unsupported value: "TerminatingOrFailed")"},
      {"successPolicy: {rules: [{succeededCount: 1}]}", kNever,
       "spec.successPolicy: invalid value: requires indexed completion mode"},
      {"completionMode: Indexed, completions: 3, successPolicy: {rules: [{succeededIndexes: 1-5}]}", kNever,
       "spec.successPolicy.rules[0].succeededIndexes: invalid value: \"1-5\": error parsing succeededIndexes"},
      {"completionMode: Indexed, completions: 3, successPolicy: {rules: [{}]}", kNever,
       "spec.successPolicy.rules[0]: required: at least one of succeededCount or succeededIndexes must be specified"},
      {"completionMode: Indexed, completions: 3, successPolicy: {rules: [{succeededIndexes: 0-1, succeededCount: 3}]}",
       kNever, "spec.successPolicy.rules[0].succeededCount: invalid value: 3: must be less than or equal to 2"},
      {"selector: {matchLabels: {a: b}}", kNever, "spec.selector: invalid value: `selector` not auto-generated"},
      {"manualSelector: true", kNever, "spec.selector: required"},
  };
  for (const auto& one : cases) {
    const auto text = problems(Kind::Job, job(one.spec, one.pod));
    EXPECT_NE(text.find(one.error), std::string::npos) << one.spec << "\nsays " << text << "and not " << one.error;
  }
  auto long_name = job("");
  long_name["metadata"].get_object()["name"] = std::string(64, 'a');
  EXPECT_NE(problems(Kind::Job, long_name).find("metadata.name: "), std::string::npos);
}

TEST(JobRules, WhatMayNotChangeDoesNot) {
  const auto refuse = [](std::string_view before, std::string_view after,
                         std::string_view pod = "restartPolicy: Never") {
    const auto old = job(before);
    return problems(Kind::Job, job(after, pod), &old);
  };
  EXPECT_EQ(refuse("completions: 2, parallelism: 1",
                   "completions: 2, parallelism: 5, suspend: true, backoffLimit: 1, "
                   "activeDeadlineSeconds: 5, ttlSecondsAfterFinished: 1"),
            "");
  EXPECT_EQ(refuse("completions: 2", "completions: 3"), "spec.completions: invalid value: field is immutable\n");
  EXPECT_EQ(refuse("completions: 2, completionMode: Indexed", "completions: 2"),
            "spec.completionMode: invalid value: field is immutable\n");
  EXPECT_EQ(refuse("", "", "restartPolicy: OnFailure"), "spec.template: invalid value: field is immutable\n");
  EXPECT_EQ(refuse("", "podReplacementPolicy: Failed"), "");
  EXPECT_EQ(refuse("", "podFailurePolicy: {rules: []}, podReplacementPolicy: Failed"),
            "spec.podFailurePolicy: invalid value: field is immutable\n");
  const auto* const elastic = "completionMode: Indexed, completions: 4, parallelism: 4";
  EXPECT_EQ(refuse("completionMode: Indexed, completions: 2, parallelism: 2", elastic), "");
  EXPECT_NE(refuse("completionMode: Indexed, completions: 2", "completionMode: Indexed, completions: 4"), "");
  // A job that was never started may yet be sent elsewhere.
  EXPECT_EQ(refuse("suspend: true", "suspend: true", "restartPolicy: Never, nodeSelector: {a: b}"), "");
  EXPECT_NE(refuse("suspend: false", "suspend: false", "restartPolicy: Never, nodeSelector: {a: b}"), "");
}

TEST(CronJobRules, DefaultsAndMessages) {
  const auto sound = cron("schedule: \"*/5 * * * *\"");
  EXPECT_EQ(problems(Kind::CronJob, sound), "");
  EXPECT_EQ(sound.at("spec").at("concurrencyPolicy"), "Allow");
  EXPECT_EQ(sound.at("spec").at("successfulJobsHistoryLimit"), 3);
  EXPECT_EQ(sound.at("spec").at("failedJobsHistoryLimit"), 1);
  EXPECT_EQ(sound.at("spec").at("suspend"), false);
  struct Case {
    const char* spec;
    const char* error;
  };
  const Case cases[] = {
      {"suspend: true", "spec.schedule: required"},
      {"schedule: \"* * *\"", "spec.schedule: invalid value: \"* * *\": expected exactly 5 fields, found 3: [* * *]"},
      {"schedule: \"TZ=UTC 0 0 * * *\"", "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"},
      {"schedule: \"@daily\", timeZone: \"\"",
       "spec.timeZone: invalid value: \"\": timeZone must be nil or non-empty string"},
      {"schedule: \"@daily\", timeZone: Mars/Phobos",
       "spec.timeZone: invalid value: \"Mars/Phobos\": unknown time zone"},
      {"schedule: \"@daily\", concurrencyPolicy: Never", "spec.concurrencyPolicy: unsupported value: \"Never\""},
      {"schedule: \"@daily\", startingDeadlineSeconds: -1", "spec.startingDeadlineSeconds: invalid value: -1"},
      {"schedule: \"@daily\", failedJobsHistoryLimit: -1", "spec.failedJobsHistoryLimit: invalid value: -1"},
  };
  for (const auto& one : cases) {
    const auto text = problems(Kind::CronJob, cron(one.spec));
    EXPECT_NE(text.find(one.error), std::string::npos) << one.spec << "\nsays " << text << "and not " << one.error;
  }
  auto broken = sound;
  broken["spec"]
      .get_object()["jobTemplate"]
      .get_object()["spec"]
      .get_object()["template"]
      .get_object()["spec"]
      .get_object()["restartPolicy"] = "Always";
  EXPECT_NE(problems(Kind::CronJob, broken).find("spec.jobTemplate.spec.template.spec.restartPolicy: required"),
            std::string::npos);
  auto named = sound;
  named["metadata"].get_object()["name"] = std::string(53, 'a');
  EXPECT_NE(problems(Kind::CronJob, named).find("must be no more than 52 characters"), std::string::npos);
}

TEST(CronJobConversion, TheOldVersionIsTheNewOne) {
  auto raw = cron("schedule: \"@daily\"");
  raw["apiVersion"] = "batch/v1beta1";
  const auto done = convert(raw);
  EXPECT_TRUE(done.issues.empty());
  EXPECT_EQ(done.old_version, "batch/v1beta1");
  EXPECT_EQ(raw.at("apiVersion"), "batch/v1");
}

}  // namespace
}  // namespace berth::model
