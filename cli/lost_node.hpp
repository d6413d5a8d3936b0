// cli/lost_node.hpp - the taint by which a person says that a host is gone. Pure.
//
// See https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown
#pragma once

#include <optional>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

/// FailedPrecondition: the node is heard of, or not for long missed, and what it runs would run twice.
Status may_be_lost(const json::value& node);

/// Its taints with node.kubernetes.io/out-of-service=nodeshutdown:NoExecute; none: it has that one.
std::optional<json::array> with_lost_taint(const json::value& node);
/// Its taints without any of that key; none: it has none.
std::optional<json::array> without_lost_taint(const json::value& node);

}  // namespace berth::cli
