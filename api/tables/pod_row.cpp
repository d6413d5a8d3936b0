// api/tables/pod_row.cpp - a pod as a row: the STATUS and RESTARTS that kubectl users know.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/tables/human_duration.hpp"

namespace berth::api {

namespace {

/// What printPod of Kubernetes' printers works out over the container statuses.
struct PodSummary {
  std::string status;
  std::size_t ready = 0;
  std::size_t total = 0;
  std::int64_t restarts = 0;
  std::optional<WallTime> last_restart;
  // Of sidecars alone: once the pod is initialised, those of ordinary init containers do not count any more.
  std::int64_t sidecar_restarts = 0;
  std::optional<WallTime> last_sidecar_restart;
};

bool condition_true(const json::object& pod, std::string_view type) {
  for (const auto& condition : array_at(pod, {"status", "conditions"})) {
    if (!condition.is_object()) continue;
    const auto& entry = condition.get_object();
    if (text_at(entry, {"type"}) == type) return text_at(entry, {"status"}) == "True";
  }
  return false;
}

bool is_sidecar(const json::object& pod, std::string_view name) {
  for (const auto& container : array_at(pod, {"spec", "initContainers"})) {
    if (!container.is_object()) continue;
    const auto& entry = container.get_object();
    if (text_at(entry, {"name"}) == name) return text_at(entry, {"restartPolicy"}) == "Always";
  }
  return false;
}

void note_restart(std::optional<WallTime>& last, const json::object& status) {
  const auto time = parse_rfc3339(text_at(status, {"lastState", "terminated", "finishedAt"}));
  if (time && (!last || *time > *last)) last = *time;
}

bool scheduling_gated(const json::object& pod) {
  const auto& conditions = array_at(pod, {"status", "conditions"});
  return std::any_of(conditions.begin(), conditions.end(), [](const json::value& condition) {
    return condition.is_object() && text_at(condition.get_object(), {"type"}) == "PodScheduled" &&
           text_at(condition.get_object(), {"reason"}) == "SchedulingGated";
  });
}

/// "Signal:9" or "ExitCode:3" for a container that ended without a reason.
std::string ended_text(const json::object& status) {
  const auto signal = number_at(status, {"state", "terminated", "signal"});
  return signal != 0 ? fmt::format("Signal:{}", signal)
                     : fmt::format("ExitCode:{}", number_at(status, {"state", "terminated", "exitCode"}));
}

/// The init containers' part; true while the pod is still initialising.
bool summarise_init(const json::object& pod, PodSummary& summary) {
  const auto& statuses = array_at(pod, {"status", "initContainerStatuses"});
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (!statuses[i].is_object()) continue;
    const auto& status = statuses[i].get_object();
    const bool sidecar = is_sidecar(pod, text_at(status, {"name"}));
    summary.restarts += number_at(status, {"restartCount"});
    note_restart(summary.last_restart, status);
    if (sidecar) {
      summary.sidecar_restarts += number_at(status, {"restartCount"});
      note_restart(summary.last_sidecar_restart, status);
    }
    const auto* terminated = field(status, {"state", "terminated"});
    if (terminated != nullptr && number_at(status, {"state", "terminated", "exitCode"}) == 0) continue;
    if (sidecar && flag_at(status, {"started"})) {
      if (flag_at(status, {"ready"})) ++summary.ready;
      continue;
    }
    const auto waiting = text_at(status, {"state", "waiting", "reason"});
    if (terminated != nullptr) {
      const auto reason = text_at(status, {"state", "terminated", "reason"});
      summary.status = fmt::format("Init:{}", reason.empty() ? ended_text(status) : std::string(reason));
    } else if (!waiting.empty() && waiting != "PodInitializing") {
      summary.status = fmt::format("Init:{}", waiting);
    } else {
      summary.status = fmt::format("Init:{}/{}", i, size_at(pod, {"spec", "initContainers"}));
    }
    return true;
  }
  return false;
}

void summarise_main(const json::object& pod, PodSummary& summary) {
  const auto& statuses = array_at(pod, {"status", "containerStatuses"});
  bool has_running = false;
  for (auto it = statuses.rbegin(); it != statuses.rend(); ++it) {  // the first container's reason wins
    if (!it->is_object()) continue;
    const auto& status = it->get_object();
    summary.restarts += number_at(status, {"restartCount"});
    note_restart(summary.last_restart, status);
    const auto waiting = text_at(status, {"state", "waiting", "reason"});
    const auto terminated = text_at(status, {"state", "terminated", "reason"});
    if (!waiting.empty()) {
      summary.status = waiting;
    } else if (!terminated.empty()) {
      summary.status = terminated;
    } else if (field(status, {"state", "terminated"}) != nullptr) {
      summary.status = ended_text(status);
    } else if (flag_at(status, {"ready"}) && field(status, {"state", "running"}) != nullptr) {
      has_running = true;
      ++summary.ready;
    }
  }
  if (summary.status == "Completed" && has_running) {
    summary.status = condition_true(pod, "Ready") ? "Running" : "NotReady";
  }
}

PodSummary summarise(const json::object& pod) {
  PodSummary summary;
  const auto phase = text_at(pod, {"status", "phase"});
  const auto reason = text_at(pod, {"status", "reason"});
  summary.status = reason.empty() ? phase.empty() ? "Pending" : phase : reason;
  if (scheduling_gated(pod)) summary.status = "SchedulingGated";
  summary.total = size_at(pod, {"spec", "containers"});
  for (const auto& container : array_at(pod, {"spec", "initContainers"})) {
    if (container.is_object() && text_at(container.get_object(), {"restartPolicy"}) == "Always") ++summary.total;
  }
  const bool initialising = summarise_init(pod, summary);
  if (!initialising || condition_true(pod, "Initialized")) {
    summary.restarts = summary.sidecar_restarts;
    summary.last_restart = summary.last_sidecar_restart;
    summarise_main(pod, summary);
  }
  if (!text_at(pod, {"metadata", "deletionTimestamp"}).empty()) {
    if (reason == "NodeLost") {
      summary.status = "Unknown";
    } else if (phase != "Failed" && phase != "Succeeded") {
      summary.status = "Terminating";
    }
  }
  return summary;
}

std::string readiness_gates(const json::object& pod) {
  const auto& gates = array_at(pod, {"spec", "readinessGates"});
  if (gates.empty()) return "<none>";
  std::size_t ready = 0;
  for (const auto& gate : gates) {
    if (gate.is_object() && condition_true(pod, text_at(gate.get_object(), {"conditionType"}))) ++ready;
  }
  return fmt::format("{}/{}", ready, gates.size());
}

}  // namespace

json::array pod_cells(const model::Object& pod, WallTime now) {
  const auto summary = summarise(pod.raw);
  auto restarts = fmt::format("{}", summary.restarts);
  if (summary.last_restart && summary.restarts != 0) {
    const auto ago = std::chrono::duration_cast<std::chrono::seconds>(now - *summary.last_restart);
    restarts += fmt::format(" ({} ago)", human_duration(ago));
  }
  return {pod.meta.name,
          fmt::format("{}/{}", summary.ready, summary.total),
          summary.status,
          restarts,
          age_since(pod.meta.creation_timestamp, now),
          or_none(text_at(pod.raw, {"status", "podIP"})),
          or_none(text_at(pod.raw, {"spec", "nodeName"})),
          or_none(text_at(pod.raw, {"status", "nominatedNodeName"})),
          readiness_gates(pod.raw)};
}

}  // namespace berth::api
