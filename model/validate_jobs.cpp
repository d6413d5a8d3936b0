// model/validate_jobs.cpp - Job, CronJob: what they may say, and what may not change.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/time_zone.hpp"
#include "model/cron_schedule.hpp"
#include "model/decode_internal.hpp"
#include "model/index_set.hpp"
#include "model/jobs.hpp"
#include "model/names.hpp"
#include "model/selector.hpp"
#include "model/validation.hpp"

namespace berth::model {
namespace {

constexpr std::int64_t kMostParallel = 100'000;  ///< Of an Indexed job, whose indexes are kept one by one.

void check_template(const Reader& spec) {
  const auto pod_template = spec.child("template");
  if (!pod_template.present()) return spec.fail("template", "required");
  const auto metadata = pod_template.child("metadata");
  check_labels(metadata, "labels");
  for (const auto& [key, value] : metadata.text_map("annotations")) {
    if (const auto why = qualified_name_error(key); !why.empty()) metadata.fail("annotations", invalid(key, why));
  }
  const auto pod = pod_template.child("spec");
  check_pod_spec(pod, {}, /*in_set=*/false);
  const auto restart = pod.text("restartPolicy");
  if (pod.present() && restart != "OnFailure" && restart != "Never") {
    pod.fail("restartPolicy", fmt::format("required: valid values: \"OnFailure\", \"Never\", not \"{}\"", restart));
  }
  if (spec.child("podFailurePolicy").present() && restart != "Never") {
    pod.fail("restartPolicy", invalid(restart, "only \"Never\" is supported when podFailurePolicy is specified"));
  }
}

void check_exit_codes(const Reader& codes, const Reader& pod) {
  if (!codes.present()) return;
  if (require_text(codes, "operator")) check_choice(codes, "operator", {"In", "NotIn"});
  if (const auto name = codes.text("containerName"); !name.empty()) {
    const auto is_there = [&](std::string_view list) {
      const auto all = pod.children(list);
      return std::any_of(all.begin(), all.end(), [&](const auto& each) { return each.text("name") == name; });
    };
    if (!is_there("containers") && !is_there("initContainers")) {
      codes.fail("containerName",
                 invalid(name, "must be one of the container or initContainer names in the pod template"));
    }
  }
  const auto values = codes.integers("values");
  constexpr std::size_t kMost = 255;
  if (values.empty()) codes.fail("values", "invalid value: []: at least one value is required");
  if (values.size() > kMost) codes.fail("values", fmt::format("too many: must have at most {} items", kMost));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto path = codes.path_of("values", i);
    if (values[i] == 0 && codes.text("operator") == "In") {
      codes.issues().push_back({path, "invalid value: 0: must not be 0 for the In operator"});
    }
    if (i == 0) continue;
    if (values[i] == values[i - 1]) codes.issues().push_back({path, fmt::format("duplicate value: {}", values[i])});
    if (values[i] < values[i - 1]) codes.fail("values", "invalid value: must be ordered");
  }
}

void check_failure_policy(const Reader& spec) {
  const auto policy = spec.child("podFailurePolicy");
  if (!policy.present()) return;
  const auto rules = policy.children("rules");
  constexpr std::size_t kMost = 20;
  if (rules.size() > kMost) policy.fail("rules", fmt::format("too many: must have at most {} items", kMost));
  for (const auto& rule : rules) {
    if (require_text(rule, "action")) check_choice(rule, "action", {"FailIndex", "FailJob", "Ignore", "Count"});
    if (rule.text("action") == "FailIndex" && !spec.has("backoffLimitPerIndex")) {
      rule.fail("action", invalid("FailIndex", "requires the backoffLimitPerIndex to be set"));
    }
    const auto conditions = rule.children("onPodConditions");
    const auto by_code = rule.child("onExitCodes").present();
    if (by_code && !conditions.empty()) {
      rule.fail("", "invalid value: specifying both OnExitCodes and OnPodConditions is not supported");
    }
    if (!by_code && conditions.empty()) {
      rule.fail("", "invalid value: specifying one of OnExitCodes and OnPodConditions is required");
    }
    check_exit_codes(rule.child("onExitCodes"), spec.child("template").child("spec"));
    for (const auto& condition : conditions) {
      if (require_text(condition, "type")) check_text(condition, "type", qualified_name_error);
      check_choice(condition, "status", {"True", "False", "Unknown"});
    }
  }
}

void check_success_policy(const Reader& spec) {
  const auto policy = spec.child("successPolicy");
  if (!policy.present()) return;
  if (spec.text("completionMode") != "Indexed") {
    return spec.fail("successPolicy", "invalid value: requires indexed completion mode");
  }
  const auto rules = policy.children("rules");
  if (rules.empty()) {
    policy.fail("rules", "required: at least one rules must be specified when the successPolicy is specified");
  }
  constexpr std::size_t kMost = 20;
  if (rules.size() > kMost) policy.fail("rules", fmt::format("too many: must have at most {} items", kMost));
  const auto completions = spec.int32("completions");
  for (const auto& rule : rules) {
    if (!rule.has("succeededCount") && !rule.has("succeededIndexes")) {
      rule.fail("", "required: at least one of succeededCount or succeededIndexes must be specified");
    }
    std::int64_t most = completions;
    if (rule.has("succeededIndexes")) {
      const auto text = rule.text("succeededIndexes");
      const auto indexes = IndexSet::parse(text, completions);
      if (!indexes) {
        rule.fail("succeededIndexes", invalid(text, "error parsing succeededIndexes: " + indexes.error().message()));
      } else {
        most = indexes->size();
      }
    }
    check_range(rule, "succeededCount", 0);
    if (rule.integer("succeededCount") > most) {
      rule.fail("succeededCount",
                fmt::format("invalid value: {}: must be less than or equal to {} ({})", rule.integer("succeededCount"),
                            most, rule.has("succeededIndexes") ? "the number of succeededIndexes" : "completions"));
    }
  }
}

void check_indexes(const Reader& spec) {
  const auto indexed = spec.text("completionMode") == "Indexed";
  const auto completions = spec.maybe_integer("completions");
  if (indexed && !completions) spec.fail("completions", "required: when completion mode is Indexed");
  if (indexed && spec.integer("parallelism") > kMostParallel) {
    spec.fail("parallelism", fmt::format("invalid value: {}: must be less than or equal to {} when completion mode is "
                                         "Indexed",
                                         spec.integer("parallelism"), kMostParallel));
  }
  if (!indexed && spec.has("backoffLimitPerIndex")) {
    spec.fail("backoffLimitPerIndex",
              fmt::format("invalid value: {}: requires indexed completion mode", spec.integer("backoffLimitPerIndex")));
  }
  const auto most = spec.maybe_integer("maxFailedIndexes");
  if (most && !spec.has("backoffLimitPerIndex")) {
    spec.fail("backoffLimitPerIndex", "required: when maxFailedIndexes is specified");
  }
  if (most && completions && *most > *completions) {
    spec.fail("maxFailedIndexes", fmt::format("invalid value: {}: must be less than or equal to completions", *most));
  }
  if (indexed && spec.has("backoffLimitPerIndex") && completions.value_or(0) > kMostParallel && !most) {
    spec.fail("maxFailedIndexes",
              fmt::format("required: must be specified when completions is above {}", kMostParallel));
  }
}

void check_job_spec(const Reader& spec) {
  for (const auto* name : {"parallelism", "completions", "activeDeadlineSeconds", "backoffLimit",
                           "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"}) {
    check_range(spec, name, 0);
  }
  check_choice(spec, "completionMode", {"NonIndexed", "Indexed"});
  check_indexes(spec);
  check_failure_policy(spec);
  check_success_policy(spec);
  check_choice(spec, "podReplacementPolicy", {"Failed", "TerminatingOrFailed"});
  if (spec.child("podFailurePolicy").present() && spec.text("podReplacementPolicy") == "TerminatingOrFailed") {
    spec.fail("podReplacementPolicy",
              unsupported("TerminatingOrFailed", {"Failed"}) + ", as podFailurePolicy is specified");
  }
  check_text(spec, "managedBy", qualified_name_error);
  check_template(spec);
}

/// The selector that nobody but us may write, unless manualSelector says so.
void check_selector(const Reader& root) {
  const auto spec = root.child("spec");
  const auto selector = spec.child("selector");
  const auto labels = spec.child("template").child("metadata").text_map("labels");
  if (spec.flag("manualSelector")) {
    if (!selector.present()) return spec.fail("selector", "required");
    check_label_selector(selector);
    if (!matches(read_label_selector(selector), labels)) {
      spec.child("template")
          .child("metadata")
          .fail("labels", "invalid value: `selector` does not match template `labels`");
    }
    return;
  }
  const auto uid = root.child("metadata").text("uid");
  const auto is_ours = [&](const StringMap& marks) {
    return std::all_of(marks.begin(), marks.end(), [&](const auto& mark) {
      const auto names_us = mark.first == kJobUidLabel || mark.first == kOldJobUidLabel;
      return !names_us || (!uid.empty() && mark.second == uid);
    });
  };
  const auto wanted = read_label_selector(selector);
  const auto is_generated =
      wanted.match_expressions.empty() && is_ours(wanted.match_labels) &&
      (wanted.match_labels.contains(kJobUidLabel) || wanted.match_labels.contains(kOldJobUidLabel));
  const auto is_empty = wanted.match_expressions.empty() && wanted.match_labels.empty();
  // A new one has no uid yet: its selector is made with that.
  if (!is_empty && !is_generated) {
    spec.fail("selector", "invalid value: `selector` not auto-generated; leave it out, or set manualSelector");
  } else if (!is_empty && !matches(wanted, labels)) {
    spec.child("template")
        .child("metadata")
        .fail("labels", "invalid value: `selector` does not match template `labels`");
  }
  if (!is_ours(labels)) {
    spec.child("template")
        .child("metadata")
        .fail("labels", fmt::format("invalid value: \"{}\" is made with the Job; leave it out, or set manualSelector",
                                    kJobUidLabel));
  }
}

constexpr std::size_t kLongestLabel = 63;

json::value value_at(const Reader& from, std::string_view name) {
  const auto* value = from.get(name);
  return value == nullptr ? json::value() : *value;
}

/// The template without what may be changed as long as a suspended job was never started: where its pods go.
json::value fixed_template(const Reader& spec) {
  auto kept = value_at(spec, "template");
  if (!kept.is_object()) return kept;
  if (auto* metadata = kept.get_object().if_contains("metadata"); metadata != nullptr && metadata->is_object()) {
    for (const auto* name : {"labels", "annotations"}) metadata->get_object().erase(name);
  }
  auto* pod = kept.get_object().if_contains("spec");
  if (pod == nullptr || !pod->is_object()) return kept;
  for (const auto* name : {"nodeSelector", "tolerations", "schedulingGates", "affinity"}) pod->get_object().erase(name);
  return kept;
}

}  // namespace

