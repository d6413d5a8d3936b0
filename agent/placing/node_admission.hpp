// agent/placing/node_admission.hpp - does this host take a pod that is bound to it? As the kubelet asks it before a pod
// begins, with its words: a person may have written the node's name, and looked at nothing else.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "agent/objects/object_cache.hpp"
#include "agent/placing/node_room.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// The pod is Failed for good.
struct Refusal {
  std::string reason;   ///< "OutOfcpu", "OutOfpods", "NodePorts", "NodeAffinity"
  std::string message;  ///< "Node didn't have enough resource: cpu, requested: 500, used: 1800, capacity: 2000"
};

/// Pure. `here`: who has begun there already.
std::optional<Refusal> refuse(const model::PodSpec& spec, const Tenant& pod, const model::Node& node,
                              const Allocatable& allocatable, const Tenants& here);

/// Loop thread. A pod that begun once is not asked again, after a boot neither. Not asked at all are pods of DaemonSets
/// and what our sets bind (whether there is room for them is not asked of them, as before), what the host's own files
/// made, and pods of ReplicaSets, which would make new ones without end.
class NodeAdmission {
 public:
  /// They outlive it.
  NodeAdmission(const ObjectCache& cache, const store::Store& store, std::string node_name)
      : cache_(cache), store_(store), node_name_(std::move(node_name)) {}

  /// Before the pod begins from nothing; it has begun when the answer is none.
  std::optional<Refusal> ask(const model::Pod& pod);

 private:
  bool is_asked(const model::Pod& pod) const;
  const Tenant* tenant(const Name& name);

  const ObjectCache& cache_;
  const store::Store& store_;
  const std::string node_name_;
  std::set<std::string> begun_;   ///< uids that were told so, of pods that are here.
  std::map<Name, Tenant> known_;  ///< Of pods that are here.
};

}  // namespace berth::agent
