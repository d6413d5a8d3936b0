// network/service_proxy.hpp - keeps the nftables table of services at what is wanted.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "network/service_routes.hpp"
#include "network/service_rules.hpp"

namespace berth::network {

/// Any thread: calls wait for each other. What an earlier agent left in the kernel stays in force until the first
/// set().
class ServiceProxy {
 public:
  explicit ServiceProxy(FirewallPlan plan) : plan_(std::move(plan)) {}

  /// Makes the table lead to `wanted`, in one transaction: the first time the whole, from then on the difference; the
  /// whole again when the difference does not fit what is there; no table as long as nothing was ever wanted. Flows
  /// that are under way go on, but for those of UDP that led to a backend which went. Errors as run_nft(): then
  /// everything is as before.
  Status set(ServiceRoutes wanted);

  /// Makes the table anew if somebody took it away, as flushing the ruleset does. Nothing to do before the first set().
  Status keep();

 private:
  Status apply(const ServiceChange& change) const;
  Status rebuild(const ServiceRoutes& wanted) const;

  const FirewallPlan plan_;
  std::optional<ServiceRoutes> applied_;  ///< Guarded by nft_mutex().
};

}  // namespace berth::network
