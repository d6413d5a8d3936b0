// agent/pods/environment.hpp - environment variables of a container, resolved: references, $(VAR), envFrom. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"
#include "model/workloads.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Expands $(NAME) from `env`; $$(NAME) is the literal $(NAME); unknown names stay as written.
/// See the Kubernetes rules for `command`, `args` and `env.value`.
std::string expand(std::string_view text, const Environment& env);

using ServiceList = std::vector<std::shared_ptr<const model::Service>>;

/// What Kubernetes tells a container of services: WEB_SERVICE_HOST, WEB_SERVICE_PORT_HTTP, and docker's links
/// (WEB_PORT_80_TCP_ADDR). Of those that have an address.
Environment service_environment(const ServiceList& services);

/// Services' variables, envFrom, then env in order, later ones winning; `facts` has the pod, its addresses, config maps
/// and secrets.
/// NotFound (a config map, secret or key that is not optional is missing: named), InvalidArgument (bad field path).
Result<Environment> resolve_environment(const model::Container& container, const volumes::PodVolumesSpec& facts,
                                        const ServiceList& services = {});

}  // namespace berth::agent
