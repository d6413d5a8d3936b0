// agent/scaling/scaling_rate.cpp - see scaling_rate.hpp.
#include "agent/scaling/scaling_rate.hpp"

#include <algorithm>
#include <limits>

namespace berth::agent {
namespace {

/// What a policy allows, of so many pods. Rounded up: else few would never become more, nor fewer.
std::int64_t allowed_change(const model::ScalingPolicy& policy, std::int64_t pods) {
  constexpr std::int64_t kWhole = 100;
  return policy.percent ? (pods * policy.value + kWhole - 1) / kWhole : policy.value;
}

std::int64_t changed_within(const std::vector<ScalingMemory::Step>& steps, std::chrono::seconds period,
                            SteadyTime now) {
  std::int64_t sum = 0;
  for (const auto& step : steps) {
    if (step.at > now - period) sum += step.pods;
  }
  return sum;
}

/// The most pods that there may be. Never less than there are.
std::int64_t upper_limit(const model::ScalingRules& rules, std::int32_t current, const ScalingMemory& memory,
                         SteadyTime now) {
  if (rules.select == model::SelectPolicy::Disabled) return current;
  const bool least = rules.select == model::SelectPolicy::Min;
  std::int64_t limit = least ? std::numeric_limits<std::int64_t>::max() : 0;
  for (const auto& policy : rules.policies) {
    const auto before =
        current - changed_within(memory.ups, policy.period, now) + changed_within(memory.downs, policy.period, now);
    const auto allowed = before + allowed_change(policy, before);
    limit = least ? std::min(limit, allowed) : std::max(limit, allowed);
  }
  return std::max<std::int64_t>(limit, current);
}

/// The fewest. Never more than there are.
std::int64_t lower_limit(const model::ScalingRules& rules, std::int32_t current, const ScalingMemory& memory,
                         SteadyTime now) {
  if (rules.select == model::SelectPolicy::Disabled) return current;
  const bool least = rules.select == model::SelectPolicy::Min;
  std::int64_t limit = least ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
  for (const auto& policy : rules.policies) {
    const auto before =
        current - changed_within(memory.ups, policy.period, now) + changed_within(memory.downs, policy.period, now);
    const auto allowed = before - allowed_change(policy, before);
    limit = least ? std::max(limit, allowed) : std::min(limit, allowed);
  }
  return std::min<std::int64_t>(limit, current);
}

struct Stable {
  std::int32_t replicas = 0;
  model::AutoscalerCondition able;
};

Stable stabilized(const model::Autoscaler& scaler, std::int32_t current, std::int32_t wanted,
                  const ScalingMemory& memory, SteadyTime now) {
  auto low = wanted;
  auto high = wanted;
  for (const auto& past : memory.recommendations) {
    if (past.at > now - scaler.up.window) low = std::min(low, past.replicas);
    if (past.at > now - scaler.down.window) high = std::max(high, past.replicas);
  }
  const auto replicas = std::min(std::max(current, low), high);
  if (replicas == wanted) {
    return {replicas, {"AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size", {}}};
  }
  if (wanted >= current) {
    return {replicas,
            {"AbleToScale",
             "True",
             "ScaleUpStabilized",
             "recent recommendations were lower than current one, applying the lowest recent recommendation",
             {}}};
  }
  return {replicas,
          {"AbleToScale",
           "True",
           "ScaleDownStabilized",
           "recent recommendations were higher than current one, applying the highest recent recommendation",
           {}}};
}

struct Limited {
  std::int32_t replicas = 0;
  model::AutoscalerCondition limited;
};

Limited limit_rate(const model::Autoscaler& scaler, std::int32_t current, std::int32_t wanted,
                   const ScalingMemory& memory, SteadyTime now) {
  const auto bounded = [](std::int64_t replicas, std::string reason, std::string message) {
    return Limited{static_cast<std::int32_t>(replicas),
                   {"ScalingLimited", "True", std::move(reason), std::move(message), {}}};
  };
  if (wanted > current) {
    const auto limit = upper_limit(scaler.up, current, memory, now);
    const auto most = std::min<std::int64_t>(scaler.max_replicas, limit);
    if (wanted > most) {
      return scaler.max_replicas > limit
                 ? bounded(most, "ScaleUpLimit",
                           "the desired replica count is increasing faster than the maximum scale rate")
                 : bounded(most, "TooManyReplicas", "the desired replica count is more than the maximum replica count");
    }
  } else if (wanted < current) {
    const auto limit = lower_limit(scaler.down, current, memory, now);
    const auto least = std::max<std::int64_t>(scaler.min_replicas, limit);
    if (wanted < least) {
      return scaler.min_replicas < limit
                 ? bounded(least, "ScaleDownLimit",
                           "the desired replica count is decreasing faster than the maximum scale rate")
                 : bounded(least, "TooFewReplicas", "the desired replica count is less than the minimum replica count");
    }
  }
  return {wanted,
          {"ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range", {}}};
}

std::chrono::seconds longest_period(const model::Autoscaler& scaler) {
  std::chrono::seconds longest{0};
  for (const auto* rules : {&scaler.up, &scaler.down}) {
    for (const auto& policy : rules->policies) longest = std::max(longest, policy.period);
  }
  return longest;
}

}  // namespace

RatedReplicas rate_replicas(const model::Autoscaler& scaler, std::int32_t current, std::int32_t wanted,
                            ScalingMemory memory, SteadyTime now) {
  if (memory.recommendations.empty()) memory.recommendations.push_back({current, now});
  auto stable = stabilized(scaler, current, wanted, memory, now);
  auto limited = limit_rate(scaler, current, stable.replicas, memory, now);
  const auto oldest = now - std::max(scaler.up.window, scaler.down.window);
  std::erase_if(memory.recommendations, [&](const auto& past) { return past.at < oldest; });
  memory.recommendations.push_back({wanted, now});
  return {limited.replicas, std::move(stable.able), std::move(limited.limited), std::move(memory)};
}

ScalingMemory with_step(const model::Autoscaler& scaler, ScalingMemory memory, std::int32_t before, std::int32_t after,
                        SteadyTime now) {
  const auto oldest = now - longest_period(scaler);
  for (auto* steps : {&memory.ups, &memory.downs}) {
    std::erase_if(*steps, [&](const auto& step) { return step.at < oldest; });
  }
  if (after > before) memory.ups.push_back({after - before, now});
  if (after < before) memory.downs.push_back({before - after, now});
  return memory;
}

}  // namespace berth::agent
