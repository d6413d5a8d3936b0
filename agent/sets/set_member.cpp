// agent/sets/set_member.cpp - see set_member.hpp.
#include "agent/sets/set_member.hpp"

#include "agent/sets/stateful_set_plan.hpp"

namespace berth::agent {

std::optional<SetMember> set_member(const model::Pod& pod, const ObjectCache& cache) {
  const auto* owner = pod.meta.controller();
  if (owner == nullptr || owner->kind != "StatefulSet") return std::nullopt;
  const auto set = cache.stateful_sets().find({pod.meta.ns, owner->name});
  const auto ordinal = ordinal_of(owner->name, pod.meta.name);
  if (set == cache.stateful_sets().end() || set->second->meta.uid != owner->uid || !ordinal) return std::nullopt;
  return SetMember{set->second.get(), *ordinal};
}

}  // namespace berth::agent
