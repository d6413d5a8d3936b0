// agent/ending/garbage_plan.hpp - what owner references ask for: which dependents go, lose an owner, or hold one. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/deletion.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// What is known of one owner.
enum class OwnerState {
  Present,
  Waiting,  ///< Being deleted in the foreground: it goes once its dependents are gone. Never a set, see plan_owner().
  Absent,   ///< Gone, or another object by now has its name.
  Unknown,  ///< Of a kind that is not kept here, or no dependent of this kind can have such an owner.
};

/// Where the owner of an object of `kind` in `ns` is kept; nullopt: Unknown.
std::optional<model::ObjectKey> owner_key(const model::OwnerReference& owner, model::Kind kind, const std::string& ns);

/// `found` is what is stored at owner_key(), or null.
OwnerState owner_state(const model::OwnerReference& owner, const model::Object* found);

struct DependentPlan {
  bool remove = false;                   ///< None of its owners is left.
  std::vector<std::string> drop_owners;  ///< uids of those that are not, while others are.
};

/// `owners` are the states of `dependent.owner_references`, in their order. An object with an owner that nothing is
/// known of is left as it is.
DependentPlan plan_dependent(const model::ObjectMeta& dependent, const std::vector<OwnerState>& owners);

struct OwnerPlan {
  std::vector<model::ObjectPtr> remove;   ///< Dependents that block a deletion in the foreground.
  std::vector<model::ObjectPtr> release;  ///< Dependents that lose this owner.
  std::string_view finalizer;             ///< Done: to be dropped. Empty: none.
};

/// What the finalizers `orphan` and `foregroundDeletion` of an owner that is being deleted ask for next. The pods of a
/// set are not its: they go in the set's own order.
OwnerPlan plan_owner(const model::Object& owner, const std::vector<model::ObjectPtr>& dependents);

/// Takes one owner's reference out of `raw`, and the list with the last; false: it is not there.
bool drop_owner(json::object& raw, const std::string& uid);

}  // namespace berth::agent
