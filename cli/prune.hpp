// cli/prune.hpp - `apply --prune`: what was applied before and is in the files no more goes.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/dry_run.hpp"
#include "cli/server.hpp"
#include "model/meta.hpp"

namespace berth::cli {

/// What the files have.
using Applied = std::set<model::ObjectKey>;

struct PruneChoice {
  std::string labels;                         ///< -l; empty with --all.
  std::vector<const model::KindInfo*> kinds;  ///< Looked for.
  std::set<std::string> namespaces;           ///< Looked in.
  std::string manager;                        ///< Whose; empty: it does not matter who applied it.
  DryRun dry_run = DryRun::None;
};

/// Those of kubectl's default, see kubectl-apply(1).
std::vector<const model::KindInfo*> prunable_kinds();
/// --prune-allowlist: "core/v1/ConfigMap", "apps/v1/Deployment". InvalidArgument: not of that form, or no such kind.
Result<std::vector<const model::KindInfo*>> prunable_kinds(const std::vector<std::string>& allowed);

/// Did `manager` apply it (by server-side apply, or anybody with kubectl's client-side one)?
bool was_applied_by(const json::value& object, std::string_view manager);

/// Deletes, and says so on stdout, each object that is chosen and not in `applied`; those that depend on it go with it.
/// Errors of single objects go to stderr; the exit code.
int prune(const Server& server, const PruneChoice& choice, const Applied& applied);

}  // namespace berth::cli
