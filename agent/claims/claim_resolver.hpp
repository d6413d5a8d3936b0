// agent/claims/claim_resolver.hpp - a pod's claim: the volume behind it, or why the pod has to wait. Loop thread.
#pragma once

#include <string>

#include "agent/claims/claim_use.hpp"
#include "agent/objects/object_cache.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// Fills `bound`; else why not, in the words of Kubernetes' scheduler and kubelet. `waiting`: what the claim itself
/// waits for, when that is known.
std::string resolve_claim(const ObjectCache& cache, const std::string& node_name, const model::Pod& pod,
                          const std::string& claim, const std::string& waiting, volumes::BoundClaim& bound);

}  // namespace berth::agent
