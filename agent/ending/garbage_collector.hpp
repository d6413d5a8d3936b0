// agent/ending/garbage_collector.hpp - carries out what owner references and our finalizers ask for. Loop thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "agent/ending/garbage_plan.hpp"
#include "agent/objects/store_writer.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Deletes objects whose owners are all gone (by uid), in the background; carries out deletion in the foreground and
/// orphaning; removes what is being deleted and is held by no finalizer any more. Looks at the stored objects, never at
/// decoded ones, and only at what a change concerns: an index of owners is all it keeps.
///
/// Not its business: owners of kinds that are not kept here, objects that a source's file keeps (the file decides), the
/// order in which a set's pods go, and what the agent ends itself.
class GarbageCollector {
 public:
  GarbageCollector(const store::Store& store, StoreWriter& writer) : store_(store), writer_(writer) {}

  /// Tell it every change of the store.
  void on_change(const store::Change& change);
  /// Indexes and looks at everything: for the start, when an owner may have gone while we were away.
  void scan_all();

 private:
  using Dependents = std::set<model::ObjectKey>;

  void add(const model::Object& object);
  void drop(const model::Object& object);
  void look_at(const model::ObjectPtr& object);
  void look_at_dependent(const model::Object& object);
  void look_at_owner(const model::Object& object);
  void look_at_owners_of(const model::Object& object);
  void remove(const model::Object& object);
  bool is_left_alone(const model::Object& object);

  const store::Store& store_;
  StoreWriter& writer_;
  std::map<std::string, Dependents> dependents_;  ///< By uid of the owner.
  std::set<std::string> told_;                    ///< Owner kinds that are not known; each is logged once.
};

}  // namespace berth::agent
