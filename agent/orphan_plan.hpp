// agent/orphan_plan.hpp - what is on this host and has no object: taken down, or left for a person to decide. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/store_mark.hpp"
#include "model/host_status.hpp"
#include "model/model.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

struct OrphanFacts {
  std::map<std::string, runtime::PodIdentity>
      found;                                  ///< By uid; the name is empty where only a network or a mount is left.
  std::set<std::string> known;                ///< uids of the stored Pods.
  std::vector<store::StoreProblem> problems;  ///< A Pod's row among them may be any of those found.
  store::Identity identity;
  std::optional<StoreMark> mark;
  std::string node;
};

struct OrphanPlan {
  bool same_store = false;  ///< The store is known to have made what runs here.
  std::vector<runtime::PodIdentity> remove;
  std::vector<model::Stranger> strangers;
};

/// "No object" means "deleted" only in the store that had the object. Without a mark (after a boot, after an upgrade) a
/// pod on the host that the store knows by its uid shows that it is the one.
OrphanPlan plan_orphans(const OrphanFacts& facts);

/// The stored Pods that have no uid any more, as rows that cannot be read: any pod of that name may be theirs.
std::vector<store::StoreProblem> without_uid(const std::vector<model::ObjectPtr>& pods);

/// Must `pod` wait for what becomes of `stranger`? They have one name, or belong to one DaemonSet, which has a pod on a
/// host at most, of a name that is new each time: both would use the same ports and the same data.
bool in_the_way(const model::Stranger& stranger, const model::Pod& pod);

}  // namespace berth::agent
