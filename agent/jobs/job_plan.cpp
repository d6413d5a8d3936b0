// agent/jobs/job_plan.cpp - see job_plan.hpp. Words and order of the rules are those of Kubernetes' Job controller.
#include "agent/jobs/job_plan.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "agent/jobs/pod_failure.hpp"
#include "agent/objects/pod_facts.hpp"
#include "model/deletion.hpp"
#include "model/index_set.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Pods that are made, and that are counted in one transaction: the rest comes with the next plan.
constexpr std::size_t kAtOnce = 100;
/// Times that clocks are compared with are looked at this often, as somebody may set the clock.
constexpr milliseconds kLongestWait = std::chrono::minutes(5);

bool is_failed_phase(const model::Pod& pod) { return pod.status.phase == "Failed"; }
bool is_succeeded_phase(const model::Pod& pod) { return pod.status.phase == "Succeeded"; }

/// Whole number of an annotation; 0 when there is none.
std::int32_t count_in(const model::Pod& pod, const char* annotation) {
  const auto found = pod.meta.annotations.find(annotation);
  std::int32_t value = 0;
  if (found != pod.meta.annotations.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  }
  return value;
}

/// When a pod that is over ended.
std::optional<WallTime> ended_at(const model::Pod& pod) {
  std::optional<WallTime> last;
  const auto take = [&](const std::string& text) {
    const auto time = parse_rfc3339(text);
    if (time && (!last || *last < *time)) last = *time;
  };
  for (const auto& container : pod.status.container_statuses) {
    const auto* ended = std::get_if<model::ContainerStateTerminated>(&container.state);
    if (ended != nullptr) take(ended->finished_at);
  }
  if (!last && pod.meta.deleting()) {
    take(pod.meta.deletion_timestamp);
    if (last) *last -= bounded_seconds(pod.meta.deletion_grace_period_seconds.value_or(0));
  }
  if (const auto* ready = pod.status.condition("Ready"); !last && ready != nullptr) take(ready->last_transition_time);
  if (!last) take(pod.meta.creation_timestamp);
  return last;
}

struct Outcome {
  std::string type;  ///< "Complete" or "Failed".
  std::string reason;
  std::string message;
};

/// The plan while it is made.
class Planner {
 public:
  Planner(const model::Job& job, const std::vector<PodPtr>& pods, WallTime now) : job_(job), pods_(pods), now_(now) {}

  JobPlan make() {
    conditions_ = job_.status.conditions;
    if (const auto* over = job_.status.finished()) return after_end(*over);
    start_time_ = job_.status.start_time;
    if (start_time_.empty() && !job_.suspend) start_time_ = format_rfc3339(now_);
    sort_out();
    tally();
    if (job_.indexed) judge_indexes();
    outcome_ = known_outcome();
    if (!outcome_) outcome_ = judge();
    if (outcome_) {
      finish();
    } else if (!job_.meta.deleting()) {
      manage();
    }
    choose_counted();
    write_status();
    return std::move(plan_);
  }

 private:
  // --- What there is -----------------------------------------------------------------------------------------------

  bool is_bad(const model::Pod& pod) const {
    if (is_failed_phase(pod)) return true;
    if (is_succeeded_phase(pod) || !pod.meta.deleting() || !is_tracked(pod)) return false;
    // One that no node has is gone with that; else, with the policy Failed, it counts once it has really ended.
    return !job_.replaces_only_failed || pod.spec.node_name.empty();
  }

  void sort_out() {
    for (const auto& pod : pods_) {
      const auto over = is_terminal(*pod);
      if (!over && !pod->meta.deleting()) {
        active_.push_back(pod);
        if (pod->status.ready()) ++ready_;
      } else if (!over) {
        ++terminating_;
      }
      if (!is_tracked(*pod)) continue;
      if (is_succeeded_phase(*pod)) good_.push_back(pod);
      if (is_bad(*pod)) bad_.push_back(pod);
    }
    const auto older = [](const PodPtr& a, const PodPtr& b) {
      return std::tie(a->meta.creation_timestamp, a->meta.name) < std::tie(b->meta.creation_timestamp, b->meta.name);
    };
    for (auto* list : {&active_, &good_, &bad_}) std::stable_sort(list->begin(), list->end(), older);
  }

  std::int32_t wanted_indexes() const { return job_.completions.value_or(0); }

