// agent/ending/garbage_plan.cpp - see garbage_plan.hpp.
#include "agent/ending/garbage_plan.hpp"

#include <algorithm>

namespace berth::agent {
namespace {

using model::Kind;

std::string_view group_of(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

/// By the exact name; any version of the group, as all are converted to one.
const model::KindInfo* kind_of(const model::OwnerReference& owner) {
  const auto group = group_of(owner.api_version);
  const auto& kinds = model::all_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) {
    return kind.name == owner.kind && (kind.group == group || (group == "extensions" && kind.group == "apps"));
  });
  return found == kinds.end() ? nullptr : &*found;
}

bool is_set(Kind kind) { return kind == Kind::StatefulSet || kind == Kind::DaemonSet; }

bool blocks(const model::Object& dependent, const std::string& owner_uid) {
  const auto& owners = dependent.meta.owner_references;
  return std::any_of(owners.begin(), owners.end(),
                     [&](const auto& owner) { return owner.uid == owner_uid && owner.block_owner_deletion; });
}

}  // namespace

std::optional<model::ObjectKey> owner_key(const model::OwnerReference& owner, Kind kind, const std::string& ns) {
  const auto* found = kind_of(owner);
  if (found == nullptr || owner.uid.empty()) return std::nullopt;
  if (found->namespaced && !model::info(kind).namespaced) return std::nullopt;
  return model::ObjectKey{found->kind, found->namespaced ? ns : std::string(), owner.name};
}

OwnerState owner_state(const model::OwnerReference& owner, const model::Object* found) {
  if (found == nullptr || found->meta.uid != owner.uid) return OwnerState::Absent;
  const auto waits =
      !is_set(found->kind) && found->meta.deleting() && model::has_finalizer(found->meta, model::kForegroundFinalizer);
  return waits ? OwnerState::Waiting : OwnerState::Present;
}

DependentPlan plan_dependent(const model::ObjectMeta& dependent, const std::vector<OwnerState>& owners) {
  DependentPlan plan;
  const auto has = [&](OwnerState state) { return std::find(owners.begin(), owners.end(), state) != owners.end(); };
  if (owners.empty() || has(OwnerState::Unknown)) return plan;
  if (!has(OwnerState::Present)) {
    plan.remove = !dependent.deleting();
    return plan;
  }
  for (std::size_t i = 0; i < owners.size(); ++i) {
    if (owners[i] != OwnerState::Present) plan.drop_owners.push_back(dependent.owner_references[i].uid);
  }
  return plan;
}

OwnerPlan plan_owner(const model::Object& owner, const std::vector<model::ObjectPtr>& dependents) {
  OwnerPlan plan;
  if (!owner.meta.deleting()) return plan;
  const auto own_order = is_set(owner.kind);
  if (model::has_finalizer(owner.meta, model::kOrphanFinalizer)) {
    if (dependents.empty()) {
      plan.finalizer = model::kOrphanFinalizer;
    } else if (!own_order) {
      plan.release = dependents;
    }
    return plan;
  }
  if (!model::has_finalizer(owner.meta, model::kForegroundFinalizer)) return plan;
  auto blocked = false;
  for (const auto& dependent : dependents) {
    if (!blocks(*dependent, owner.meta.uid)) continue;
    blocked = true;
    if (!own_order && !dependent->meta.deleting()) plan.remove.push_back(dependent);
  }
  if (!blocked) plan.finalizer = model::kForegroundFinalizer;
  return plan;
}

bool drop_owner(json::object& raw, const std::string& uid) {
  auto* metadata = raw.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return false;
  auto* list = metadata->get_object().if_contains("ownerReferences");
  if (list == nullptr || !list->is_array()) return false;
  auto& array = list->get_array();
  auto dropped = false;
  for (auto* it = array.begin(); it != array.end();) {
    if (find_string(*it, {"uid"}) == uid) {
      it = array.erase(it);
      dropped = true;
    } else {
      ++it;
    }
  }
  if (array.empty()) metadata->get_object().erase("ownerReferences");
  return dropped;
}

}  // namespace berth::agent
