// agent/sets/set_plan.hpp - what one set should do now: the plan, and the words both kinds of set share. Pure.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/objects/revision.hpp"
#include "agent/sets/auto_undo.hpp"
#include "agent/sets/daemon_rollout.hpp"
#include "base/clock.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// An existing claim of a StatefulSet.
struct SetClaim {
  model::Quantity request{};
  bool may_grow = false;   ///< It is bound and stays, and its class lets it grow.
  bool has_place = false;  ///< Its volume is some nodes' only: the pod goes there, which its placement sees to.
  std::string why_not{};   ///< Else, when somebody has to do something about it: one half of a sentence.
};

/// Everything a plan is made of.
struct SetFacts {
  std::vector<PodPtr> pods;                                ///< Whose controller is this set.
  std::vector<std::shared_ptr<const Revision>> revisions;  ///< Of this set.
  std::map<std::string, SetClaim> claims;                  ///< The existing claims of this set, by name.
  std::vector<const model::Node*> nodes;                   ///< Where pods may be; of a StatefulSet if it `binds`.
  bool binds = true;                                       ///< No other host places pods: one node is the only one.
  std::string template_hash;                               ///< Of the set's template; empty: not computed yet.
  DaemonRollout rollout;                                   ///< Of a DaemonSet.
  std::optional<CountOrShare> max_unavailable;             ///< Of a StatefulSet, when it says so.
  json::object status;                                     ///< Of a StatefulSet, as it is stored.
  std::string salt;                                        ///< Names of new pods that have no ordinal come from it.
  WallTime now{};
};

/// What a stored revision has to say from now on.
struct RevisionEdit {
  std::string name;
  std::int64_t number = 0;
  std::string hash_label;  ///< Empty: it has none.
};

/// A claim that follows its template.
struct ClaimGrowth {
  model::ObjectKey claim;
  std::string from;
  std::string to;
};

/// The writes that bring the set one step further. An empty plan: nothing to do before something changes.
struct SetPlan {
  std::vector<json::object> create;            ///< Pods, claims, revisions: in this order of writing.
  std::vector<model::ObjectKey> delete_pods;   ///< Gracefully.
  std::vector<model::ObjectKey> release_pods;  ///< Lose their owner and live on: `--cascade=orphan`.
  std::vector<model::ObjectKey> remove;        ///< Revisions beyond the history limit, claims by retention policy.
  std::optional<RevisionEdit> edit_revision;   ///< A stored revision that became the newest again, or lacks its label.
  std::vector<ClaimGrowth> grow;
  std::vector<std::string> unplaced;     ///< Why a pod that should be made cannot be here, said as an event.
  std::vector<std::string> ungrown;      ///< Why a claim does not follow its template: the same.
  json::object status;                   ///< The set's new status.
  std::optional<Undo> undo;              ///< Written with that status.
  std::int64_t template_generation = 0;  ///< Of a DaemonSet: how often its template changed.
  bool forget = false;                   ///< Being deleted, and nothing is left: drop the object.
  std::optional<std::chrono::milliseconds> look_again;  ///< minReadySeconds runs.
};

/// What stateful_set_plan and daemon_set_plan share.
struct SetRevisions {
  std::string update;                     ///< Name of the revision of the template as it is now.
  std::string hash;                       ///< Of that template.
  std::int64_t number = 0;                ///< Of that revision, as it will be.
  std::vector<json::object> create;       ///< Its object, when it is not stored yet.
  std::optional<RevisionEdit> edit;       ///< Stored, but with an older number (the template went back to it), or
                                          ///< without the label that it should have.
  std::vector<model::ObjectKey> surplus;  ///< Beyond revisionHistoryLimit and used by nobody.
};
SetRevisions plan_revisions(const model::ObjectMeta& set, std::string_view set_kind, const json::object& pod_template,
                            const SetFacts& facts, std::int32_t history_limit, const std::string& current);

/// Was the pod made from that revision of the set? Its label is the revision's name, or the hash in it.
bool is_at(const model::Pod& pod, const model::ObjectMeta& set, std::string_view revision);

/// Takes pods that the selector no longer matches out of `facts`: they are not the set's any more, as somebody changed
/// their labels to look at them in peace. One that is being deleted stays.
std::vector<model::ObjectKey> release_strangers(const model::LabelSelector& selector, SetFacts& facts);

/// Could the set take this pod over? One that a set made and left (`--cascade=orphan`), without an owner since, that
/// the selector matches. Pods that people made are not taken: an adopted pod may be replaced.
bool is_adoptable(const model::Pod& pod, const model::LabelSelector& selector);

/// Is the set to be deleted without its pods?
bool orphans_its_pods(const model::ObjectMeta& set);

/// Ready for at least `min_ready`; otherwise `wait` is how long that still takes, when it is only a matter of time.
bool is_available(const model::PodStatus& status, std::chrono::seconds min_ready, WallTime now,
                  std::optional<std::chrono::milliseconds>& wait);

/// A Pod object from a template: labels, annotations, owner; name and the rest are the caller's. `revision_label`:
/// empty for sets that tell templates apart by a label of the template itself.
json::object make_pod_object(const json::object& pod_template, const model::ObjectMeta& set, std::string_view set_kind,
                             const std::string& revision_label);

/// Does the node take the pod (selector, affinity, taints)? Empty: yes; else why not, in the scheduler's words:
/// "node(s) were unschedulable".
std::string why_not_on(const model::PodSpec& spec, const model::Node& node);

}  // namespace berth::agent
