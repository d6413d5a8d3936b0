// agent/pods/pod_inputs.hpp - what one pod's steps need from other objects: config maps, secrets, claims. Loop thread.
#pragma once

#include <string>
#include <vector>

#include "agent/claims/claim_controller.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/pods/pod_worker.hpp"

namespace berth::agent {

/// What pods are told of the host that they are on.
struct HostWords {
  std::string node_name;
  std::string host_ip;
  std::string cluster_domain;
};

/// Only the objects that the pod names; a missing one is left out, and the room that needs it says so.
StepInput make_step_input(const model::Pod& pod, const ObjectCache& cache, const ClaimController& claims,
                          const HostWords& host);

/// Credentials from the pod's imagePullSecrets for `image`, and which of those secrets are not there.
PullKeys pull_keys(const model::Pod& pod, const std::string& image, const ObjectCache& cache);

}  // namespace berth::agent