  /// In range, or none.
  std::optional<std::int32_t> index_of(const model::Pod& pod) const {
    const auto index = completion_index(pod);
    return index && *index < wanted_indexes() ? index : std::nullopt;
  }

  void tally() {
    completed_ = model::IndexSet::read(job_.status.completed_indexes, wanted_indexes());
    for (const auto& pod : good_) {
      if (const auto index = index_of(*pod)) completed_.add(*index);
    }
    succeeded_ = job_.indexed ? completed_.size() : job_.status.succeeded + static_cast<std::int32_t>(good_.size());
    failed_ = job_.status.failed;
    for (const auto& pod : bad_) {
      const auto verdict = judge_failure(job_, *pod);
      if (verdict.counts) ++failed_;
      if (fails_job_.empty() && is_failed_phase(*pod)) fails_job_ = verdict.fails_job;
    }
  }

  /// An index of its own counts its failures in its pods: each knows how many there were before it.
  void judge_indexes() {
    failed_indexes_ = model::IndexSet::read(job_.status.failed_indexes, wanted_indexes());
    for (const auto& pod : active_) {
      if (const auto index = index_of(*pod)) busy_.insert(*index);
    }
    if (job_.replaces_only_failed) {  // One that is ending has its place yet.
      for (const auto& pod : pods_) {
        const auto index = index_of(*pod);
        if (index && pod->meta.deleting() && !is_terminal(*pod)) busy_.insert(*index);
      }
    }
    if (!job_.backoff_limit_per_index) return;
    for (const auto& pod : pods_) {
      const auto index = index_of(*pod);
      if (!index || !(is_bad(*pod) || is_failed_phase(*pod))) continue;
      const auto verdict = judge_failure(job_, *pod);
      NewJobPod next{.index = index,
                     .failures = count_in(*pod, model::kJobIndexFailures) + (verdict.counts ? 1 : 0),
                     .ignored = count_in(*pod, model::kJobIndexIgnored) + (verdict.counts ? 0 : 1)};
      if (is_tracked(*pod) &&
          (verdict.fails_index || (verdict.counts && next.failures > *job_.backoff_limit_per_index))) {
        if (!completed_.contains(*index)) failed_indexes_.add(*index);
      }
      auto& last = last_of_index_[*index];
      if (!last.pod || last.next.failures + last.next.ignored < next.failures + next.ignored) last = {pod, next};
    }
  }

  // --- Is it over? -------------------------------------------------------------------------------------------------

  /// What was concluded before, and waits for the last pods.
  std::optional<Outcome> known_outcome() const {
    if (job_.status.is("FailureTarget")) {
      const auto* why = job_.status.condition("FailureTarget");
      return Outcome{"Failed", why->reason, why->message};
    }
    if (job_.status.is("SuccessCriteriaMet")) {
      const auto* why = job_.status.condition("SuccessCriteriaMet");
      return Outcome{"Complete", why->reason, why->message};
    }
    return std::nullopt;
  }

  std::optional<Outcome> judge() {
    if (!fails_job_.empty()) return Outcome{"Failed", "PodFailurePolicy", fails_job_};
    if (failed_ > job_.backoff_limit || restarted_too_often()) {
      return Outcome{"Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"};
    }
    if (is_late()) return Outcome{"Failed", "DeadlineExceeded", "Job was active longer than specified deadline"};
    if (job_.indexed) {
      if (auto outcome = judge_index_limits()) return outcome;
      if (auto outcome = judge_success_policy()) return outcome;
    }
    const auto done = job_.completions ? succeeded_ >= *job_.completions : succeeded_ > 0 && active_.empty();
    if (done) return Outcome{"Complete", "CompletionsReached", "Reached expected number of succeeded pods"};
    return std::nullopt;
  }

  /// With restartPolicy OnFailure a failure is a restart.
  bool restarted_too_often() const {
    if (job_.pod_template.spec.restart_policy != "OnFailure") return false;
    std::int64_t restarts = 0;
    for (const auto& pod : active_) {
      for (const auto* list : {&pod->status.init_container_statuses, &pod->status.container_statuses}) {
        for (const auto& container : *list) restarts += container.restart_count;
      }
    }
    return job_.backoff_limit == 0 ? restarts > 0 : restarts >= job_.backoff_limit;
  }

