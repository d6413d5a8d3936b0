// agent/control/waking.hpp - which keys a change wakes, for controllers of objects that own others.
#pragma once

#include "agent/control/controller_runner.hpp"
#include "agent/objects/change_facts.hpp"
#include "agent/objects/object_cache.hpp"
#include "model/selector.hpp"

namespace berth::agent {

/// The changed object itself, which is there: anew when somebody asks for something else.
inline void wake_itself(const store::Change& change, const Waker& wake) {
  if (asks_anew(change)) {
    wake.anew(change.object->key());
  } else {
    wake(change.object->key());
  }
}

/// Calls `wake_owner(const model::Object&)`: one that loses its owner concerns the one that it leaves, too.
template <typename WakeOwner>
void wake_owners(const store::Change& change, const WakeOwner& wake_owner) {
  wake_owner(*change.object);
  if (change.previous && change.previous->meta.owner_references != change.object->meta.owner_references) {
    wake_owner(*change.previous);
  }
}

/// Those of `all` (by namespace and name) in the object's namespace whose selector takes it: they may adopt it.
template <typename All>
void wake_selecting(const All& all, model::Kind kind, const model::ObjectMeta& object, const Waker& wake) {
  each_in_namespace(all, object.ns, [&](const Name& name, const auto& each) {
    if (model::matches(each->selector, object.labels)) wake({kind, name.first, name.second});
  });
}

}  // namespace berth::agent
