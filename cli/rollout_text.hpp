// cli/rollout_text.hpp - how far a rollout is, in kubectl's sentences. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::cli {

struct RolloutState {
  std::string sentence;  ///< With its newline.
  bool done = false;
};

/// Where a StatefulSet, DaemonSet or Deployment stands. FailedPrecondition: its strategy is not RollingUpdate, or its
/// deadline is over.
Result<RolloutState> rollout_state(const model::KindInfo& kind, const json::value& set);

/// Revisions of the set out of all ControllerRevisions, the oldest first.
std::vector<json::value> revisions_of(const json::value& set, const json::array& all);

/// The ReplicaSets of a Deployment out of all, written as revisions: their number, their cause, their template without
/// the label that tells them apart. The oldest first.
std::vector<json::value> revisions_of_deployment(const json::value& deployment, const json::array& all);

/// The table "REVISION  CHANGE-CAUSE".
std::string revision_table(const std::vector<json::value>& revisions);

/// The revision that `undo` goes back to: number `wanted`, or the one before the last when 0. NotFound in kubectl's
/// words.
Result<json::value> revision_to_restore(const std::vector<json::value>& revisions, std::int64_t wanted);

}  // namespace berth::cli
