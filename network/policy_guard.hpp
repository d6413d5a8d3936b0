// network/policy_guard.hpp - keeps the nftables tables of network policies at what is wanted.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "network/pod_policies.hpp"
#include "network/policy_rules.hpp"

namespace berth::network {

/// Any thread: calls wait for each other. What an earlier agent left in the kernel stays in force until the first
/// set().
class PolicyGuard {
 public:
  /// `cables` gives those of all pods; it is called when the tables are built.
  PolicyGuard(FirewallPlan plan, std::function<Cables()> cables) : plan_(std::move(plan)), all_(std::move(cables)) {}

  /// Makes the tables enforce `wanted`, in one transaction: the first time the whole, from then on the difference; the
  /// whole again when the difference does not fit what is there. Without pods that are policed there are no tables; in
  /// a cluster: without policies.
  /// Errors as run_nft(), and of rtnetlink: then everything is as before.
  Status set(PodPolicies wanted);

  /// Before a pod's interface is plugged in, and after it is gone: whose frames may come by that cable. Nothing to do
  /// while there are no tables. Errors as run_nft().
  Status plug(const std::string& address, const Cable& cable);
  Status unplug(const std::string& address);

  /// Makes the tables anew if somebody took them away, as flushing the ruleset does. Nothing to do before the first
  /// set().
  Status keep();

 private:
  bool is_active() const { return applied_ && needs_tables(*applied_); }
  /// A policy that selects pods of other hosts only trusts the addresses of ours: then nobody here may use another's.
  bool needs_tables(const PodPolicies& policies) const {
    return !policies.pods.empty() || (plan_.cluster && !policies.chains.empty());
  }
  Status rebuild(const PodPolicies& wanted);
  Status change(const PodPolicies& wanted) const;

  const FirewallPlan plan_;
  const std::function<Cables()> all_;
  // Guarded by nft_mutex().
  std::optional<PodPolicies> applied_;
  Cables cables_;  ///< That the tables know.
};

}  // namespace berth::network
