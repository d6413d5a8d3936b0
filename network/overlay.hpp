// network/overlay.hpp - leads packets to the pods of other hosts, and keeps it so.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "network/overlay_state.hpp"

namespace berth::network {

/// Of a plan with a cluster. Any thread: calls wait for each other. What an earlier agent left in the kernel stays in
/// force until the first set().
class Overlay {
 public:
  static constexpr std::chrono::seconds kCheckInterval{10};

  /// `own_address` says where other hosts reach us, the gateway for nowhere. `key` is our private one, in mode
  /// WireGuard.
  Overlay(FirewallPlan plan, std::function<std::string()> own_address, const WireGuardKey& key = {})
      : plan_(std::move(plan)), own_address_(std::move(own_address)), key_(key) {}

  /// See PodNetwork::set_peers().
  Status set(const std::vector<Peer>& peers);

  /// The bridge was made, or made again, with that MTU: it has it from now on, and so has VXLAN's link. Compares all
  /// with the kernel and mends what is not as it was set; before the first set() sees that no packet to a pod elsewhere
  /// leaves by the default route. Errors from the kernel, the first of them, after everything was tried; Unimplemented:
  /// mode WireGuard, and the kernel has none.
  Status repair(unsigned mtu);

  /// Our public key in mode WireGuard, since the first repair(); else empty. Does not wait for other calls.
  std::string wireguard_key() const;

  /// Compares and mends when it was not done for a while before `now`. Nothing to do before the first set().
  Status keep(std::chrono::steady_clock::time_point now);

  /// The hosts whose packets are let in: those that were set, before that those of an earlier agent.
  std::vector<IpAddress> hosts() const;

 private:
  Status apply(PeerHosts wanted);
  Status compare_all();
  Status refuse_all();
  Result<int> device(Netlink& netlink);
  Status make_vxlan(Netlink& netlink, unsigned mtu);
  Status make_wireguard(Netlink& netlink, unsigned mtu);
  Result<OverlayState> state_in_kernel(Netlink& netlink, int device) const;
  Status change(Netlink& netlink, const OverlayState& from, const OverlayState& to) const;

  const FirewallPlan plan_;
  const std::function<std::string()> own_address_;
  const WireGuardKey key_;
  mutable std::mutex key_mutex_;
  std::string public_key_;  ///< Guarded by key_mutex_.
  mutable std::mutex mutex_;
  std::optional<PeerHosts> wanted_;
  std::optional<unsigned> mtu_;  ///< Of the bridge; none: as it is.
  int device_ = 0;               ///< Index of the tunnel's link when it was last looked for.
  bool in_kernel_ = false;       ///< Nothing failed since all was compared: a difference will do.
  std::chrono::steady_clock::time_point compared_{};
};

}  // namespace berth::network
