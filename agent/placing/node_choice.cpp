// agent/placing/node_choice.cpp - see node_choice.hpp.
#include "agent/placing/node_choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>

#include "agent/placing/node_scores.hpp"

namespace berth::agent {
namespace {

constexpr std::int64_t kFull = 1000;

std::vector<const Tenant*> beside(const NodeView& node) {
  auto all = node.host->here.all;
  all.insert(all.end(), node.ahead.begin(), node.ahead.end());
  return all;
}

std::vector<std::string> shortages_of(const Tenant& pod, const NodeView& node) {
  if (node.ahead.empty()) return shortages(pod, node.host->allocatable, node.host->here);
  return shortages(pod, node.host->allocatable, together(beside(node)));
}

/// Of the scarcer of processor and memory, in thousandths, with the pod there.
std::int64_t load(const Tenant& pod, const PodPlaces::Host& host) {
  std::int64_t most = 0;
  for (const auto* resource : {"cpu", "memory"}) {
    const auto has = host.allocatable.find(resource);
    if (has == host.allocatable.end() || has->second.milli <= 0) continue;
    model::Amount taken;
    for (const auto* amounts : {&host.here.taken, &pod.requests}) {
      if (const auto found = amounts->find(resource); found != amounts->end()) taken += found->second;
    }
    // Divided first: bytes in thousandths are near the end of 64 bits.
    most = std::max(most, taken.milli / std::max<std::int64_t>(has->second.milli / kFull, 1));
  }
  return most;
}

std::string summary(const std::map<std::string, int>& reasons, std::size_t nodes) {
  std::vector<std::string> counted;
  counted.reserve(reasons.size());
  for (const auto& [reason, count] : reasons) counted.push_back(fmt::format("{} {}", count, reason));
  std::sort(counted.begin(), counted.end());
  return fmt::format("0/{} nodes are available: {}.", nodes, fmt::join(counted, ", "));
}

/// What is against a node because of the pods on others. Counted once for all nodes.
class Neighbours {
 public:
  Neighbours(const Seeker& seeker, const PodPlaces& places)
      : spread_(seeker, places, SpreadCounts::Which::Required), affinity_(seeker, places) {}

  std::string why_not(const model::Node& node) const {
    auto why = why_not_spread(spread_, node);
    return why.empty() ? affinity_.why_not(node) : why;
  }

 private:
  SpreadCounts spread_;
  AffinityFilter affinity_;
};

const NodeView* best_of(const Seeker& seeker, const std::vector<const NodeView*>& fit, const PodPlaces& places) {
  using Order = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::string_view>;
  std::vector<const model::Node*> nodes;
  nodes.reserve(fit.size());
  for (const auto* view : fit) nodes.push_back(view->host->node.get());
  const auto scores = score_nodes(seeker, places, nodes);
  const NodeView* best = nullptr;
  std::optional<Order> order;
  for (std::size_t i = 0; i < fit.size(); ++i) {
    const Order own{-scores[i].wishes, scores[i].crowd, load(seeker.tenant, *fit[i]->host), nodes[i]->meta.name};
    if (order && *order <= own) continue;
    order = own;
    best = fit[i];
  }
  return best;
}

}  // namespace

NodeChoice choose_node(const Seeker& seeker, const std::vector<NodeView>& nodes, const PodPlaces& places) {
  NodeChoice choice;
  const Neighbours neighbours(seeker, places);
  std::vector<const NodeView*> fit;
  std::map<std::string, int> reasons;
  for (const auto& view : nodes) {
    const auto why_not = view.why_not.empty() ? neighbours.why_not(*view.host->node) : view.why_not;
    if (!why_not.empty()) {
      ++reasons[why_not];
      continue;
    }
    const auto missing = shortages_of(seeker.tenant, view);
    for (const auto& reason : missing) ++reasons[reason];
    (missing.empty() ? fit : choice.full).push_back(&view);
  }
  if (fit.empty()) {
    choice.why = summary(reasons, nodes.size());
  } else {
    choice.node = best_of(seeker, fit, places)->host->node->meta.name;
    choice.full.clear();
  }
  return choice;
}

std::vector<const Tenant*> choose_victims(const Tenant& pod, const std::vector<const NodeView*>& full) {
  std::vector<const Tenant*> best;
  const auto cost = [](const std::vector<const Tenant*>& all) {
    std::int64_t highest = all.front()->priority;
    for (const auto* each : all) highest = std::max(highest, each->priority);
    const auto guarded = std::count_if(all.begin(), all.end(), [](const auto* each) { return each->guarded; });
    return std::tuple(guarded, highest, all.size());
  };
  for (const auto* node : full) {
    auto here = beside(*node);
    if (std::none_of(here.begin(), here.end(),
                     [&](const auto* each) { return each->leaving || each->priority < pod.priority; }))
      continue;
    auto gone = victims(pod, node->host->allocatable, here);
    std::erase_if(here, [](const auto* tenant) { return tenant->leaving; });
    if (gone.empty() && shortages(pod, node->host->allocatable, together(std::move(here))).empty()) return {};
    if (!gone.empty() && (best.empty() || cost(gone) < cost(best))) best = std::move(gone);
  }
  return best;
}

}  // namespace berth::agent
