// model/selector.hpp - do these labels, this node, these taints match? Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/workloads.hpp"

namespace berth::model {

/// Does `labels` satisfy every part of `selector`? An empty selector matches everything.
bool matches(const LabelSelector& selector, const StringMap& labels);
/// None matches nothing.
inline bool matches(const std::optional<LabelSelector>& selector, const StringMap& labels) {
  return selector && matches(*selector, labels);
}
bool matches(const StringMap& selector, const StringMap& labels);

/// Parses the query form "app=web,tier in (a,b),!canary". InvalidArgument says what is wrong.
Result<LabelSelector> parse_label_selector(std::string_view text);

/// Do nodeSelector and required node affinity admit this node?
bool node_matches(const PodSpec& spec, const Node& node);

bool tolerates(const Toleration& toleration, const Taint& taint);
/// The first taint with effect NoSchedule or NoExecute that is not tolerated; null when all are.
const Taint* untolerated(const std::vector<Toleration>& tolerations, const std::vector<Taint>& taints);

}  // namespace berth::model
