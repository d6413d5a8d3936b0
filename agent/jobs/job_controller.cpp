// agent/jobs/job_controller.cpp - see job_controller.hpp.
#include "agent/jobs/job_controller.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "agent/control/waking.hpp"
#include "agent/ending/ownership.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/sources/manifest_owner.hpp"
#include "model/deletion.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// The group of a status and of the pods that it counts: never is one seen without the others.
constexpr int kCountGroup = 1;

std::string_view phase_of(const json::object& pod) {
  const auto* status = pod.if_contains("status");
  return status == nullptr ? std::string_view() : find_string(*status, {"phase"});
}

bool is_over(const json::object& pod) {
  const auto phase = phase_of(pod);
  return phase == "Succeeded" || phase == "Failed";
}

/// Of the owner that rules the pod; empty: none does.
std::string_view controller_uid(const json::object& pod) {
  const auto* owner = controller_of(pod);
  return owner == nullptr ? std::string_view() : find_string(*owner, {"uid"});
}

EventText event(const model::ObjectKey& key, const std::string& uid, std::string_view type, std::string reason,
                std::string message) {
  return {key, uid, type, std::move(reason), std::move(message)};
}

}  // namespace

Controller JobController::row() {
  return {.name = "jobs",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all =
              [this](const Waker& wake) {
                std::erase_if(memories_, [this](const auto& each) {
                  return !cache_.jobs().contains({each.first.ns, each.first.name});
                });
                wake_all(wake);
              },
          .plan = [this](const Key& key) { return plan(key); },
          .refused = [this](const Key& key, const Write& write, const Error&) { making_.refused(key, write); }};
}

void JobController::wake_all(const Waker& wake) const {
  for (const auto& [name, job] : cache_.jobs()) wake({Kind::Job, name.first, name.second});
  for (const auto& [name, pod] : cache_.pods()) {
    if (is_tracked(*pod)) wake({Kind::Pod, name.first, name.second});
  }
}

void JobController::wakes(const store::Change& change, const Waker& wake) const {
  const auto& object = *change.object;
  const auto deleted = change.type == store::ChangeType::Deleted;
  if (object.kind == Kind::Job) {
    if (deleted) {
      // The finalizers of its pods are nobody's now.
      for (const auto& name : cache_.pods_of_owner(object.meta.uid)) wake({Kind::Pod, name.first, name.second});
      wake(object.key());
    } else {
      wake_itself(change, wake);
    }
  } else if (object.kind == Kind::Pod) {
    wake_owners(change, [&](const model::Object& pod) { wake_owner(pod, wake); });
    if (!deleted && model::has_finalizer(object.meta, model::kJobTracking) && !owner_of(object.meta)) {
      wake(object.key());
    }
    if (!deleted && object.meta.controller() == nullptr) wake_selecting(cache_.jobs(), Kind::Job, object.meta, wake);
  }
}

void JobController::wake_owner(const model::Object& pod, const Waker& wake) const {
  const auto* owner = pod.meta.controller();
  if (owner != nullptr && owner->kind == "Job") wake({Kind::Job, pod.meta.ns, owner->name});
}

/// The Job that the pod is of, if that is still there.
std::shared_ptr<const model::Job> JobController::owner_of(const model::ObjectMeta& pod) const {
  const auto* owner = pod.controller();
  if (owner == nullptr || owner->kind != "Job") return nullptr;
  const auto job = cache_.jobs().find({pod.ns, owner->name});
  return job != cache_.jobs().end() && job->second->meta.uid == owner->uid ? job->second : nullptr;
}

Work JobController::plan(const Key& key) {
  if (key.kind == Kind::Pod) return plan_pod(key);
  const auto job = cache_.jobs().find({key.ns, key.name});
  if (job == cache_.jobs().end()) {
    memories_.erase(key);
    return {};
  }
  if (!job->second->managed_by.empty()) return {};
  return plan_job_key(key, *job->second);
}

