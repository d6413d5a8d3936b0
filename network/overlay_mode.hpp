// network/overlay_mode.hpp - how packets go to pods of other hosts.
#pragma once

namespace berth::network {

/// The same on all hosts.
enum class OverlayMode {
  Vxlan,      ///< Inside UDP datagrams from host to host (RFC 7348): over any network between the hosts.
  Routes,     ///< As they are, by way of the other host: the hosts are on one link.
  WireGuard,  ///< As by Vxlan, and nobody between the hosts can read or make any: see wg(8).
};

}  // namespace berth::network
