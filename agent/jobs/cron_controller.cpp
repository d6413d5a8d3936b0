// agent/jobs/cron_controller.cpp - see cron_controller.hpp.
#include "agent/jobs/cron_controller.hpp"

#include "agent/control/waking.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// A job and the status that names it are one fact: none is made twice, and none is made that is not known.
constexpr int kBeginGroup = 1;

}  // namespace

Controller CronController::row() {
  return {.name = "cronjobs",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all = [this](const Waker& wake) { wake_all(wake); },
          .plan = [this](const Key& key) { return plan(key); }};
}

void CronController::wake_all(const Waker& wake) const {
  for (const auto& [name, cron] : cache_.cron_jobs()) wake({Kind::CronJob, name.first, name.second});
}

void CronController::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  if (object.kind == Kind::CronJob) {
    if (change.type == store::ChangeType::Deleted) {
      said_.erase(object.key());
    } else {
      wake_itself(change, wake);
    }
  } else if (object.kind == Kind::Job) {
    const auto* owner = object.meta.controller();
    if (owner != nullptr && owner->kind == "CronJob") wake({Kind::CronJob, object.meta.ns, owner->name});
  }
}

Work CronController::plan(const Key& key) {
  Work work;
  const auto found = cache_.cron_jobs().find({key.ns, key.name});
  if (found == cache_.cron_jobs().end()) return work;
  const auto& cron = *found->second;
  // What was decided by an older status would be decided anew when the newer one is seen, which is on its way.
  const auto stored = store_.get(key);
  if (!stored || stored->meta.resource_version != cron.meta.resource_version) return work;
  CronFacts facts{.jobs = {},
                  .now = clock_.wall(),
                  .zone = cron.time_zone.empty() ? TimeZone() : TimeZone::load(cron.time_zone),
                  .new_uid = model::new_uid()};
  for (const auto& name : cache_.jobs_of_owner(cron.meta.uid)) facts.jobs.push_back(cache_.jobs().at(name));
  auto plan = plan_cron_job(cron, facts);
  work.look_again = plan.look_again;
  say(key, cron, plan, work);
  const auto event = [&](std::string_view type, std::string reason, std::string message) {
    return EventText{key, cron.meta.uid, type, std::move(reason), std::move(message)};
  };
  for (const auto& job : plan.remove) {
    work.writes.push_back({.verb = Write::Verb::Delete,
                           .key = {Kind::Job, key.ns, job->meta.name},
                           .uid = job->meta.uid,
                           .said = event("Normal", "SuccessfulDelete", "Deleted job " + job->meta.name)});
  }
  const auto begins = !plan.create.empty();
  if (begins) {
    const std::string name(find_string(plan.create.at("metadata"), {"name"}));
    work.writes.push_back({.verb = Write::Verb::Create,
                           .key = {Kind::Job, key.ns, name},
                           .object = std::move(plan.create),
                           .group = kBeginGroup,
                           .said = event("Normal", "SuccessfulCreate", "Created job " + name),
                           .refused = event("Warning", "FailedCreate", "Error creating job")});
  }
  const auto* known = stored->raw.if_contains("status");
  const auto before = known == nullptr ? json::value() : *known;
  if (!begins && (known == nullptr ? plan.status.empty() : before == json::value(plan.status))) return work;
  work.writes.push_back({.key = key,
                         .uid = cron.meta.uid,
                         .edit =
                             [before, now = std::move(plan.status)](json::object& raw) {
                               const auto* there = raw.if_contains("status");
                               if ((there == nullptr ? json::value() : *there) != before) return Edit::Refuse;
                               raw["status"] = now;
                               return Edit::Done;
                             },
                         .durability = begins ? Durability::Durable : Durability::Lazy,
                         .group = begins ? kBeginGroup : 0});
  return work;
}

void CronController::say(const Key& key, const model::CronJob& cron, CronPlan& plan, Work& work) {
  for (auto& each : plan.said) {
    if (!each.once.empty()) {
      auto& last = said_[key][each.reason];
      if (last == each.once) continue;
      last = each.once;
    }
    work.events.push_back({key, cron.meta.uid, each.type, std::move(each.reason), std::move(each.message)});
  }
}

}  // namespace berth::agent
