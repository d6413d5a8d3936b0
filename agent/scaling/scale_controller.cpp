// agent/scaling/scale_controller.cpp - see scale_controller.hpp.
#include "agent/scaling/scale_controller.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/control/waking.hpp"
#include "model/conversion.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

using model::Kind;

std::string_view group_of(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

/// The kind of that name in that group, by today's version or one of old.
const model::KindInfo* kind_in(std::string_view name, std::string_view group) {
  const auto* kind = model::kind_named(name);
  if (kind == nullptr || kind->group == group) return kind;
  const auto& old = model::old_versions();
  const auto known = std::any_of(old.begin(), old.end(), [&](const model::OldVersion& one) {
    return one.kind == kind->kind && group_of(one.api_version) == group;
  });
  return known ? kind : nullptr;
}

std::string resource_of(const model::KindInfo& kind) {
  return kind.group.empty() ? std::string(kind.plural) : fmt::format("{}.{}", kind.plural, kind.group);
}

/// As kubectl writes it: "app=web,tier in (a,b)".
std::string text_of(const model::LabelSelector& selector) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : selector.match_labels) parts.push_back(key + "=" + value);
  for (const auto& one : selector.match_expressions) {
    if (one.op == "Exists") {
      parts.push_back(one.key);
    } else if (one.op == "DoesNotExist") {
      parts.push_back("!" + one.key);
    } else {
      parts.push_back(fmt::format("{} {} ({})", one.key, one.op == "In" ? "in" : "notin", fmt::join(one.values, ",")));
    }
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

/// Only as long as it wants what the plan was made for.
Write replicas_write(const model::ObjectKey& set, const std::string& uid, std::int32_t before, std::int32_t after) {
  Write out;
  out.key = set;
  out.uid = uid;
  out.edit = [before, after](json::object& raw) {
    auto* spec = raw.if_contains("spec");
    if (spec == nullptr || !spec->is_object()) return Edit::Refuse;
    auto& replicas = spec->get_object()["replicas"];
    if (!replicas.is_int64() || replicas.get_int64() != before) return Edit::Refuse;
    replicas = after;
    return Edit::Done;
  };
  return out;
}

}  // namespace

Controller ScaleController::row() {
  return {.name = "autoscalers",
          .wakes =
              [this](const store::Change& change, const Waker& wake) {
                if (change.object->kind != Kind::HorizontalPodAutoscaler) return;
                if (change.type == store::ChangeType::Deleted) {
                  known_.erase(change.object->key());
                } else {
                  wake_itself(change, wake);
                }
              },
          .all =
              [this](const Waker& wake) {
                for (const auto& [name, scaler] : cache_.autoscalers()) {
                  wake({Kind::HorizontalPodAutoscaler, name.first, name.second});
                }
              },
          .plan = [this](const Key& key) { return plan(key); },
          .ended = [this](const Key& key, const Waker&) { ended(key); }};
}

template <typename T>
Result<ScaleController::Target> ScaleController::target_in(const Typed<T>& sets, const model::KindInfo& kind,
                                                           const std::string& ns, const std::string& name) const {
  const auto found = sets.find({ns, name});
  if (found == sets.end()) {
    return Error(ErrorCode::NotFound, fmt::format("{} \"{}\" not found", resource_of(kind), name));
  }
  const auto& set = *found->second;
  return Target{{kind.kind, ns, name}, set.meta.uid, set.replicas, &set.selector};
}

Result<ScaleController::Target> ScaleController::find_target(const model::Autoscaler& scaler) const {
  const auto& to = scaler.target;
  const auto group = group_of(to.api_version);
  const auto* kind = kind_in(to.kind, group);
  if (kind == nullptr) {
    return Error(ErrorCode::NotFound, fmt::format("no matches for kind \"{}\" in group \"{}\"", to.kind, group));
  }
  const auto& ns = scaler.meta.ns;
  if (kind->kind == Kind::Deployment) return target_in(cache_.deployments(), *kind, ns, to.name);
  if (kind->kind == Kind::StatefulSet) return target_in(cache_.stateful_sets(), *kind, ns, to.name);
  if (kind->kind == Kind::ReplicaSet) return target_in(cache_.replica_sets(), *kind, ns, to.name);
  if (kind->kind == Kind::ReplicationController) return target_in(cache_.replication_controllers(), *kind, ns, to.name);
  return Error(ErrorCode::InvalidArgument, fmt::format("{} have no scale", resource_of(*kind)));
}

/// Does it run where nobody measured it? It counts as missing then, see replica_count.
bool ScaleController::is_out_of_sight(const model::Pod& pod, const ContainerUses& uses) const {
  return !pod.spec.node_name.empty() && pod.spec.node_name != node_ && pod.status.phase == "Running" &&
         !pod_use(pod, "cpu", {}, uses);
}