  bool is_late() {
    if (!job_.active_deadline_seconds || job_.suspend || job_.status.start_time.empty()) return false;
    const auto started = parse_rfc3339(job_.status.start_time);
    return started && !waits_for(*started + bounded_seconds(*job_.active_deadline_seconds));
  }

  std::optional<Outcome> judge_index_limits() const {
    if (!job_.backoff_limit_per_index || failed_indexes_.empty()) return std::nullopt;
    if (job_.max_failed_indexes && failed_indexes_.size() > *job_.max_failed_indexes) {
      return Outcome{"Failed", "MaxFailedIndexesExceeded",
                     "Job has exceeded the specified maximal number of failed indexes"};
    }
    if (failed_indexes_.size() + completed_.size() >= wanted_indexes()) {
      return Outcome{"Failed", "FailedIndexes", "Job has failed indexes"};
    }
    return std::nullopt;
  }

  std::optional<Outcome> judge_success_policy() const {
    for (std::size_t i = 0; i < job_.success_rules.size(); ++i) {
      const auto& rule = job_.success_rules[i];
      auto reached = completed_.size();
      auto needed = wanted_indexes();
      if (!rule.indexes.empty()) {
        const auto indexes = model::IndexSet::read(rule.indexes, wanted_indexes());
        reached = completed_.common(indexes);
        needed = indexes.size();
      }
      if (reached >= rule.count.value_or(needed)) {
        return Outcome{"Complete", "SuccessPolicy", fmt::format("Matched rules at index {}", i)};
      }
    }
    return std::nullopt;
  }

  /// Is it before `time`? Then it is looked at again.
  bool waits_for(WallTime time) {
    const auto left = std::chrono::ceil<milliseconds>(time - now_);
    if (left.count() <= 0) return false;
    const auto soon = std::min(left, kLongestWait);
    plan_.look_again = plan_.look_again ? std::min(*plan_.look_again, soon) : soon;
    return true;
  }

  // --- What is done ------------------------------------------------------------------------------------------------

  /// The job is over: what runs is ended. Pods that were too many for a job that has all it wanted were no failures.
  void finish() {
    const auto surplus = outcome_->reason == "CompletionsReached";
    if (!job_.meta.deleting()) (surplus ? plan_.stop : plan_.end) = active_;
    set_condition(outcome_->type == "Failed" ? "FailureTarget" : "SuccessCriteriaMet", "True", outcome_->reason,
                  outcome_->message);
  }

  void manage() {
    if (job_.suspend) {
      plan_.stop = active_;
      if (set_condition("Suspended", "True", "JobSuspended", "Job suspended")) {
        plan_.said = JobSaying{"Normal", "Suspended", "Job suspended"};
      }
      return;
    }
    if (job_.status.is("Suspended") && set_condition("Suspended", "False", "JobResumed", "Job resumed")) {
      plan_.said = JobSaying{"Normal", "Resumed", "Job resumed"};
      start_time_ = format_rfc3339(now_);
    }
    drop_surplus();
    if (!plan_.stop.empty()) return;  // Beginnings and ends are not mixed: what is there is looked at in between.
    create();
  }

  std::int32_t wanted_active() const {
    if (!job_.completions) {
      // A work queue that has one success is being emptied: what runs may end.
      return succeeded_ > 0 ? static_cast<std::int32_t>(active_.size()) : job_.parallelism;
    }
    return std::max(std::min(*job_.completions - succeeded_, job_.parallelism), 0);
  }

  /// Pods of an index that is done, that two have, or that is none; then those that have come least far.
  void drop_surplus() {
    std::set<std::int32_t> seen;
    std::vector<PodPtr> kept;
    for (const auto& pod : active_) {
      const auto index = index_of(*pod);
      const auto useless = job_.indexed && (!index || completed_.contains(*index) || failed_indexes_.contains(*index) ||
                                            !seen.insert(*index).second);
      (useless ? plan_.stop : kept).push_back(pod);
    }
    auto surplus = static_cast<std::int32_t>(kept.size()) - wanted_active();
    if (surplus <= 0) return;
    const auto rank = [](const PodPtr& pod) {
      return pod->status.ready() ? 3 : pod->status.phase == "Running" ? 2 : pod->spec.node_name.empty() ? 0 : 1;
    };
    std::stable_sort(kept.begin(), kept.end(), [&](const auto& a, const auto& b) { return rank(a) > rank(b); });
    for (; surplus > 0; --surplus) {
      plan_.stop.push_back(kept.back());
      kept.pop_back();
    }
  }

