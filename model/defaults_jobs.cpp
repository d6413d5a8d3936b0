// model/defaults_jobs.cpp - what the API server fills into Jobs and CronJobs: by what was said, and once by who they
// are.
#include <limits>
#include <string>

#include "model/defaults_internal.hpp"
#include "model/jobs.hpp"
#include "model/json_edit.hpp"

namespace berth::model {
namespace {

bool is_set(const json::object& spec, std::string_view name) {
  const auto* value = spec.if_contains(name);
  return value != nullptr && !value->is_null();
}

bool is_manual(const json::object& spec) {
  const auto* manual = spec.if_contains("manualSelector");
  return manual != nullptr && manual->is_bool() && manual->get_bool();
}

void default_rules(json::object& spec) {
  auto* policy = object_at(spec, "podFailurePolicy");
  if (policy == nullptr) return;
  each_object(*policy, "rules", [](json::object& rule) {
    each_object(rule, "onPodConditions", [](json::object& pattern) { set_default_text(pattern, "status", "True"); });
  });
}

/// A job's labels are its template's, when it has none of its own.
void default_labels(json::object& raw, json::object& spec) {
  auto* pod_template = object_at(spec, "template");
  auto* meta = pod_template == nullptr ? nullptr : object_at(*pod_template, "metadata");
  const auto* from = meta == nullptr ? nullptr : object_at(*meta, "labels");
  if (from == nullptr || from->empty()) return;
  const auto labels = *from;  // What is filled in may move it.
  default_own_labels(raw, labels);
}

void default_job_spec(json::object& spec) {
  if (!is_set(spec, "completions") && !is_set(spec, "parallelism")) set_default(spec, "completions", 1);
  set_default(spec, "parallelism", 1);
  constexpr std::int64_t kNoLimit = std::numeric_limits<std::int32_t>::max();
  set_default(spec, "backoffLimit", is_set(spec, "backoffLimitPerIndex") ? kNoLimit : 6);
  set_default_text(spec, "completionMode", "NonIndexed");
  set_default(spec, "suspend", false);
  set_default(spec, "manualSelector", false);
  set_default_text(spec, "podReplacementPolicy", is_set(spec, "podFailurePolicy") ? "Failed" : "TerminatingOrFailed");
  default_rules(spec);
  default_template(spec);
}

/// The member objects on the way, made when they are not there; null when something else is.
json::object* object_on_way(json::object& raw, std::initializer_list<std::string_view> path) {
  auto* at = &raw;
  for (const auto step : path) {
    at = object_or_new(*at, step);
    if (at == nullptr) return nullptr;
  }
  return at;
}

}  // namespace

void default_job(json::object& raw) {
  auto* spec = object_or_new(raw, "spec");
  if (spec == nullptr) return;
  default_job_spec(*spec);
  default_labels(raw, *spec);
}

void default_cron_job(json::object& raw) {
  auto* spec = object_or_new(raw, "spec");
  if (spec == nullptr) return;
  set_default_text(*spec, "concurrencyPolicy", "Allow");
  set_default(*spec, "suspend", false);
  set_default(*spec, "successfulJobsHistoryLimit", 3);
  set_default(*spec, "failedJobsHistoryLimit", 1);
  auto* job = object_at(*spec, "jobTemplate");
  auto* job_spec = job == nullptr ? nullptr : object_at(*job, "spec");
  if (job_spec == nullptr) return;
  default_rules(*job_spec);
  default_template(*job_spec);
}

void complete_job(json::object& raw) {
  auto* meta = object_at(raw, "metadata");
  auto* spec = object_at(raw, "spec");
  if (meta == nullptr || spec == nullptr || is_manual(*spec)) return;
  const std::string uid(text_at(*meta, "uid"));
  const std::string name(text_at(*meta, "name"));
  if (auto* labels = object_on_way(*spec, {"template", "metadata", "labels"})) {
    for (const auto* key : {kJobNameLabel, kOldJobNameLabel}) set_default(*labels, key, json::value(name));
    for (const auto* key : {kJobUidLabel, kOldJobUidLabel}) set_default(*labels, key, json::value(uid));
  }
  if (auto* wanted = object_on_way(*spec, {"selector", "matchLabels"}))
    set_default(*wanted, kJobUidLabel, json::value(uid));
}

void keep_of_job(json::object& raw, const json::object& old) {
  auto* spec = object_at(raw, "spec");
  const auto* before = old.if_contains("spec");
  if (spec == nullptr || before == nullptr || !before->is_object() || is_manual(*spec)) return;
  if (const auto* selector = find(*before, {"selector"}); selector != nullptr && !is_set(*spec, "selector")) {
    (*spec)["selector"] = *selector;
  }
  const auto* labels = find(*before, {"template", "metadata", "labels"});
  auto* to = labels == nullptr ? nullptr : object_on_way(*spec, {"template", "metadata", "labels"});
  if (to == nullptr || !labels->is_object()) return;
  for (const auto* key : {kJobNameLabel, kOldJobNameLabel, kJobUidLabel, kOldJobUidLabel}) {
    if (const auto* value = labels->get_object().if_contains(key)) set_default(*to, key, *value);
  }
}

}  // namespace berth::model
