// agent/pods/registry_keys.hpp - which credentials of a pod's pull secrets are for an image, and in which order. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

/// Where an image is asked for: "docker.io/library/busybox" of "busybox:1.36", without tag and digest.
std::string repository_of(std::string_view image);

/// Is the entry `key` of a secret for what is at `repository`? As the kubelet has it: a scheme, and a path that is /v1/
/// or /v2/, count for nothing; each label of the host may have `*`, `?` and `[...]` in it; ports are equal; the path is
/// how the repository's begins.
bool is_key_for(std::string_view key, std::string_view repository);

/// Credentials for `image` in these secrets (kubernetes.io/dockerconfigjson and .../dockercfg), to be tried in this
/// order: as the kubelet does, by their keys from last to first, so that a longer path goes before a shorter one. Those
/// of Docker Hub's own key are asked only when no other one is for it. What cannot be read is left out.
std::vector<runtime::RegistryAuth> registry_keys(const std::vector<std::shared_ptr<const model::Secret>>& secrets,
                                                 std::string_view image);

}  // namespace berth::agent
