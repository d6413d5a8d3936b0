// model/pod_wishes.hpp - what a pod says of its place beyond nodeSelector, required node affinity and tolerations, read
// from its JSON: pods to be near to or apart from, spread, and what it would rather have. Pure.
//
// See https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ and .../topology-spread-constraints/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "model/pod.hpp"
#include "model/workloads.hpp"

namespace berth::model {

/// A PodAffinityTerm: certain pods, and the label of nodes whose value says what is near to them.
struct PodTerm {
  std::optional<LabelSelector> selector;            ///< With matchLabelKeys and mismatchLabelKeys; none: no pod.
  std::vector<std::string> namespaces;              ///< The pod's own where the term says nothing of namespaces.
  std::optional<LabelSelector> namespace_selector;  ///< Those with these labels, too; an empty one is all.
  std::string topology_key;
  std::string id;  ///< Terms of one id take the same pods.
};

/// Does the term take a pod with these labels, of a namespace with those?
bool takes(const PodTerm& term, const std::string& ns, const StringMap& ns_labels, const StringMap& labels);

struct WeightedPodTerm {
  PodTerm term;
  std::int64_t weight = 0;  ///< 1 to 100; of podAntiAffinity -1 to -100.
};

struct NodeWish {
  NodeSelectorTerm preference;
  std::int64_t weight = 0;  ///< 1 to 100
};

/// A TopologySpreadConstraint: it counts pods of the pod's own namespace.
struct SpreadConstraint {
  std::string topology_key;
  std::optional<LabelSelector> selector;  ///< With matchLabelKeys; none: no pod.
  std::int64_t max_skew = 1;
  std::int64_t min_domains = 1;
  bool is_required = true;      ///< whenUnsatisfiable: DoNotSchedule.
  bool honors_affinity = true;  ///< nodeAffinityPolicy: only nodes that the pod's selectors take are counted.
  bool honors_taints = false;   ///< nodeTaintsPolicy: only nodes whose taints the pod tolerates are.
};

struct PodWishes {
  std::vector<PodTerm> near;            ///< Required podAffinity.
  std::vector<PodTerm> apart;           ///< Required podAntiAffinity.
  std::vector<WeightedPodTerm> rather;  ///< Preferred ones of both.
  std::vector<NodeWish> nodes;          ///< Preferred nodeAffinity.
  std::vector<SpreadConstraint> spread;

  bool empty() const { return near.empty() && apart.empty() && rather.empty() && nodes.empty() && spread.empty(); }
};

/// Terms of one list, and constraints, of a pod: each is asked of every node.
constexpr std::size_t kMostPodTerms = 100;

/// What is not understood, which validation does not let pass, is as if it were not said.
PodWishes pod_wishes(const json::object& pod);

/// Does the term select this node? An empty one selects none.
bool selects(const NodeSelectorTerm& term, const Node& node);

}  // namespace berth::model
