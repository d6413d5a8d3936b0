// agent/placing/node_scores.hpp - which of the nodes that take a pod is better for it, by what it would rather have and
// by where the others of its set are. Pure. What Kubernetes' scheduler scores with the plugins TaintToleration,
// NodeAffinity, InterPodAffinity and PodTopologySpread; with its weights, in whole numbers, so that every host finds
// the same.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/placing/node_filters.hpp"
#include "agent/placing/pod_places.hpp"

namespace berth::agent {

struct NodeScore {
  std::int64_t wishes = 0;  ///< Of what the pod says; more is better.
  std::int64_t crowd = 0;   ///< Pods of its set in the zone and on the node; less is better.
};

/// Of each of `nodes`, in their order. Preferred affinity to nodes and pods, constraints with ScheduleAnyway and taints
/// PreferNoSchedule are weighed against each other as Kubernetes does, which then adds the rest to them; here a set is
/// spread only among nodes that are equal by what its pods say. `wishes` of the tenant may be null.
std::vector<NodeScore> score_nodes(const Seeker& seeker, const PodPlaces& places,
                                   const std::vector<const model::Node*>& nodes);

}  // namespace berth::agent
