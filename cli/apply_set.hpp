// cli/apply_set.hpp - `apply --applyset`: an object that remembers what was applied together, see KEP-3659.
#pragma once

#include <set>
#include <string>

#include "cli/dry_run.hpp"
#include "cli/manifests.hpp"
#include "cli/prune.hpp"
#include "cli/server.hpp"

namespace berth::cli {

/// The parent: a Secret or a ConfigMap that says which kinds in which namespaces its members are. Members have a label
/// with its id. All calls block.
class ApplySet {
 public:
  /// `word`: "web", "secrets/web", "configmap/web". InvalidArgument: another kind, or none. Aborted: the parent is
  /// there and another tool's, or has another id.
  static Result<ApplySet> open(const Server& server, const Global& global, const std::string& word, std::string manager,
                               DryRun dry_run);

  /// "applyset-...-v1"
  const std::string& id() const { return id_; }
  /// Marks `object` as a member.
  void take(ManifestObject& object);
  /// Before the first member is applied: the parent says that what was there and what comes may be members.
  Status begin();
  /// After all are applied: which members are in the files no more, see prune().
  PruneChoice leftovers() const;
  /// At the end: the parent names the kinds and namespaces of what was taken.
  Status end();

 private:
  ApplySet(const Server& server, const model::KindInfo& kind, std::string ns, std::string name, std::string manager,
           DryRun dry_run);

  Status write(const std::set<std::string>& kinds, const std::set<std::string>& namespaces);

  const Server* server_;
  const model::KindInfo* kind_;
  std::string ns_;
  std::string name_;
  std::string manager_;
  DryRun dry_run_;
  std::string id_;
  std::set<std::string> old_kinds_;  ///< "Deployment.apps", "ConfigMap"
  std::set<std::string> old_namespaces_;
  std::set<std::string> kinds_;
  std::set<std::string> namespaces_;
};

/// The label value by which members of a set are known: of its parent's name, namespace, kind and group. Pure.
std::string apply_set_id(std::string_view name, std::string_view ns, std::string_view kind, std::string_view group);

}  // namespace berth::cli
