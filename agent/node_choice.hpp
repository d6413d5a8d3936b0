// agent/node_choice.hpp - which node a pod gets, or why none. Pure: the same answer on every host. What Kubernetes'
// scheduler does with the answers of its plugins: filters, scores, and preemption where no node is left.
#pragma once

#include <string>
#include <vector>

#include "agent/node_room.hpp"

namespace berth::agent {

/// A node as the pod that looks for one sees it.
struct NodeView {
  std::string name;
  std::string why_not;  ///< "node(s) were unschedulable"; empty: the pod may be there, if there is room.
  Allocatable allocatable;
  std::vector<const Tenant*> here;   ///< Bound to it, or about to be.
  std::vector<const Tenant*> ahead;  ///< Wait for it, and go before the pod: see ahead_of().
};

struct NodeChoice {
  std::string node;                    ///< Empty: none.
  std::string why;                     ///< Then: "0/3 nodes are available: 1 Insufficient cpu, ..."
  std::vector<const Tenant*> victims;  ///< Then: who has to go for it, all from one node. Empty: nobody's going helps,
                                       ///< or it fits once those who are leaving have left.
};

/// Of the nodes that take the pod the one with the fewest pods of its set, then the one that is least full with it,
/// then the first by name. Where none does, it is said of all nodes why.
NodeChoice choose_node(const Tenant& pod, const std::vector<NodeView>& nodes);

}  // namespace berth::agent
