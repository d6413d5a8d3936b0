// agent/placing/node_filters.hpp - nodes that a pod must not be on because of the pods on others: podAffinity,
// podAntiAffinity and topologySpreadConstraints with DoNotSchedule. Pure. What Kubernetes' scheduler has as the plugins
// InterPodAffinity and PodTopologySpread, with their words.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/placing/pod_places.hpp"

namespace berth::agent {

/// The pod that looks for a node.
struct Seeker {
  const Tenant& tenant;
  const model::Pod& pod;
};

/// Is nothing heard of the node? Its pods may run there still; pods to come do not count on it.
bool is_silent(const model::Node& node);

/// The value of the node's label; null: it has none.
const std::string* label_of(const model::Node& node, const std::string& key);

/// Counts once what is asked of every node then.
class AffinityFilter {
 public:
  AffinityFilter(const Seeker& seeker, const PodPlaces& places);
  /// "node(s) didn't match pod affinity rules"; empty: these rules allow it.
  std::string why_not(const model::Node& node) const;

 private:
  using Domains = std::map<std::string, std::set<std::string>>;  ///< Values of labels.

  static void add(Domains& domains, const PodPlaces& places, const std::string& node, const std::string& key);
  static bool contains(const Domains& domains, const model::Node& node);

  std::vector<model::PodTerm> near_;
  Domains friends_;              ///< Where pods are that all terms of `near_` take.
  bool is_near_itself_ = false;  ///< The first of pods that want to be together is near enough to itself.
  Domains foes_;                 ///< Where pods are that it does not want to be with,
  Domains refusing_;             ///< and those that do not want to be with it.
};

/// Of one set of constraints of a pod: those that are required, or those that are not.
class SpreadCounts {
 public:
  enum class Which { Required, Preferred };
  struct Constraint {
    const model::SpreadConstraint* said = nullptr;
    std::map<std::string, std::int64_t> domains;  ///< Value of the label; how many pods are there.
    std::int64_t fewest = 0;
    bool takes_itself = false;
  };

  SpreadCounts(const Seeker& seeker, const PodPlaces& places, Which which);
  const std::vector<Constraint>& constraints() const { return constraints_; }

 private:
  std::vector<Constraint> constraints_;
};

/// "node(s) didn't match pod topology spread constraints"; empty: with the pod there no constraint is broken.
std::string why_not_spread(const SpreadCounts& counts, const model::Node& node);

}  // namespace berth::agent
