// agent/node_choice.cpp - see node_choice.hpp.
#include "agent/node_choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>

namespace berth::agent {
namespace {

constexpr std::int64_t kFull = 1000;

std::vector<const Tenant*> beside(const NodeView& node) {
  auto all = node.here;
  all.insert(all.end(), node.ahead.begin(), node.ahead.end());
  return all;
}

std::size_t siblings(const Tenant& pod, const NodeView& node) {
  if (pod.set.empty()) return 0;
  return static_cast<std::size_t>(std::count_if(
      node.here.begin(), node.here.end(), [&](const auto* other) { return other->set == pod.set && !other->leaving; }));
}

/// Of the scarcer of processor and memory, in thousandths, with the pod there.
std::int64_t load(const Tenant& pod, const NodeView& node) {
  std::int64_t most = 0;
  for (const auto* resource : {"cpu", "memory"}) {
    const auto has = node.allocatable.find(resource);
    if (has == node.allocatable.end() || has->second.milli <= 0) continue;
    model::Amount taken;
    const auto add = [&](const Tenant& tenant) {
      if (const auto wants = tenant.requests.find(resource); wants != tenant.requests.end()) taken += wants->second;
    };
    for (const auto* tenant : node.here) add(*tenant);
    add(pod);
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

/// Who would have to go on each node, and of these the fewest and least important. None where waiting is enough.
std::vector<const Tenant*> choose_victims(const Tenant& pod, const std::vector<NodeView>& nodes) {
  std::vector<const Tenant*> best;
  const auto cost = [](const std::vector<const Tenant*>& all) {
    std::int64_t highest = all.front()->priority;
    for (const auto* each : all) highest = std::max(highest, each->priority);
    const auto guarded = std::count_if(all.begin(), all.end(), [](const auto* each) { return each->guarded; });
    return std::tuple(guarded, highest, all.size());
  };
  for (const auto& node : nodes) {
    if (!node.why_not.empty()) continue;
    auto here = beside(node);
    auto gone = victims(pod, node.allocatable, here);
    std::erase_if(here, [](const auto* tenant) { return tenant->leaving; });
    if (gone.empty() && shortages(pod, node.allocatable, here).empty()) return {};
    if (!gone.empty() && (best.empty() || cost(gone) < cost(best))) best = std::move(gone);
  }
  return best;
}

}  // namespace

NodeChoice choose_node(const Tenant& pod, const std::vector<NodeView>& nodes) {
  using Score = std::tuple<std::size_t, std::int64_t, std::string_view>;
  NodeChoice choice;
  std::optional<Score> best;
  std::map<std::string, int> reasons;
  for (const auto& node : nodes) {
    if (!node.why_not.empty()) {
      ++reasons[node.why_not];
      continue;
    }
    const auto missing = shortages(pod, node.allocatable, beside(node));
    for (const auto& reason : missing) ++reasons[reason];
    if (!missing.empty()) continue;
    const Score score{siblings(pod, node), load(pod, node), node.name};
    if (best && *best <= score) continue;
    best = score;
    choice.node = node.name;
  }
  if (best) return choice;
  choice.why = summary(reasons, nodes.size());
  choice.victims = choose_victims(pod, nodes);
  return choice;
}

}  // namespace berth::agent
