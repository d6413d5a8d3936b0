// agent/budgets/quota_controller.cpp - see quota_controller.hpp.
#include "agent/budgets/quota_controller.hpp"

#include "agent/control/waking.hpp"
#include "model/json_edit.hpp"
#include "model/pod.hpp"
#include "model/quota.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// Nobody waits for the numbers of a view.
constexpr std::chrono::milliseconds kGather{50};

bool is_over(const model::Object& pod) {
  const auto* status = model::object_at(pod.raw, "status");
  return status != nullptr && model::is_terminal_phase(model::text_at(*status, "phase"));
}

/// May it use more or less than before?
bool changes_use(const store::Change& change) {
  if (change.type != store::ChangeType::Modified || !change.previous) return true;
  if (change.object->kind == Kind::Pod && is_over(*change.object) != is_over(*change.previous)) return true;
  return change.object->meta.generation != change.previous->meta.generation;
}

}  // namespace

Controller QuotaController::row() {
  return {.name = "quotas",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all = [this](const Waker& wake) { wake_all(wake); },
          .plan = [this](const Key& key) { return plan(key); },
          .gather = kGather};
}

void QuotaController::know(const model::Object& quota) { known_[quota.key()] = model::kinds_counted(quota.raw); }

void QuotaController::wake_all(const Waker& wake) {
  known_.clear();
  store_.visit(Kind::ResourceQuota, {}, [&](const model::ObjectPtr& quota) {
    know(*quota);
    wake(quota->key());
  });
}

void QuotaController::wakes(const store::Change& change, const Waker& wake) {
  const auto& object = *change.object;
  if (object.kind == Kind::ResourceQuota) {
    if (change.type == store::ChangeType::Deleted) {
      known_.erase(object.key());
    } else {
      know(object);
      wake_itself(change, wake);
    }
  }
  if (known_.empty() || object.meta.ns.empty() || !changes_use(change)) return;
  for (auto it = known_.lower_bound({Kind::ResourceQuota, object.meta.ns, ""});
       it != known_.end() && it->first.ns == object.meta.ns; ++it) {
    if (it->second.contains(object.kind)) wake(it->first);
  }
}

Work QuotaController::plan(const Key& key) const {
  Work work;
  const auto quota = store_.get(key);
  if (!quota) return work;
  auto status = model::quota_status(*quota, store::AsStored(store_));
  const auto* known = quota->raw.if_contains("status");
  if (known != nullptr && *known == json::value(status)) return work;
  work.writes.push_back({.key = key,
                         .uid = quota->meta.uid,
                         .edit =
                             [status = std::move(status)](json::object& raw) {
                               raw["status"] = status;
                               return Edit::Done;
                             },
                         .durability = Durability::Lazy});
  return work;
}

}  // namespace berth::agent
