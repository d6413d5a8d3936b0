// api/usage/object_metrics.cpp - see object_metrics.hpp.
#include "api/usage/object_metrics.hpp"

#include <map>
#include <string_view>
#include <vector>

#include "api/encoding/field.hpp"
#include "api/usage/metrics_page.hpp"
#include "api/usage/workload_metrics.hpp"

namespace berth::api {
namespace {

using model::Kind;

void append_counts(std::string& out, std::string_view name, std::string_view label,
                   const std::map<std::string_view, std::size_t>& counts) {
  for (const auto& [value, count] : counts) out += fmt::format("{}{{{}=\"{}\"}} {}\n", name, label, value, count);
}

/// How many of `objects` are in which phase; what is none of `phases` counts as `other`.
void append_phases(std::string& out, const std::vector<model::ObjectPtr>& objects, std::string_view name,
                   std::map<std::string_view, std::size_t> phases, std::string_view other) {
  for (const auto& object : objects) {
    const auto found = phases.find(text_at(object->raw, {"status", "phase"}));
    ++(found == phases.end() ? phases.at(other) : found->second);
  }
  append_counts(out, name, "phase", phases);
}

bool is_ready(const model::Object& pod) {
  for (const auto& condition : array_at(pod.raw, {"status", "conditions"})) {
    if (condition.is_object() && text_at(condition.get_object(), {"type"}) == "Ready") {
      return text_at(condition.get_object(), {"status"}) == "True";
    }
  }
  return false;
}

void append_pods(std::string& out, const store::Store& store) {
  append_family(out, "berth_pods", "gauge", "Number of pods, by phase.");
  const auto pods = store.list(Kind::Pod).objects;
  append_phases(out, pods, "berth_pods",
                {{"Failed", 0}, {"Pending", 0}, {"Running", 0}, {"Succeeded", 0}, {"Unknown", 0}}, "Unknown");
  std::string ready;
  std::string in_phase;
  std::string restarts;
  std::string waiting;
  std::int64_t total = 0;
  for (const auto& pod : pods) {
    const auto labels = object_labels(*pod, "pod");
    ready += fmt::format("kube_pod_status_ready{{{},condition=\"true\"}} {}\n", labels, is_ready(*pod) ? 1 : 0);
    const auto phase = text_at(pod->raw, {"status", "phase"});
    in_phase += fmt::format("kube_pod_status_phase{{{},phase=\"{}\"}} 1\n", labels,
                            phase.empty() ? "Pending" : escape_label(phase));
    for (const auto& status : array_at(pod->raw, {"status", "containerStatuses"})) {
      if (!status.is_object()) continue;
      const auto& container = status.get_object();
      const auto of = fmt::format("{},container=\"{}\"", labels, escape_label(text_at(container, {"name"})));
      const auto count = number_at(container, {"restartCount"});
      total += count;
      restarts += fmt::format("kube_pod_container_status_restarts_total{{{}}} {}\n", of, count);
      if (const auto reason = text_at(container, {"state", "waiting", "reason"}); !reason.empty()) {
        waiting +=
            fmt::format("kube_pod_container_status_waiting_reason{{{},reason=\"{}\"}} 1\n", of, escape_label(reason));
      }
    }
  }
  append_one(out, "berth_container_restarts", "gauge", "Restarts of all containers of the pods that there are now.",
             total);
  append_family(out, "kube_pod_status_ready", "gauge", "1 if the pod is ready to serve requests, 0 if not.");
  out += ready;
  append_family(out, "kube_pod_status_phase", "gauge", "1; the pod's current phase is in its labels.");
  out += in_phase;
  append_family(out, "kube_pod_container_status_restarts_total", "counter",
                "The number of container restarts per container.");
  out += restarts;
  append_family(out, "kube_pod_container_status_waiting_reason", "gauge",
                "1; the reason for which the container waits is in its labels.");
  out += waiting;
}

}  // namespace

void append_objects(std::string& out, const store::Store& store) {
  append_one(out, "berth_store_revision", "gauge", "The store's revision: grows by one with each change.",
             store.revision());
  append_family(out, "apiserver_storage_objects", "gauge", "Number of stored objects, by kind.");
  for (const auto& kind : model::all_kinds()) {
    const auto resource = kind.group.empty() ? std::string(kind.plural) : fmt::format("{}.{}", kind.plural, kind.group);
    out += fmt::format("apiserver_storage_objects{{resource=\"{}\"}} {}\n", resource,
                       store.list(kind.kind).objects.size());
  }
  append_pods(out, store);
  append_workloads(out, store);
  append_family(out, "berth_claims", "gauge", "Number of claims, by phase.");
  append_phases(out, store.list(Kind::PersistentVolumeClaim).objects, "berth_claims",
                {{"Bound", 0}, {"Lost", 0}, {"Pending", 0}}, "Pending");
  append_family(out, "berth_volumes", "gauge", "Number of volumes, by phase.");
  append_phases(out, store.list(Kind::PersistentVolume).objects, "berth_volumes",
                {{"Available", 0}, {"Bound", 0}, {"Failed", 0}, {"Pending", 0}, {"Released", 0}}, "Pending");
}

}  // namespace berth::api
