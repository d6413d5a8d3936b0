// agent/objects/change_facts.cpp - see change_facts.hpp.
#include "agent/objects/change_facts.hpp"

namespace berth::agent {
namespace {

bool same_spec(const model::Object& a, const model::Object& b) {
  const auto* before = a.raw.if_contains("spec");
  const auto* after = b.raw.if_contains("spec");
  return before == nullptr || after == nullptr ? before == after : *before == *after;
}

}  // namespace

bool is_other_object(const store::Change& change) {
  return change.type == store::ChangeType::Deleted || !change.previous ||
         change.previous->meta.uid != change.object->meta.uid;
}

bool moves_pods(const store::Change& change) {
  return is_other_object(change) || change.previous->meta.labels != change.object->meta.labels ||
         !same_spec(*change.previous, *change.object);
}

bool asks_anew(const store::Change& change) {
  if (is_other_object(change)) return true;
  const auto& before = change.previous->meta;
  const auto& after = change.object->meta;
  return before.deleting() != after.deleting() || before.finalizers != after.finalizers ||
         !same_spec(*change.previous, *change.object);
}

}  // namespace berth::agent
