// cli/describe_text.hpp - one object as readable text, in kubectl's layout. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "cli/ages.hpp"
#include "model/meta.hpp"

namespace berth::cli {

/// What a description shows besides the object itself; all may be empty.
struct Related {
  std::vector<json::value> events;
  std::vector<json::value> pods;       ///< A set's pods, a node's, those of a claim's namespace.
  std::vector<json::value> sets;       ///< ReplicaSets of a Deployment's namespace.
  std::vector<json::value> endpoints;  ///< The Endpoints of a Service.
  WallClock::time_point now;
};

/// As `kubectl describe`, aligned. A Secret's values are not shown, only their sizes. Kinds without a layout of their
/// own show all their fields.
std::string describe_object(const model::KindInfo& kind, const json::value& object, const Related& related);

/// The pod template of a set or of a revision: "Pod Template:" and what follows.
std::string describe_pod_template(const json::value& pod_template);

}  // namespace berth::cli