  void create() {
    auto missing = wanted_active() - static_cast<std::int32_t>(active_.size());
    if (job_.replaces_only_failed) missing -= terminating_;
    missing = std::min(missing, static_cast<std::int32_t>(kAtOnce));
    if (missing <= 0) return;
    if (!job_.backoff_limit_per_index && waits_after_failures()) return;
    if (!job_.indexed) {
      plan_.create.resize(static_cast<std::size_t>(missing));
      return;
    }
    for (std::int32_t index = 0; index < wanted_indexes() && missing > 0; ++index) {
      if (completed_.contains(index) || failed_indexes_.contains(index) || busy_.contains(index)) continue;
      NewJobPod pod{.index = index};
      if (const auto last = last_of_index_.find(index); last != last_of_index_.end()) {
        const auto& [before, next] = last->second;
        const auto ended = ended_at(*before);
        if (ended && waits_for(std::min(*ended, now_) + job_back_off(next.failures + next.ignored))) continue;
        pod = next;
      }
      plan_.create.push_back(pod);
      --missing;
    }
  }

  /// How long pods that follow failures wait is told by the pods: how many have failed since the last that succeeded.
  bool waits_after_failures() {
    if (std::none_of(pods_.begin(), pods_.end(), [&](const auto& pod) { return is_bad(*pod); })) return false;
    std::optional<WallTime> last_good;
    for (const auto& pod : pods_) {
      const auto ended = is_succeeded_phase(*pod) ? ended_at(*pod) : std::nullopt;
      if (ended && (!last_good || *last_good < *ended)) last_good = *ended;
    }
    int failures = 0;
    std::optional<WallTime> last_bad;
    for (const auto& pod : pods_) {
      const auto ended = is_bad(*pod) ? ended_at(*pod) : std::nullopt;
      if (!ended || (last_good && *ended <= *last_good)) continue;
      ++failures;
      if (!last_bad || *last_bad < *ended) last_bad = *ended;
    }
    return last_bad && waits_for(std::min(*last_bad, now_) + job_back_off(failures));
  }

  // --- What is counted ---------------------------------------------------------------------------------------------

  /// The last failure of an index that goes on holds that index's count: it is counted once its successor, which has
  /// the count then, is there.
  bool is_held(const model::Pod& pod) const {
    if (!job_.backoff_limit_per_index || outcome_ || job_.meta.deleting()) return false;
    const auto index = index_of(pod);
    if (!index || completed_.contains(*index) || failed_indexes_.contains(*index)) return false;
    const auto last = last_of_index_.find(*index);
    if (last == last_of_index_.end() || last->second.pod->meta.uid != pod.meta.uid) return false;
    return std::none_of(active_.begin(), active_.end(), [&](const auto& other) { return index_of(*other) == index; });
  }

  void choose_counted() {
    counted_indexes_ = model::IndexSet::read(job_.status.completed_indexes, wanted_indexes());
    counted_good_ = job_.status.succeeded;
    counted_bad_ = job_.status.failed;
    for (const auto& pod : good_) {
      if (plan_.counted.size() == kAtOnce) break;
      plan_.counted.push_back(pod);
      if (const auto index = index_of(*pod); index && job_.indexed) counted_indexes_.add(*index);
      ++counted_good_;
    }
    if (job_.indexed) counted_good_ = counted_indexes_.size();
    for (const auto& pod : bad_) {
      if (plan_.counted.size() == kAtOnce) break;
      if (is_held(*pod)) continue;
      plan_.counted.push_back(pod);
      if (judge_failure(job_, *pod).counts) ++counted_bad_;
    }
  }

  bool all_counted() const { return plan_.counted.size() == good_.size() + bad_.size(); }

  bool set_condition(const std::string& type, const std::string& status, const std::string& reason,
                     const std::string& message) {
    const auto time = format_rfc3339(now_);
    for (auto& known : conditions_) {
      if (known.type != type) continue;
      if (known.status == status) return false;
      known = {type, status, reason, message, time, time};
      return true;
    }
    conditions_.push_back({type, status, reason, message, time, time});
    return true;
  }

  /// Over when nothing of it runs any more, and all is counted.
  bool is_finished() const { return outcome_ && active_.empty() && terminating_ == 0 && all_counted(); }

