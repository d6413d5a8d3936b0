// agent/sets/deployment_sizes.cpp - see deployment_sizes.hpp.
#include "agent/sets/deployment_sizes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace berth::agent {
namespace {

struct Limits {
  std::int32_t surge = 0;
  std::int32_t unavailable = 0;
};

std::int32_t bounded(std::int64_t number) {
  return static_cast<std::int32_t>(std::min<std::int64_t>(number, std::numeric_limits<std::int32_t>::max()));
}

Limits limits_of(const model::Deployment& deployment) {
  Limits limits{bounded(deployment.max_surge.rounded_up(deployment.replicas)),
                bounded(deployment.max_unavailable.rounded_down(deployment.replicas))};
  if (limits.surge == 0 && limits.unavailable == 0) limits.unavailable = 1;
  return limits;
}

bool rolls(const model::Deployment& deployment) { return deployment.strategy == "RollingUpdate"; }

/// What a set of its size has to give or to take.
std::int64_t fraction(const SizedSet& set, const model::Deployment& deployment) {
  if (deployment.replicas == 0) return -set.replicas;
  const auto most = static_cast<std::int64_t>(deployment.replicas) + max_surge(deployment);
  auto before = set.max_replicas.value_or(0);
  if (before == 0) before = deployment.status.replicas;
  if (before == 0) return 0;
  const auto size = static_cast<double>(set.replicas) * static_cast<double>(most) / static_cast<double>(before);
  return std::llround(size) - set.replicas;
}

}  // namespace

std::int32_t max_surge(const model::Deployment& deployment) {
  return rolls(deployment) ? limits_of(deployment).surge : 0;
}

std::int32_t max_unavailable(const model::Deployment& deployment) {
  if (!rolls(deployment) || deployment.replicas == 0) return 0;
  return std::min(limits_of(deployment).unavailable, deployment.replicas);
}

std::optional<std::int32_t> number_in(const model::StringMap& annotations, const char* name) {
  const auto found = annotations.find(name);
  if (found == annotations.end()) return std::nullopt;
  std::int32_t number = 0;
  const auto* end = found->second.data() + found->second.size();
  const auto read = std::from_chars(found->second.data(), end, number);
  return read.ec == std::errc() && read.ptr == end ? std::optional(number) : std::nullopt;
}

std::vector<std::int32_t> share_out(const model::Deployment& deployment, const std::vector<SizedSet>& sets) {
  std::int64_t now = 0;
  for (const auto& set : sets) now += set.replicas;
  const std::int64_t most =
      deployment.replicas == 0 ? 0 : static_cast<std::int64_t>(deployment.replicas) + max_surge(deployment);
  const auto to_add = most - now;
  // The largest first; of equals the newest when there is something to get, the oldest when there is something to lose.
  std::vector<std::size_t> order(sets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto& one = sets[a];
    const auto& other = sets[b];
    if (one.replicas != other.replicas) return one.replicas > other.replicas;
    if (one.created != other.created) return (one.created > other.created) == (to_add > 0);
    return one.name < other.name;
  });
  std::vector<std::int32_t> sizes(sets.size());
  std::int64_t added = 0;
  for (const auto at : order) {
    std::int64_t part = 0;
    if (to_add != added) {
      const auto allowed = to_add - added;
      const auto wanted = fraction(sets[at], deployment);
      part = to_add > 0 ? std::min(wanted, allowed) : std::max(wanted, allowed);
    }
    sizes[at] = static_cast<std::int32_t>(std::max<std::int64_t>(sets[at].replicas + part, 0));
    added += part;
  }
  if (!order.empty() && to_add != 0) {
    auto& largest = sizes[order.front()];
    largest = static_cast<std::int32_t>(std::max<std::int64_t>(largest + to_add - added, 0));
  }
  return sizes;
}

}  // namespace berth::agent
