// agent/ending/garbage_collector.hpp - carries out what owner references and our finalizers ask for: a row of the
// controller runner. Loop thread.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "agent/control/controller_runner.hpp"
#include "agent/ending/garbage_plan.hpp"
#include "agent/ending/owner_index.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Deletes objects whose owners are all gone (by uid), in the background; carries out deletion in the foreground and
/// orphaning; removes what is being deleted and is held by no finalizer any more. Looks at the stored objects, never at
/// decoded ones, and only at what a change concerns: an index of owners is all it keeps. It is made of a snapshot,
/// whose objects are shown to it as they come, and kept by changes; a look at everything is one at what the index says
/// is due. A key is an object.
///
/// Not its business: owners of kinds that are not kept here, objects that a source's file keeps (the file decides), the
/// order in which a set's pods go, and what the agent ends itself.
class GarbageCollector {
 public:
  explicit GarbageCollector(const store::Store& store) : store_(store) {}

  /// Must outlive the runner it is added to.
  Controller row();

  /// Takes the objects of a snapshot. On the store's thread, as CacheFeed::Told::on_object.
  void see(const model::Object& object);
  /// All were seen. What it gives is the loop's to run. On the store's thread, as CacheFeed::Told::on_whole.
  std::function<void()> end_of_snapshot();

 private:
  void wakes(const store::Change& change, const Waker& wake);
  void lose(const std::string& uid, const Waker& wake);
  void wake_due(const Waker& wake) const;
  void wake_owners_of(const model::Object& object, const Waker& wake) const;
  Work plan(const model::ObjectKey& key);
  void look_at_dependent(const model::Object& object, Work& work);
  void look_at_owner(const model::Object& object, Work& work);
  void remove(const model::Object& object, Work& work) const;
  bool is_left_alone(const model::Object& object);

  const store::Store& store_;
  OwnerSurvey coming_;  ///< Of a snapshot that is not whole yet: the store's thread has it.
  OwnerIndex index_;
  std::set<std::string> told_;  ///< Owner kinds that are not known; each is logged once.
};

}  // namespace berth::agent
