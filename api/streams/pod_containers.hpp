// api/streams/pod_containers.hpp - which container of a pod a request for streams means, and whether we have it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/request/api_error.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// The container to use: the one asked for, the annotated default, or the only one. 400 as Kubernetes words it.
ApiResult<std::string> choose_container(const model::Object& pod, std::string_view asked);

/// Why the pod's containers cannot be reached from `node_name`: they are another node's. 503.
std::optional<ApiError> why_not_from(std::string_view node_name, const model::Object& pod);

struct ContainerView {
  bool known = false;  ///< It has a status.
  bool running = false;
  bool ended = false;     ///< state.terminated
  bool has_last = false;  ///< lastState.terminated
  std::uint32_t restarts = 0;
  std::string id;  ///< Without "containerd://".
  std::string waiting_reason;
};

/// The container's status among all kinds of containers of the pod.
ContainerView container_view(const model::Object& pod, std::string_view container);

}  // namespace berth::api
