// agent/node/failover_plan.cpp - see failover_plan.hpp.
#include "agent/node/failover_plan.hpp"

#include <set>
#include <string>

#include "agent/objects/attachment_key.hpp"
#include "agent/objects/fencing.hpp"
#include "agent/objects/pod_facts.hpp"

namespace berth::agent {
namespace {

void add_volumes(const model::Pod& pod, const ObjectCache& cache, std::set<std::string>& volumes) {
  for (const auto& name : references_of(pod.spec).claims) {
    const auto claim = cache.claims().find({pod.meta.ns, name});
    if (claim != cache.claims().end()) volumes.insert(claim->second->volume_name);
  }
}

}  // namespace

FailoverPlan plan_failover(const model::Object& node, const ObjectCache& cache) {
  FailoverPlan plan;
  if (!is_armed(node.meta)) return plan;
  std::set<std::string> dead;
  std::set<std::string> in_use;
  for (const auto& name : cache.pods_of_node(node.meta.name)) {
    const auto pod = cache.pod(name);
    const auto removes = asks_for_fencing(*pod) && pod->meta.finalizers.empty();
    if (asks_for_fencing(*pod)) plan.remove.push_back(pod);
    add_volumes(*pod, cache, removes ? dead : in_use);
  }
  for (const auto& [name, attachment] : cache.attachments()) {
    const auto& volume = attachment->volume_name;
    if (attachment->node_name != node.meta.name || attachment->attacher != kAttacher) continue;
    if (dead.contains(volume) && !in_use.contains(volume)) plan.free.push_back(attachment);
  }
  return plan;
}

}  // namespace berth::agent
