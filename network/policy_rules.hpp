// network/policy_rules.hpp - the nftables tables of network policies as text: whole, and as the way from one state to
// the next. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "network/firewall.hpp"
#include "network/netlink.hpp"
#include "network/nft_batch.hpp"
#include "network/pod_policies.hpp"

namespace berth::network {

/// A pod's end of its cable, which the bridge sees: whose frames come from there, and from which address.
struct Cable {
  std::string link;
  Mac mac{};
  bool operator==(const Cable&) const = default;
};
/// By the pod's address: of all pods of the bridge, whether a policy selects them or not.
using Cables = std::map<std::string, Cable>;

/// The tables `ip berth-<bridge>-policies` and `bridge berth-<bridge>-policies` as nft(8) text that replaces both in
/// one transaction. `bridge_mac`: the bridge's own. `from_before`: there were none, so the kernel may not know of
/// connections that are open.
///
/// In table bridge:
/// - A frame of a pod has the pod's own MAC and address, or is dropped: nobody gets through in another's name.
/// - A packet from pod to pod is handed to the host, which routes it, as if it had been sent to the gateway: so that it
///   passes the hooks of table ip, with br_netfilter or without.
/// - What is no IPv4 packet to one receiver (IPv6 of the link, multicast) does not reach a closed pod, nor leave one.
/// In table ip:
/// - Answers pass, and a connection of TCP that is open goes on; anything else is judged packet by packet: first by the
///   chains of the pod that sends, then by those of the pod that gets it. After address translation: a service's packet
///   is judged by the pod that it goes to.
/// - A pod always reaches itself, and the host every pod. A pod that is closed towards outside reaches the pods' DNS
///   server, and nothing else of the host but what a rule allows.
/// - For a minute after the first policy of all, packets of TCP that do not open a connection pass between pods and
/// become
///   known: these were not routed before.
std::string policies_text(const FirewallPlan& plan, const Mac& bridge_mac, const Cables& cables,
                          const PodPolicies& policies, bool from_before);

/// Removes both tables, if they are there.
std::string no_policies_text(const std::string& bridge);

/// What leads from one state of the tables to another, one transaction; only what differs is touched. Empty: nothing
/// differs. Both have pods.
std::string change_text(const FirewallPlan& plan, const Cables& cables, const PodPolicies& before,
                        const PodPolicies& after);

/// The same as a batch, when pods came to sets and left them, and nothing else differs; else none.
std::optional<NftBatch> batch_of(const FirewallPlan& plan, const PodPolicies& before, const PodPolicies& after);

/// A pod is plugged in, or was: `policed` is null for one that no policy selects.
std::string plug_text(const std::string& bridge, const std::string& address, const Cable& cable,
                      const PolicedPod* policed);
std::string unplug_text(const std::string& bridge, const std::string& address, const Cable& cable,
                        const PolicedPod* policed);

std::string policy_table(const std::string& bridge);  ///< "berth-berth0-policies"

}  // namespace berth::network
