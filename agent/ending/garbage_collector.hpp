// agent/ending/garbage_collector.hpp - carries out what owner references and our finalizers ask for: a row of the
// controller runner. Loop thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "agent/control/controller_runner.hpp"
#include "agent/ending/garbage_plan.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Deletes objects whose owners are all gone (by uid), in the background; carries out deletion in the foreground and
/// orphaning; removes what is being deleted and is held by no finalizer any more. Looks at the stored objects, never at
/// decoded ones, and only at what a change concerns: an index of owners is all it keeps. A key is an object.
///
/// Not its business: owners of kinds that are not kept here, objects that a source's file keeps (the file decides), the
/// order in which a set's pods go, and what the agent ends itself.
class GarbageCollector {
 public:
  explicit GarbageCollector(const store::Store& store) : store_(store) {}

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Dependents = std::set<model::ObjectKey>;

  void wakes(const store::Change& change, const Waker& wake);
  /// Indexes everything anew, and wakes what may have lost its owner while we were away.
  void scan(const Waker& wake);
  void add(const model::Object& object);
  void drop(const model::Object& object);
  void wake_owners_of(const model::Object& object, const Waker& wake) const;
  Work plan(const model::ObjectKey& key);
  void look_at_dependent(const model::Object& object, Work& work);
  void look_at_owner(const model::Object& object, Work& work);
  void remove(const model::Object& object, Work& work) const;
  bool is_left_alone(const model::Object& object);

  const store::Store& store_;
  std::map<std::string, Dependents> dependents_;  ///< By uid of the owner.
  std::set<std::string> told_;                    ///< Owner kinds that are not known; each is logged once.
};

}  // namespace berth::agent
