// agent/placing/node_choice.hpp - which node a pod gets, or why none. Pure: the same answer on every host. What
// Kubernetes' scheduler does with the answers of its plugins: filters, scores, and preemption where no node is left.
#pragma once

#include <string>
#include <vector>

#include "agent/placing/node_filters.hpp"
#include "agent/placing/node_room.hpp"
#include "agent/placing/pod_places.hpp"

namespace berth::agent {

/// A node as the pod that looks for one sees it.
struct NodeView {
  const PodPlaces::Host* host = nullptr;  ///< Its node is not null.
  std::string why_not = {};               ///< "node(s) were unschedulable"; empty: by what is asked of it alone the pod
                                          ///< may be there.
  std::vector<const Tenant*> ahead = {};  ///< Wait for it, and go before the pod: see ahead_of().
};

struct NodeChoice {
  std::string node;                   ///< Empty: none.
  std::string why;                    ///< Then: "0/3 nodes are available: 1 Insufficient cpu, ..."
  std::vector<const NodeView*> full;  ///< Then: those that would take the pod if they had room for it.
};

/// A node takes the pod when nothing is against it, pods on others included (node_filters), and there is room. Of those
/// the one that has most of what the pod would rather have, then the one with the fewest of its set near it
/// (node_scores), then the one that is least full with it, then the first by name. Where none does, it is said of all
/// nodes why.
NodeChoice choose_node(const Seeker& seeker, const std::vector<NodeView>& nodes, const PodPlaces& places);

/// Who has to go for the pod, all from one of the nodes that are full: the fewest and least important. Empty: nobody's
/// going helps, or it fits once those who are leaving have left.
std::vector<const Tenant*> choose_victims(const Tenant& pod, const std::vector<const NodeView*>& full);

}  // namespace berth::agent
