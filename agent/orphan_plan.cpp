// agent/orphan_plan.cpp - see orphan_plan.hpp.
#include "agent/orphan_plan.hpp"

#include <algorithm>

namespace berth::agent {
namespace {

bool made_by_this_store(const OrphanFacts& facts) {
  if (facts.mark) return same_store(*facts.mark, facts.identity);
  if (facts.identity.made_now || facts.identity.restored || facts.identity.node != facts.node) return false;
  return std::any_of(facts.found.begin(), facts.found.end(),
                     [&](const auto& pod) { return facts.known.contains(pod.first); });
}

/// May `pod` be the one whose row cannot be read? One without a name may be any.
bool may_be_unreadable(const runtime::PodIdentity& pod, const std::vector<store::StoreProblem>& problems) {
  return std::any_of(problems.begin(), problems.end(), [&](const store::StoreProblem& row) {
    return row.kind == "Pod" && (pod.ns.empty() || (row.ns == pod.ns && row.name == pod.name));
  });
}

std::string why_not_same(const OrphanFacts& facts) {
  if (facts.identity.made_now) return "the store is new: it does not know what ran here before";
  if (facts.identity.restored) return "the store was put back from a copy: the pod is newer than that";
  if (facts.identity.node != facts.node) return "the store was made for node " + facts.identity.node;
  if (facts.mark && facts.mark->id == facts.identity.id) return "the store is in an older state than the pod";
  if (facts.mark) return "another store made it";
  return "nothing says that this store made it";
}

}  // namespace

OrphanPlan plan_orphans(const OrphanFacts& facts) {
  OrphanPlan plan;
  plan.same_store = made_by_this_store(facts);
  for (const auto& [uid, pod] : facts.found) {
    if (facts.known.contains(uid)) continue;
    model::Stranger stranger{.uid = uid, .ns = pod.ns, .name = pod.name, .why = {}};
    if (!plan.same_store) {
      stranger.why = why_not_same(facts);
    } else if (facts.mark && facts.mark->strangers.contains(uid)) {
      stranger.why = "it was here before this store was";
    } else if (may_be_unreadable(pod, facts.problems)) {
      stranger.why = "its row in the store cannot be read";
    } else {
      plan.remove.push_back(pod);
      continue;
    }
    plan.strangers.push_back(std::move(stranger));
  }
  return plan;
}

std::vector<store::StoreProblem> without_uid(const std::vector<model::ObjectPtr>& pods) {
  std::vector<store::StoreProblem> rows;
  for (const auto& pod : pods) {
    if (!pod->meta.uid.empty()) continue;
    rows.push_back({.what = "Pod " + pod->meta.ns + "/" + pod->meta.name,
                    .reason = "no uid",
                    .kind = "Pod",
                    .ns = pod->meta.ns,
                    .name = pod->meta.name});
  }
  return rows;
}

bool in_the_way(const model::Stranger& stranger, const model::Pod& pod) {
  if (stranger.ns != pod.meta.ns) return false;
  if (stranger.name == pod.meta.name) return true;
  const auto* const owner = pod.meta.controller();
  if (owner == nullptr || owner->kind != "DaemonSet") return false;
  // Its owner's uid would mean nothing in this store. A generated name is the set's, a dash, and a suffix without one.
  return stranger.name.starts_with(owner->name + "-") &&
         stranger.name.find('-', owner->name.size() + 1) == std::string::npos;
}

}  // namespace berth::agent
