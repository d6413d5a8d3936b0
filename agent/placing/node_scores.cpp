// agent/placing/node_scores.cpp - see node_scores.hpp.
#include "agent/placing/node_scores.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "model/selector.hpp"

namespace berth::agent {
namespace {

using Scores = std::vector<std::int64_t>;
using Nodes = std::vector<const model::Node*>;

constexpr std::int64_t kBest = 100;
constexpr const char* kZone = "topology.kubernetes.io/zone";

/// What one pod more weighs in one of so many domains, in thousandths: of many each has few.
std::int64_t weight_of_domains(std::size_t domains) {
  return std::llround(1000 * std::log(static_cast<double>(domains) + 2));
}

/// Stretches scores to 0 for the worst and kBest for the best, and adds them; equal ones say nothing.
void add_stretched(Scores& to, const Scores& scores, std::int64_t weight) {
  if (scores.empty()) return;
  const auto [least, most] = std::minmax_element(scores.begin(), scores.end());
  if (*least == *most) return;
  for (std::size_t i = 0; i < scores.size(); ++i) to[i] += weight * (kBest * (scores[i] - *least) / (*most - *least));
}

Scores prefer_taints(const model::Pod& pod, const Nodes& nodes) {
  Scores out;
  for (const auto* node : nodes) {
    out.push_back(-std::count_if(node->taints.begin(), node->taints.end(), [&](const auto& taint) {
      const auto admits = [&](const auto& toleration) { return model::tolerates(toleration, taint); };
      return taint.effect == "PreferNoSchedule" &&
             std::none_of(pod.spec.tolerations.begin(), pod.spec.tolerations.end(), admits);
    }));
  }
  return out;
}

Scores prefer_nodes(const model::PodWishes& wishes, const Nodes& nodes) {
  Scores out(nodes.size());
  for (const auto& wish : wishes.nodes) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (model::selects(wish.preference, *nodes[i])) out[i] += wish.weight;
    }
  }
  return out;
}

/// What the pod says of those who are placed, and what they say of it.
Scores prefer_pods(const Seeker& seeker, const PodPlaces& places, const Nodes& nodes) {
  std::map<std::string, std::map<std::string, std::int64_t>> domains;
  const auto add = [&](const std::string& node, const std::string& key, std::int64_t weight) {
    const auto* host = places.host(node);
    const auto* value = host == nullptr || host->node == nullptr ? nullptr : label_of(*host->node, key);
    if (value != nullptr) domains[key][*value] += weight;
  };
  if (seeker.tenant.wishes) {
    for (const auto& wish : seeker.tenant.wishes->rather) {
      places.each_taken(wish.term, [&](const auto& other) { add(other.node, wish.term.topology_key, wish.weight); });
    }
  }
  const auto& ns = seeker.tenant.name.first;
  for (const auto& [id, saying] : places.rather()) {
    if (!takes(saying.term, ns, places.labels_of_namespace(ns), seeker.pod.meta.labels)) continue;
    for (const auto& [node, pods] : saying.nodes) add(node, saying.term.topology_key, pods * saying.weight);
  }
  Scores out(nodes.size());
  for (const auto& [key, values] : domains) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto* value = label_of(*nodes[i], key);
      const auto found = value == nullptr ? values.end() : values.find(*value);
      if (found != values.end()) out[i] += found->second;
    }
  }
  return out;
}

/// A node without one of the labels is the worst.
Scores prefer_spread(const Seeker& seeker, const PodPlaces& places, const Nodes& nodes) {
  const SpreadCounts counts(seeker, places, SpreadCounts::Which::Preferred);
  Scores out(nodes.size());
  std::vector<bool> is_nowhere(nodes.size());
  for (const auto& constraint : counts.constraints()) {
    const auto weight = weight_of_domains(constraint.domains.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto* value = label_of(*nodes[i], constraint.said->topology_key);
      if (value == nullptr) {
        is_nowhere[i] = true;
        continue;
      }
      const auto found = constraint.domains.find(*value);
      if (found != constraint.domains.end()) out[i] -= weight * found->second;
    }
  }
  const auto worst = out.empty() ? 0 : *std::min_element(out.begin(), out.end()) - 1;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (is_nowhere[i]) out[i] = worst;
  }
  return out;
}

Scores crowds(const Tenant& tenant, const PodPlaces& places, const Nodes& nodes) {
  Scores out(nodes.size());
  const auto& counts = places.of_set(tenant.set);
  if (tenant.set.empty() || counts.empty()) return out;
  const auto zone_of = [](const model::Node& node) {
    const auto* zone = label_of(node, kZone);
    return zone == nullptr ? std::string() : *zone;
  };
  std::map<std::string, std::int64_t> zones;
  for (const auto* node : nodes) zones.try_emplace(zone_of(*node));
  for (const auto& [name, pods] : counts) {
    const auto* host = places.host(name);
    if (host == nullptr || host->node == nullptr) continue;
    const auto found = zones.find(zone_of(*host->node));
    if (found != zones.end()) found->second += pods;
  }
  const auto zone_weight = weight_of_domains(zones.size());
  const auto host_weight = weight_of_domains(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto here = counts.find(nodes[i]->meta.name);
    out[i] = zone_weight * zones[zone_of(*nodes[i])] + (here == counts.end() ? 0 : host_weight * here->second);
  }
  return out;
}

}  // namespace

std::vector<NodeScore> score_nodes(const Seeker& seeker, const PodPlaces& places, const Nodes& nodes) {
  // The weights of Kubernetes' default profile.
  Scores wishes(nodes.size());
  add_stretched(wishes, prefer_taints(seeker.pod, nodes), 3);
  add_stretched(wishes, prefer_pods(seeker, places, nodes), 2);
  add_stretched(wishes, prefer_spread(seeker, places, nodes), 2);
  if (seeker.tenant.wishes) add_stretched(wishes, prefer_nodes(*seeker.tenant.wishes, nodes), 2);
  const auto crowd = crowds(seeker.tenant, places, nodes);
  std::vector<NodeScore> out;
  out.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) out.push_back({wishes[i], crowd[i]});
  return out;
}

}  // namespace berth::agent