/// A finalizer that no Job will take away.
Work JobController::plan_pod(const Key& key) const {
  Work work;
  const auto pod = cache_.pod({key.ns, key.name});
  if (!pod || !is_tracked(*pod) || owner_of(pod->meta)) return work;
  const auto* owner = pod->meta.controller();
  work.writes.push_back({.key = key,
                         .uid = pod->meta.uid,
                         .edit = [uid = owner == nullptr ? std::string() : owner->uid](json::object& raw) {
                           // A Job may have taken it over meanwhile, which counts it then.
                           if (controller_uid(raw) != uid) return Edit::Refuse;
                           return model::drop_finalizer(raw, model::kJobTracking) ? Edit::Done : Edit::Leave;
                         }});
  return work;
}

Work JobController::plan_job_key(const Key& key, const model::Job& job) {
  Work work;
  if (!job.meta.deleting() && job.status.finished() == nullptr) {
    adopt_pods(job, work);
    if (!work.writes.empty()) return work;  // Nothing else is planned before they are ours.
  }
  std::vector<PodPtr> pods;
  for (const auto& name : cache_.pods_of_owner(job.meta.uid)) pods.push_back(cache_.pod(name));
  if (!job.meta.deleting()) release_pods(job, pods, work);
  if (!work.writes.empty()) return work;

  auto plan = plan_job(job, pods, clock_.wall());
  work.look_again = plan.look_again;
  // What a file says would be made again, and run again.
  if (plan.remove && !job.meta.annotations.contains(std::string(kSourceAnnotation))) {
    work.writes.push_back({.verb = Write::Verb::Delete, .key = key, .uid = job.meta.uid});
    return work;
  }
  for (const auto& pod : plan.untrack) {
    work.writes.push_back({.verb = Write::Verb::DropFinalizer,
                           .key = {Kind::Pod, key.ns, pod->meta.name},
                           .uid = pod->meta.uid,
                           .finalizer = std::string(model::kJobTracking)});
  }
  write_status(key, job, plan, work);
  for (const auto& pod : plan.stop) {
    // One write: as soon as it is to be ended it is not counted any more, unless it has ended by itself meanwhile.
    work.writes.push_back(
        {.key = {Kind::Pod, key.ns, pod->meta.name},
         .uid = pod->meta.uid,
         .edit =
             [now = clock_.wall()](json::object& raw) {
               if (is_over(raw)) return Edit::Refuse;
               model::drop_finalizer(raw, model::kJobTracking);
               model::mark_deleted(Kind::Pod, raw, std::nullopt, now);
               return Edit::Done;
             },
         .said = event(key, job.meta.uid, "Normal", "SuccessfulDelete", "Deleted pod: " + pod->meta.name)});
  }
  for (const auto& pod : plan.end) {
    work.writes.push_back(
        {.verb = Write::Verb::MarkDeleted,
         .key = {Kind::Pod, key.ns, pod->meta.name},
         .uid = pod->meta.uid,
         .said = event(key, job.meta.uid, "Normal", "SuccessfulDelete", "Deleted pod: " + pod->meta.name)});
  }
  create(key, job, plan.create, work);
  making_.gather(key, job.meta, work);
  return work;
}

void JobController::adopt_pods(const model::Job& job, Work& work) const {
  if (job.selector.match_labels.empty()) return;
  for (const auto& pod : cache_.free_pods(job.meta.ns, job.selector)) {
    if (pod->meta.deleting()) continue;
    auto write = adopt({Kind::Pod, job.meta.ns, pod->meta.name}, pod->meta, job.meta, "Job");
    write.edit = [take = std::move(write.edit)](json::object& raw) {
      const auto taken = take(raw);
      if (taken == Edit::Done) model::add_finalizer(raw, model::kJobTracking);
      return taken;
    };
    work.writes.push_back(std::move(write));
  }
}

