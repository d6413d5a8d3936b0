// model/encode_status.cpp - PodStatus and Event as JSON, as kubectl expects them.
#include <string>
#include <variant>

#include "model/model.hpp"

namespace berth::model {
namespace {

void put(json::object& into, std::string_view name, const std::string& text) {
  if (!text.empty()) into[name] = text;
}

/// metav1.Time: JSON null when not set, for the fields that the API always shows.
json::value time_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object encode(const ContainerStateWaiting& state) {
  json::object result;
  put(result, "reason", state.reason);
  put(result, "message", state.message);
  return result;
}

json::object encode(const ContainerStateRunning& state) { return {{"startedAt", time_or_null(state.started_at)}}; }

json::object encode(const ContainerStateTerminated& state) {
  json::object result{{"exitCode", state.exit_code}};
  if (state.signal != 0) result["signal"] = state.signal;
  put(result, "reason", state.reason);
  put(result, "message", state.message);
  result["startedAt"] = time_or_null(state.started_at);
  result["finishedAt"] = time_or_null(state.finished_at);
  put(result, "containerID", state.container_id);
  return result;
}

json::object encode_state(const ContainerStateView& state) {
  json::object result;
  if (const auto* waiting = std::get_if<ContainerStateWaiting>(&state)) result["waiting"] = encode(*waiting);
  if (const auto* running = std::get_if<ContainerStateRunning>(&state)) result["running"] = encode(*running);
  if (const auto* ended = std::get_if<ContainerStateTerminated>(&state)) result["terminated"] = encode(*ended);
  return result;
}

json::array encode_statuses(const std::vector<ContainerStatus>& statuses) {
  json::array result;
  for (const auto& status : statuses) {
    json::object one{{"name", status.name}, {"state", encode_state(status.state)}};
    json::object last;
    if (status.last_state) last["terminated"] = encode(*status.last_state);
    one["lastState"] = std::move(last);
    one["ready"] = status.ready;
    one["restartCount"] = status.restart_count;
    one["image"] = status.image;
    one["imageID"] = status.image_id;
    put(one, "containerID", status.container_id);
    one["started"] = status.started;
    put(one, "stopSignal", status.stop_signal);
    if (status.user) {
      json::object user{{"uid", status.user->uid}, {"gid", status.user->gid}};
      const auto& groups = status.user->supplemental_groups;
      if (!groups.empty()) user["supplementalGroups"] = json::array(groups.begin(), groups.end());
      one["user"] = json::object{{"linux", std::move(user)}};
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace

json::object encode_pod_status(const PodStatus& status) {
  json::object result{{"phase", status.phase}};
  if (status.observed_generation > 0) result["observedGeneration"] = status.observed_generation;
  if (!status.conditions.empty()) {
    json::array conditions;
    for (const auto& condition : status.conditions) {
      json::object one{{"type", condition.type}, {"status", condition.status}};
      one["lastProbeTime"] = nullptr;
      one["lastTransitionTime"] = time_or_null(condition.last_transition_time);
      put(one, "reason", condition.reason);
      put(one, "message", condition.message);
      if (condition.observed_generation > 0) one["observedGeneration"] = condition.observed_generation;
      conditions.push_back(std::move(one));
    }
    result["conditions"] = std::move(conditions);
  }
  put(result, "message", status.message);
  put(result, "reason", status.reason);
  put(result, "hostIP", status.host_ip);
  if (!status.host_ip.empty()) result["hostIPs"] = json::array{json::object{{"ip", status.host_ip}}};
  put(result, "podIP", status.pod_ip);
  if (!status.pod_ip.empty()) result["podIPs"] = json::array{json::object{{"ip", status.pod_ip}}};
  put(result, "startTime", status.start_time);
  if (!status.init_container_statuses.empty()) {
    result["initContainerStatuses"] = encode_statuses(status.init_container_statuses);
  }
  if (!status.container_statuses.empty()) result["containerStatuses"] = encode_statuses(status.container_statuses);
  put(result, "qosClass", status.qos_class);
  return result;
}

json::object encode_event(const Event& event) {
  json::object involved{{"kind", info(event.involved.kind).name}};
  put(involved, "namespace", event.involved.ns);
  involved["name"] = event.involved.name;
  put(involved, "uid", event.involved_uid);
  involved["apiVersion"] = info(event.involved.kind).api_version();
  put(involved, "fieldPath", event.field_path);

  json::object source;
  put(source, "component", event.source_component);
  put(source, "host", event.source_host);

  json::object result{{"apiVersion", "v1"}, {"kind", "Event"}, {"metadata", encode_meta(event.meta)}};
  result["involvedObject"] = std::move(involved);
  result["reason"] = event.reason;
  result["message"] = event.message;
  result["source"] = std::move(source);
  result["firstTimestamp"] = time_or_null(event.first_timestamp);
  result["lastTimestamp"] = time_or_null(event.last_timestamp);
  result["count"] = event.count;
  result["type"] = event.type;
  result["eventTime"] = nullptr;
  result["reportingComponent"] = event.source_component;
  result["reportingInstance"] = event.source_host;
  return result;
}

}  // namespace berth::model
