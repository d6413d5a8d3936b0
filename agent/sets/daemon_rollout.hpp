// agent/sets/daemon_rollout.hpp - how a DaemonSet's pods are replaced: what its updateStrategy.rollingUpdate allows.
// Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/model.hpp"

namespace berth::agent {

/// "2", or "25%" of all; shares are rounded up, as Kubernetes does it for daemons.
struct CountOrShare {
  std::int32_t number = 0;
  bool percent = false;
  std::int32_t of(std::int32_t all) const;
};

/// What `rolling` (updateStrategy.rollingUpdate) says at `field`; `preset` when it says nothing that can be read.
CountOrShare read_amount(const json::value& rolling, std::string_view field, CountOrShare preset);

struct DaemonRollout {
  CountOrShare max_unavailable{1, false};  ///< Nodes without an available daemon.
  /// Nodes on which the new pod is started beside the old one, which is stopped when the new one is available; 0: the
  /// old one is stopped first.
  CountOrShare max_surge{0, false};
};

/// Of a stored DaemonSet. What it does not say, or says in a way that no check lets pass, is as Kubernetes' default.
DaemonRollout read_daemon_rollout(const model::Object& set);

/// Could a pod of that spec run beside `pod`? Two cannot hold the same port of the node.
bool fits_beside(const model::PodSpec& spec, const model::Pod& pod);

}  // namespace berth::agent