  void write_status() {
    auto& status = plan_.status;
    if (is_finished()) {
      set_condition(outcome_->type, "True", outcome_->reason, outcome_->message);
      if (outcome_->type == "Complete") {
        status["completionTime"] = format_rfc3339(now_);
        plan_.said = JobSaying{"Normal", "Completed", "Job completed"};
      } else {
        plan_.said = JobSaying{"Warning", outcome_->reason, outcome_->message};
      }
    }
    if (!start_time_.empty()) status["startTime"] = start_time_;
    const auto number = [&](const char* name, std::int32_t value) {
      if (value != 0) status[name] = value;
    };
    number("active", static_cast<std::int32_t>(active_.size()));
    number("succeeded", counted_good_);
    number("failed", counted_bad_);
    status["ready"] = ready_;
    status["terminating"] = terminating_;
    if (job_.indexed && !counted_indexes_.empty()) status["completedIndexes"] = counted_indexes_.text();
    if (job_.backoff_limit_per_index) status["failedIndexes"] = failed_indexes_.text();
    status["uncountedTerminatedPods"] = json::object();
    json::array conditions;
    for (const auto& one : conditions_) {
      json::object out{{"type", one.type}, {"status", one.status}};
      const auto text = [&](const char* name, const std::string& value) {
        if (!value.empty()) out[name] = value;
      };
      text("lastProbeTime", one.last_probe_time);
      text("lastTransitionTime", one.last_transition_time);
      text("reason", one.reason);
      text("message", one.message);
      conditions.push_back(std::move(out));
    }
    if (!conditions.empty()) status["conditions"] = std::move(conditions);
  }

  // --- After its end -----------------------------------------------------------------------------------------------

  JobPlan after_end(const model::JobCondition& over) {
    for (const auto& pod : pods_) {
      if (is_tracked(*pod)) plan_.untrack.push_back(pod);
    }
    if (!job_.ttl_seconds_after_finished || job_.meta.deleting()) return std::move(plan_);
    const auto ended = parse_rfc3339(over.last_transition_time);
    plan_.remove = ended && !waits_for(*ended + bounded_seconds(*job_.ttl_seconds_after_finished));
    return std::move(plan_);
  }

  struct LastOfIndex {
    PodPtr pod;
    NewJobPod next;
  };

  const model::Job& job_;
  const std::vector<PodPtr>& pods_;
  WallTime now_;
  JobPlan plan_;
  std::vector<model::JobCondition> conditions_;
  std::string start_time_;

  std::vector<PodPtr> active_;  ///< Neither over nor ending. Oldest first, as the two below.
  std::vector<PodPtr> good_;    ///< Succeeded, and not counted yet.
  std::vector<PodPtr> bad_;     ///< Failed, and not counted yet.
  std::int32_t terminating_ = 0;
  std::int32_t ready_ = 0;

  std::int32_t succeeded_ = 0;  ///< Counted or not.
  std::int32_t failed_ = 0;     ///< The same; without those that podFailurePolicy ignores.
  std::string fails_job_;
  model::IndexSet completed_;
  model::IndexSet failed_indexes_;
  std::set<std::int32_t> busy_;
  std::map<std::int32_t, LastOfIndex> last_of_index_;
  std::optional<Outcome> outcome_;

  std::int32_t counted_good_ = 0;
  std::int32_t counted_bad_ = 0;
  model::IndexSet counted_indexes_;
};

}  // namespace

std::optional<std::int32_t> completion_index(const model::Pod& pod) {
  const auto found = pod.meta.annotations.find(model::kJobIndex);
  if (found == pod.meta.annotations.end()) return std::nullopt;
  std::int32_t index = 0;
  const auto& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size() || index < 0) return std::nullopt;
  return index;
}

bool is_tracked(const model::Pod& pod) { return model::has_finalizer(pod.meta, model::kJobTracking); }

seconds job_back_off(int failures) {
  constexpr seconds kFirst{10};
  constexpr seconds kMost{360};
  if (failures <= 0) return seconds(0);
  constexpr int kDoublings = 6;
  return std::min(kFirst * (1 << std::min(failures - 1, kDoublings)), kMost);
}

JobPlan plan_job(const model::Job& job, const std::vector<PodPtr>& pods, WallTime now) {
  return Planner(job, pods, now).make();
}

}  // namespace berth::agent
