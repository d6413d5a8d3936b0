// agent/placing/node_filters.cpp - see node_filters.hpp.
#include "agent/placing/node_filters.hpp"

#include <algorithm>
#include <set>

#include "agent/sets/set_plan.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

std::vector<model::Taint> taints_of(const model::Node& node) {
  auto out = node.taints;
  if (node.unschedulable)
    out.push_back({.key = "node.kubernetes.io/unschedulable", .value = {}, .effect = "NoSchedule"});
  return out;
}

/// Is it a node on which pods are counted for this constraint? It has the labels of all of them.
bool is_counted(const model::Node& node, const Seeker& seeker, const model::SpreadConstraint& constraint) {
  if (is_silent(node)) return false;
  if (constraint.honors_affinity && !model::node_matches(seeker.pod.spec, node)) return false;
  return !constraint.honors_taints || model::untolerated(seeker.pod.spec.tolerations, taints_of(node)) == nullptr;
}

}  // namespace

bool is_silent(const model::Node& node) {
  return std::any_of(node.taints.begin(), node.taints.end(),
                     [](const auto& taint) { return taint.key == "node.kubernetes.io/unreachable"; });
}

const std::string* label_of(const model::Node& node, const std::string& key) {
  const auto found = node.meta.labels.find(key);
  return found == node.meta.labels.end() ? nullptr : &found->second;
}

AffinityFilter::AffinityFilter(const Seeker& seeker, const PodPlaces& places) {
  const auto& ns = seeker.tenant.name.first;
  const auto& labels = seeker.pod.meta.labels;
  const auto takes_all = [&](const std::string& other_ns, const model::StringMap& other_labels) {
    return std::all_of(near_.begin(), near_.end(), [&](const auto& term) {
      return takes(term, other_ns, places.labels_of_namespace(other_ns), other_labels);
    });
  };
  if (seeker.tenant.wishes) near_ = seeker.tenant.wishes->near;
  if (!near_.empty()) {
    is_near_itself_ = takes_all(ns, labels);
    places.each_taken(near_.front(), [&](const PodPlaces::Placed& other) {
      if (!takes_all(other.tenant->name.first, other.pod->meta.labels)) return;
      for (const auto& term : near_) add(friends_, places, other.node, term.topology_key);
    });
  }
  if (seeker.tenant.wishes) {
    for (const auto& term : seeker.tenant.wishes->apart) {
      places.each_taken(term, [&](const auto& other) { add(foes_, places, other.node, term.topology_key); });
    }
  }
  for (const auto& [id, saying] : places.apart()) {
    if (!takes(saying.term, ns, places.labels_of_namespace(ns), labels)) continue;
    for (const auto& [node, pods] : saying.nodes) add(refusing_, places, node, saying.term.topology_key);
  }
}

void AffinityFilter::add(Domains& domains, const PodPlaces& places, const std::string& node, const std::string& key) {
  const auto* host = places.host(node);
  const auto* value = host == nullptr || host->node == nullptr ? nullptr : label_of(*host->node, key);
  if (value != nullptr) domains[key].insert(*value);
}

bool AffinityFilter::contains(const Domains& domains, const model::Node& node) {
  return std::any_of(domains.begin(), domains.end(), [&](const auto& each) {
    const auto* value = label_of(node, each.first);
    return value != nullptr && each.second.contains(*value);
  });
}

std::string AffinityFilter::why_not(const model::Node& node) const {
  auto all_near = true;
  for (const auto& term : near_) {
    const auto* value = label_of(node, term.topology_key);
    if (value == nullptr) return "node(s) didn't match pod affinity rules";
    const auto found = friends_.find(term.topology_key);
    all_near = all_near && found != friends_.end() && found->second.contains(*value);
  }
  if (!all_near && !(friends_.empty() && is_near_itself_)) return "node(s) didn't match pod affinity rules";
  if (contains(foes_, node)) return "node(s) didn't match pod anti-affinity rules";
  if (contains(refusing_, node)) return "node(s) didn't satisfy existing pods anti-affinity rules";
  return {};
}

SpreadCounts::SpreadCounts(const Seeker& seeker, const PodPlaces& places, Which which) {
  if (!seeker.tenant.wishes) return;
  for (const auto& said : seeker.tenant.wishes->spread) {
    if (said.is_required != (which == Which::Required)) continue;
    constraints_.push_back({.said = &said,
                            .domains = {},
                            .fewest = 0,
                            .takes_itself = model::matches(said.selector, seeker.pod.meta.labels)});
  }
  const auto has_all = [&](const model::Node& node) {
    return std::all_of(constraints_.begin(), constraints_.end(),
                       [&](const auto& each) { return label_of(node, each.said->topology_key) != nullptr; });
  };
  for (auto& constraint : constraints_) {
    const auto is_counted_on = [&](const PodPlaces::Host& host) {
      return host.node != nullptr && has_all(*host.node) && is_counted(*host.node, seeker, *constraint.said);
    };
    for (const auto& [name, host] : places.hosts()) {
      if (is_counted_on(host)) constraint.domains.try_emplace(*label_of(*host.node, constraint.said->topology_key));
    }
    if (constraint.said->selector) {
      places.each_taken(seeker.tenant.name.first, *constraint.said->selector, [&](const PodPlaces::Placed& other) {
        const auto& host = *places.host(other.node);
        if (other.tenant->leaving || !is_counted_on(host)) return;
        ++constraint.domains[*label_of(*host.node, constraint.said->topology_key)];
      });
    }
    if (static_cast<std::int64_t>(constraint.domains.size()) < constraint.said->min_domains) continue;
    const auto fewest = std::min_element(constraint.domains.begin(), constraint.domains.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (fewest != constraint.domains.end()) constraint.fewest = fewest->second;
  }
}

std::string why_not_spread(const SpreadCounts& counts, const model::Node& node) {
  for (const auto& constraint : counts.constraints()) {
    const auto* value = label_of(node, constraint.said->topology_key);
    if (value == nullptr) return "node(s) didn't match pod topology spread constraints (missing required label)";
    const auto found = constraint.domains.find(*value);
    const auto there = found == constraint.domains.end() ? 0 : found->second;
    if (there + (constraint.takes_itself ? 1 : 0) - constraint.fewest > constraint.said->max_skew)
      return "node(s) didn't match pod topology spread constraints";
  }
  return {};
}

}  // namespace berth::agent
