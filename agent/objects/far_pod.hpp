// agent/objects/far_pod.hpp - what is kept of a pod that another host runs. Pure.
#pragma once

#include <string_view>

#include "model/meta.hpp"

namespace berth::agent {

/// Is it a pod that is bound to a node, which is not `own`?
bool is_far_pod(const model::Object& object, std::string_view own);

/// The pod without what only its own host asks for: how its containers are made, probed and secured, where their files
/// come from, how it resolves names. What planners ask of any pod is all there: metadata, node, addresses, names,
/// ports, resources, claims, tolerations, affinity, conditions, and of containers' states those that say more than that
/// it runs. Where hosts share a store most pods are far, and this is a quarter of one.
model::Object outline_of(const model::Object& pod);

}  // namespace berth::agent