/// Pods that the selector no longer matches are not the job's any more: somebody changed their labels.
void JobController::release_pods(const model::Job& job, const std::vector<PodPtr>& pods, Work& work) const {
  for (const auto& pod : pods) {
    if (pod->meta.deleting() || model::matches(job.selector, pod->meta.labels)) continue;
    auto write = release({Kind::Pod, job.meta.ns, pod->meta.name}, pod->meta.uid, job.meta.uid);
    write.edit = [let_go = std::move(write.edit)](json::object& raw) {
      const auto gone = let_go(raw);
      return model::drop_finalizer(raw, model::kJobTracking) ? Edit::Done : gone;
    };
    work.writes.push_back(std::move(write));
  }
}

std::vector<std::string> JobController::names_for(const Key& key, const model::Job& job,
                                                  const std::vector<NewJobPod>& pods) {
  std::vector<std::string> out;
  if (making_.shared()) {
    auto number = pods_made(job.meta);
    for (const auto& pod : pods) {
      out.push_back(job_pod_name(job.meta.name, pod.index, letters_of(job.meta.uid, number++)));
    }
    return out;
  }
  auto memory = memories_.find(key);
  if (memory == memories_.end() || memory->second.uid != job.meta.uid) {
    memory = memories_.insert_or_assign(key, Memory{job.meta.uid, JobPodNames(job.meta.name, model::new_uid())}).first;
  }
  auto& names = memory->second.names;
  names.begin_plan();
  for (const auto& pod : pods) {
    out.push_back(names.next(pod.index, [&](const std::string& each) {
      return cache_.pod({key.ns, each}) != nullptr;
    }));
  }
  return out;
}

void JobController::create(const Key& key, const model::Job& job, const std::vector<NewJobPod>& pods, Work& work) {
  if (pods.empty()) return;
  const auto names = names_for(key, job, pods);
  for (std::size_t i = 0; i < pods.size(); ++i) {
    const auto& name = names[i];
    work.writes.push_back(
        {.verb = Write::Verb::Create,
         .key = {Kind::Pod, key.ns, name},
         .object = make_job_pod(job, pods[i], name),
         .said = event(key, job.meta.uid, "Normal", "SuccessfulCreate", "Created pod: " + name),
         .refused = event(key, job.meta.uid, "Warning", "FailedCreate", "Error creating pod " + name)});
  }
}

void JobController::write_status(const Key& key, const model::Job& job, JobPlan& plan, Work& work) const {
  if (plan.status.empty()) return;
  const auto stored = store_.get(key);
  // What was decided by an older state is decided anew when the newer one is seen, which is on its way.
  if (!stored || stored->meta.resource_version != job.meta.resource_version) return;
  const auto* known = stored->raw.if_contains("status");
  const auto before = known == nullptr ? json::value() : *known;
  if (plan.counted.empty() && before == json::value(plan.status)) return;
  const auto group = plan.counted.empty() ? 0 : kCountGroup;
  Write status{.key = key,
               .uid = job.meta.uid,
               .edit =
                   [before, now = plan.status](json::object& raw) {
                     // Its numbers go on from those that the plan has seen.
                     const auto* there = raw.if_contains("status");
                     if ((there == nullptr ? json::value() : *there) != before) return Edit::Refuse;
                     raw["status"] = now;
                     return Edit::Done;
                   },
               .durability = plan.counted.empty() ? Durability::Lazy : Durability::Durable,
               .group = group};
  if (plan.said) status.said = event(key, job.meta.uid, plan.said->type, plan.said->reason, plan.said->message);
  work.writes.push_back(std::move(status));
  for (const auto& pod : plan.counted) {
    work.writes.push_back({.key = {Kind::Pod, key.ns, pod->meta.name},
                           .uid = pod->meta.uid,
                           .edit =
                               [phase = pod->status.phase, uid = job.meta.uid](json::object& raw) {
                                 // Counted as what it was, or not at all.
                                 if (phase_of(raw) != phase || controller_uid(raw) != uid) return Edit::Refuse;
                                 return model::drop_finalizer(raw, model::kJobTracking) ? Edit::Done : Edit::Refuse;
                               },
                           .group = group});
  }
}

}  // namespace berth::agent