/// All autoscalers of the namespace whose set's selector takes one of the pods, when that is not one alone.
std::vector<std::string> ScaleController::rivals(const Key& key, const std::vector<PodPtr>& pods) const {
  std::vector<std::string> out;
  each_in_namespace(cache_.autoscalers(), key.ns, [&](const Name& name, const auto& scaler) {
    const auto target = find_target(*scaler);
    const auto takes = [&](const PodPtr& pod) { return model::matches(*target->selector, pod->meta.labels); };
    if (target && std::any_of(pods.begin(), pods.end(), takes)) out.push_back(name.first + "/" + name.second);
  });
  return out.size() > 1 ? out : std::vector<std::string>();
}

Work ScaleController::plan(const Key& key) {
  Work work;
  const auto found = cache_.autoscalers().find({key.ns, key.name});
  if (found == cache_.autoscalers().end()) {
    known_.erase(key);
    return work;
  }
  const auto& meta = found->second->meta;
  auto& known = known_[key];
  if (known.uid != meta.uid) known = {.uid = meta.uid};
  const auto now = clock_.now();
  const auto due = known.generation == meta.generation ? known.due : std::min(known.due, known.looked + kGap);
  if (now < due) {
    work.look_again = std::chrono::ceil<std::chrono::milliseconds>(due - now);
    return work;
  }
  if (const auto uses = usage_.fresh()) return scale(key, *uses);
  work.effects.emplace_back([this, key](const Answer& answer) {
    usage_.look([this, key, answer](const Result<std::shared_ptr<const ContainerUses>>& uses) {
      Work more;
      if (!uses) {
        more.failed = uses.error();
      } else if (*uses) {
        more = scale(key, **uses);
      } else {
        more.look_again = PodUsage::kFirst;
      }
      answer(std::move(more));
    });
  });
  return work;
}

Work ScaleController::scale(const Key& key, const ContainerUses& uses) {
  Work work;
  const auto found = cache_.autoscalers().find({key.ns, key.name});
  const auto known = known_.find(key);
  if (found == cache_.autoscalers().end() || known == known_.end()) return work;
  const auto scaler = found->second;
  const auto target = find_target(*scaler);
  ScalingFacts facts{.replicas = 0,
                     .pods = {},
                     .selector = {},
                     .rivals = {},
                     .elsewhere = 0,
                     .uses = uses,
                     .wall = clock_.wall(),
                     .now = clock_.now()};
  if (target) {
    facts.replicas = target->replicas;
    facts.pods = cache_.pods_taken(key.ns, *target->selector);
    facts.elsewhere = static_cast<std::size_t>(std::count_if(
        facts.pods.begin(), facts.pods.end(), [&](const PodPtr& pod) { return is_out_of_sight(*pod, uses); }));
    facts.selector = text_of(*target->selector);
    facts.rivals = rivals(key, facts.pods);
  } else {
    facts.replicas = target.error();
  }
  auto plan = plan_scaling(*scaler, facts, std::move(known->second.memory));
  known->second.memory = std::move(plan.memory);
  known->second.generation = scaler->meta.generation;
  known->second.looked = facts.now;
  known->second.due = facts.now + kPeriod;
  work.look_again = kPeriod;
  const auto event = [&](std::string_view type, std::string reason, std::string message) {
    return EventText{key, scaler->meta.uid, type, std::move(reason), std::move(message)};
  };
  for (auto& each : plan.said) work.events.push_back(event(each.type, std::move(each.reason), std::move(each.message)));
  if (plan.replicas) {
    const auto what = fmt::format("New size: {}; reason: {}", *plan.replicas, plan.why);
    auto write = replicas_write(target->key, target->uid, target->replicas, *plan.replicas);
    write.said = event("Normal", "SuccessfulRescale", what);
    write.refused = event("Warning", "FailedRescale", what + "; error");
    work.writes.push_back(std::move(write));
    known->second.step = {{target->key, target->replicas, *plan.replicas, facts.now}};
  }
  if (plan.status == scaler->status) return work;
  work.writes.push_back({.key = key,
                         .uid = scaler->meta.uid,
                         .edit =
                             [status = model::encode_autoscaler_status(plan.status)](json::object& raw) {
                               raw["status"] = status;
                               return Edit::Done;
                             },
                         .durability = Durability::Lazy,
                         .after = plan.replicas.has_value()});
  return work;
}

/// What was written is in the cache by now.
void ScaleController::ended(const Key& key) {
  const auto known = known_.find(key);
  if (known == known_.end() || !known->second.step) return;
  const auto step = *std::exchange(known->second.step, std::nullopt);
  const auto found = cache_.autoscalers().find({key.ns, key.name});
  if (found == cache_.autoscalers().end()) return;
  const auto target = find_target(*found->second);
  if (!target || target->key != step.set || target->replicas != step.after) {
    known->second.due = {};  // it did not come to that: as soon as the runner lets us
    return;
  }
  known->second.memory = with_step(*found->second, std::move(known->second.memory), step.before, step.after, step.at);
}

}  // namespace berth::agent
