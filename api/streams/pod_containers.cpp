// api/streams/pod_containers.cpp - which container of a pod a request for streams means.
#include "api/streams/pod_containers.hpp"

#include <fmt/format.h>

#include "api/encoding/field.hpp"

namespace berth::api {

namespace {

constexpr std::string_view kDefaultContainer = "kubectl.kubernetes.io/default-container";
constexpr std::string_view kIdPrefix = "containerd://";

std::string names(const json::array& containers) {
  auto out = joined(containers, "name");
  for (auto& c : out) c = c == ',' ? ' ' : c;
  return out;
}

bool contains(const json::array& containers, std::string_view name) {
  for (const auto& container : containers) {
    if (container.is_object() && text_at(container.get_object(), {"name"}) == name) return true;
  }
  return false;
}

}  // namespace

ApiResult<std::string> choose_container(const model::Object& pod, std::string_view asked) {
  const auto& containers = array_at(pod.raw, {"spec", "containers"});
  const auto& init = array_at(pod.raw, {"spec", "initContainers"});
  const auto& ephemeral = array_at(pod.raw, {"spec", "ephemeralContainers"});
  if (!asked.empty()) {
    if (contains(containers, asked) || contains(init, asked) || contains(ephemeral, asked)) return std::string(asked);
    return bad_request(fmt::format("container {} is not valid for pod {}", asked, pod.meta.name));
  }
  if (const auto it = pod.meta.annotations.find(std::string(kDefaultContainer));
      it != pod.meta.annotations.end() && contains(containers, it->second)) {
    return it->second;
  }
  if (containers.size() == 1) return names(containers);
  auto message = fmt::format("a container name must be specified for pod {}, choose one of: [{}]", pod.meta.name,
                             names(containers));
  if (!init.empty()) message += fmt::format(" or one of the init containers: [{}]", names(init));
  return bad_request(std::move(message));
}

std::optional<ApiError> why_not_from(std::string_view node_name, const model::Object& pod) {
  const auto node = text_at(pod.raw, {"spec", "nodeName"});
  if (node.empty() || node == node_name) return std::nullopt;
  const Error elsewhere(ErrorCode::Unavailable, fmt::format("pod {} is on node {}, and this is {}: ask berthd there",
                                                            pod.meta.name, node, node_name));
  return from_error(elsewhere, model::info(model::Kind::Pod), pod.meta.name);
}

ContainerView container_view(const model::Object& pod, std::string_view container) {
  ContainerView out;
  for (const auto list : {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}) {
    for (const auto& entry : array_at(pod.raw, {"status", list})) {
      if (!entry.is_object() || text_at(entry.get_object(), {"name"}) != container) continue;
      const auto& status = entry.get_object();
      out.known = true;
      out.running = field(status, {"state", "running"}) != nullptr;
      out.ended = field(status, {"state", "terminated"}) != nullptr;
      out.has_last = field(status, {"lastState", "terminated"}) != nullptr;
      out.restarts = static_cast<std::uint32_t>(number_at(status, {"restartCount"}));
      out.waiting_reason = text_at(status, {"state", "waiting", "reason"});
      auto id = text_at(status, {"containerID"});
      if (id.starts_with(kIdPrefix)) id.remove_prefix(kIdPrefix.size());
      out.id = id;
      return out;
    }
  }
  return out;
}

}  // namespace berth::api
