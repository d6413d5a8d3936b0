// agent/ending/owner_index.cpp - see owner_index.hpp.
#include "agent/ending/owner_index.hpp"

#include <utility>
#include <vector>

#include "agent/ending/garbage_plan.hpp"
#include "model/deletion.hpp"

namespace berth::agent {

void OwnerIndex::add(const model::Object& object, const IsThere& is_there) {
  const auto key = object.key();
  for (const auto& reference : object.meta.owner_references) {
    auto& owner = owners_[reference.uid];
    owner.dependents.insert(key);
    const auto place = owner_key(reference, object.kind, object.meta.ns);
    if (place && owner.there != place && is_there(*place, reference.uid)) owner.there = place;
    // Of a kind that nothing is known of, too: a plan says so, once.
    if (!place || owner.there != place) lost_.insert(key);
  }
  note_deletion(object);
}

void OwnerIndex::drop(const model::Object& object) {
  const auto key = object.key();
  for (const auto& reference : object.meta.owner_references) {
    const auto found = owners_.find(reference.uid);
    if (found == owners_.end()) continue;
    found->second.dependents.erase(key);
    if (found->second.dependents.empty()) owners_.erase(found);
  }
  lost_.erase(key);
  ending_.erase(key);
}

void OwnerIndex::note_deletion(const model::Object& object) {
  const auto concerns_us =
      object.meta.deleting() && (!object.meta.finalizers.empty() || !model::deletes_gracefully(object.kind));
  if (concerns_us) {
    ending_.insert(object.key());
  } else {
    ending_.erase(object.key());
  }
}

void OwnerIndex::lose(const std::string& uid) {
  const auto found = owners_.find(uid);
  if (found == owners_.end()) return;
  found->second.there.reset();
  lost_.insert(found->second.dependents.begin(), found->second.dependents.end());
}

const OwnerIndex::Keys& OwnerIndex::dependents_of(const std::string& uid) const {
  static const Keys kNone;
  const auto found = owners_.find(uid);
  return found == owners_.end() ? kNone : found->second.dependents;
}

void OwnerSurvey::see(const model::Object& object) {
  seen_.insert_or_assign(object.meta.uid, object.key());
  // The first reference is believed until all are seen; one that says otherwise of the same uid has to be looked at.
  index_.add(object, [this](const model::ObjectKey& /*key*/, const std::string& uid) {
    return !index_.owners_.at(uid).there.has_value();
  });
}

OwnerIndex OwnerSurvey::end() {
  std::vector<std::string> gone;
  for (const auto& [uid, owner] : index_.owners_) {
    const auto found = seen_.find(uid);
    if (found == seen_.end() || owner.there != found->second) gone.push_back(uid);
  }
  for (const auto& uid : gone) index_.lose(uid);
  seen_.clear();
  return std::exchange(index_, {});
}

}  // namespace berth::agent
