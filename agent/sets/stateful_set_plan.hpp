// agent/sets/stateful_set_plan.hpp - ordinals: which pod of a StatefulSet to make or delete now. Pure.
#pragma once

#include "agent/sets/set_plan.hpp"

namespace berth::agent {

/// Kubernetes' StatefulSet rules, in its order: make missing pods from the first ordinal up, each only when
/// the one before is Ready (OrderedReady); delete surplus ones from the highest down; roll a changed template
/// from the highest ordinal down to `partition`, at most `maxUnavailable` at a time. Better than there
/// (docs/decisions/0005): a set that is being deleted stops its pods in reverse order; a pod of an old revision that
/// never became Ready does not hold up the fixed template (kubernetes/kubernetes#67250); claims grow with their
/// template (#68737); with kUpdateOrder it rolls upwards; with kAutoUndo it goes back by itself.
SetPlan plan_stateful_set(const model::StatefulSet& set, const std::string& current_revision, const SetFacts& facts);

/// An annotation: "Ascending" rolls from `partition` up.
inline constexpr const char* kUpdateOrder = "berth.io/update-order";

/// updateStrategy.rollingUpdate.maxUnavailable of a stored set. Nothing: it does not say, and one pod is replaced after
/// the other.
std::optional<CountOrShare> read_max_unavailable(const model::Object& set);

/// The ordinal in "web-12" for the set "web"; nullopt for any other name.
std::optional<std::int32_t> ordinal_of(const std::string& set_name, const std::string& pod_name);

/// "data-db-0"
std::string claim_name(const model::ClaimTemplate& claim_template, const std::string& set_name, std::int32_t ordinal);

}  // namespace berth::agent
