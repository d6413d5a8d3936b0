// api/usage/object_metrics.cpp - see object_metrics.hpp.
#include "api/usage/object_metrics.hpp"

#include <initializer_list>
#include <map>
#include <string_view>

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

/// How many objects are in which phase; what is none of those that are known counts as `other`.
class Phases {
 public:
  Phases(std::initializer_list<std::string_view> known, std::string_view other) : other_(other) {
    for (const auto phase : known) counts_[phase] = 0;
    counts_[other] = 0;
  }

  void see(const model::Object& object) {
    const auto found = counts_.find(text_at(object.raw, {"status", "phase"}));
    ++(found == counts_.end() ? counts_.at(other_) : found->second);
  }
  const std::map<std::string_view, std::size_t>& counts() const { return counts_; }

 private:
  const std::string_view other_;
  std::map<std::string_view, std::size_t> counts_;
};

void append_phases(std::string& out, const store::Store& store, Kind kind, std::string_view name, Phases phases) {
  store.visit(kind, {}, [&](const model::ObjectPtr& object) { phases.see(*object); });
  append_counts(out, name, "phase", phases.counts());
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
  Phases phases({"Failed", "Pending", "Running", "Succeeded"}, "Unknown");
  std::string ready;
  std::string in_phase;
  std::string restarts;
  std::string waiting;
  std::int64_t total = 0;
  store.visit(Kind::Pod, {}, [&](const model::ObjectPtr& pod) {
    phases.see(*pod);
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
  });
  append_family(out, "berth_pods", "gauge", "Number of pods, by phase.");
  append_counts(out, "berth_pods", "phase", phases.counts());
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
    out += fmt::format("apiserver_storage_objects{{resource=\"{}\"}} {}\n", resource, store.count(kind.kind));
  }
  append_pods(out, store);
  append_workloads(out, store);
  append_family(out, "berth_claims", "gauge", "Number of claims, by phase.");
  append_phases(out, store, Kind::PersistentVolumeClaim, "berth_claims", Phases({"Bound", "Lost"}, "Pending"));
  append_family(out, "berth_volumes", "gauge", "Number of volumes, by phase.");
  append_phases(out, store, Kind::PersistentVolume, "berth_volumes",
                Phases({"Available", "Bound", "Failed", "Released"}, "Pending"));
}

}  // namespace berth::api
