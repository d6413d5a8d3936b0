// agent/placing/node_room.hpp - does a pod fit beside those that are here, and who would have to go for it? Pure. What
// Kubernetes' scheduler asks of one node: its plugins NodePorts, NodeResourcesFit and DefaultPreemption.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "model/pod_resources.hpp"
#include "model/pod_wishes.hpp"

namespace berth::agent {

/// A pod as far as room is concerned.
struct Tenant {
  Name name{};
  std::string uid{};
  model::Amounts requests{};
  std::int64_t priority = 0;
  bool preempts = true;                                 ///< preemptionPolicy PreemptLowerPriority.
  bool leaving = false;                                 ///< Is being deleted.
  bool guarded = false;                                 ///< A disruption budget has no pod to give away.
  std::string set{};                                    ///< uid of its controller; empty: it has none.
  std::string created_at{};                             ///< RFC 3339.
  std::vector<model::ContainerPort> ports{};            ///< Of the host.
  std::shared_ptr<const model::PodWishes> wishes = {};  ///< Null: none, or nobody asks.
};

/// Without its wishes. `decoded` is of the same object.
Tenant read_tenant(const model::Object& pod, const model::PodSpec& decoded);

/// Pods beside each other, and what they ask for together; "pods" is how many they are.
struct Tenants {
  std::vector<const Tenant*> all;
  model::Amounts taken;
};
Tenants together(std::vector<const Tenant*> all);
/// One more, before those of later names.
void add(Tenants& here, const Tenant& one);

/// What of the node may be asked for. cpu, memory and ephemeral-storage count where the node says how much it has, and
/// "pods" is how many there may be; a resource of another name that it does not say it has, it does not have.
using Allocatable = model::Amounts;

/// An extended resource that somebody wrote into the capacity is there to be used, as the kubelet has it.
Allocatable allocatable_of(const model::Object& node);

/// "Insufficient cpu", "Too many pods", or that its ports are not free; empty: it fits beside `here`, whoever of them
/// is leaving.
std::vector<std::string> shortages(const Tenant& pod, const Allocatable& allocatable, const Tenants& here);

/// Those of `here` that must go so that `pod` fits: of lower priority, as few and as unimportant as can be, guarded
/// ones last. Empty: nobody need go (some are leaving already), or nobody's going would do.
std::vector<const Tenant*> victims(const Tenant& pod, const Allocatable& allocatable,
                                   const std::vector<const Tenant*>& here);

/// Of `waiting` those that go before `pod`: of higher priority, and they fit once those who are leaving have left. What
/// they need is not to be given to others meanwhile. The most important first; each counts those before it.
std::vector<const Tenant*> ahead_of(const Tenant& pod, const Allocatable& allocatable,
                                    const std::vector<const Tenant*>& here, std::vector<const Tenant*> waiting);

}  // namespace berth::agent