void check_job(const Reader& root) {
  const auto spec = root.child("spec");
  check_job_spec(spec);
  check_selector(root);
  // Its pods carry its name as a label, and those of an Indexed job as their host name, with the number.
  const auto metadata = root.child("metadata");
  const auto name = metadata.text("name");
  if (name.size() > kLongestLabel) {
    metadata.fail("name", invalid(name, fmt::format("must be no more than {} characters", kLongestLabel)));
  } else if (spec.text("completionMode") == "Indexed" && spec.integer("completions") > 0) {
    const auto last = fmt::format("{}-{}", name, spec.integer("completions") - 1);
    if (const auto why = dns_label_error(last); !why.empty()) {
      metadata.fail("name", invalid(name, fmt::format("will not able to create pod with invalid DNS label \"{}\": {}",
                                                      last, why)));
    }
  }
}

void check_job_update(const Reader& now, const Reader& old) {
  const auto spec = now.child("spec");
  const auto before = old.child("spec");
  const auto fixed = [&](std::string_view name) {
    if (value_at(spec, name) != value_at(before, name)) spec.fail(name, "invalid value: field is immutable");
  };
  for (const auto* name :
       {"selector", "completionMode", "podFailurePolicy", "successPolicy", "backoffLimitPerIndex", "managedBy"}) {
    fixed(name);
  }
  // An Indexed job may grow and shrink, when as many run at once as there are.
  const auto elastic = [](const Reader& of) {
    return of.has("completions") && of.integer("completions") == of.integer("parallelism");
  };
  const auto indexed = before.text("completionMode") == "Indexed" && spec.text("completionMode") == "Indexed";
  if (value_at(spec, "completions") != value_at(before, "completions") &&
      !(indexed && elastic(spec) && before.has("completions"))) {
    spec.fail("completions", indexed ? fmt::format("invalid value: {}: must be equal to parallelism when it is changed",
                                                   spec.integer("completions"))
                                     : "invalid value: field is immutable");
  }
  const auto never_started = before.flag("suspend") && old.child("status").text("startTime").empty();
  const auto same = never_started ? fixed_template(spec) == fixed_template(before)
                                  : value_at(spec, "template") == value_at(before, "template");
  if (!same) spec.fail("template", "invalid value: field is immutable");
}

