// agent/pods/environment.hpp - environment variables of a container, resolved: references, $(VAR), envFrom. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Expands $(NAME) from `env`; $$(NAME) is the literal $(NAME); unknown names stay as written.
/// See the Kubernetes rules for `command`, `args` and `env.value`.
std::string expand(std::string_view text, const Environment& env);

/// envFrom, then env in order, later ones winning; `facts` has the pod, its addresses, config maps and secrets.
/// NotFound (a config map, secret or key that is not optional is missing: named), InvalidArgument (bad field path).
Result<Environment> resolve_environment(const model::Container& container, const volumes::PodVolumesSpec& facts);

}  // namespace berth::agent