void check_cron_job(const Reader& root) {
  const auto spec = root.child("spec");
  if (require_text(spec, "schedule")) {
    const auto schedule = spec.text("schedule");
    if (schedule.find("TZ") != std::string::npos) {
      spec.fail("schedule", invalid(schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
    } else if (const auto parsed = CronSchedule::parse(schedule); !parsed) {
      spec.fail("schedule", invalid(schedule, parsed.error().message()));
    }
  }
  if (spec.has("timeZone")) {
    const auto zone = spec.text("timeZone");
    if (zone.empty()) {
      spec.fail("timeZone", invalid(zone, "timeZone must be nil or non-empty string"));
    } else if (const auto known = TimeZone::load(zone); !known) {
      spec.fail("timeZone", invalid(zone, known.error().message()));
    }
  }
  check_choice(spec, "concurrencyPolicy", {"Allow", "Forbid", "Replace"});
  for (const auto* name : {"startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"}) {
    check_range(spec, name, 0);
  }
  const auto job = spec.child("jobTemplate");
  if (!job.child("spec").present()) return spec.fail("jobTemplate", "required");
  check_labels(job.child("metadata"), "labels");
  check_job_spec(job.child("spec"));
  if (job.child("spec").child("selector").present()) {
    job.child("spec").fail("selector", "invalid value: `selector` will be auto-generated");
  }
  if (job.child("spec").flag("manualSelector")) {
    job.child("spec").fail("manualSelector", "unsupported value: true: supported values: \"false\"");
  }
  // Its jobs add the minute to it: "-29000000", and their pods five letters.
  constexpr std::size_t kLongestName = 52;
  const auto metadata = root.child("metadata");
  if (const auto name = metadata.text("name"); name.size() > kLongestName) {
    metadata.fail("name", invalid(name, fmt::format("must be no more than {} characters", kLongestName)));
  }
}

}  // namespace berth::model
