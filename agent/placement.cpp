// agent/placement.cpp - see placement.hpp.
#include "agent/placement.hpp"

#include <fmt/format.h>

#include "agent/pods/pod_status.hpp"
#include "agent/sets/set_plan.hpp"

namespace berth::agent {

using model::Kind;

Placement::Placement(Loop& loop, const Clock& clock, const ObjectCache& cache, StoreWriter& writer, EventSink events,
                     WriteStatus write_status, std::string node_name)
    : loop_(loop),
      clock_(clock),
      cache_(cache),
      writer_(writer),
      events_(std::move(events)),
      write_status_(std::move(write_status)),
      node_name_(std::move(node_name)) {}

void Placement::place(const model::Pod& pod) {
  if (!pod.spec.node_name.empty() || binding_.contains(pod.meta.uid)) return;
  const model::ObjectKey key{Kind::Pod, pod.meta.ns, pod.meta.name};
  if (pod.meta.deleting()) {
    if (pod.meta.finalizers.empty()) writer_.remove(key, pod.meta.uid, {});
    return;
  }
  const auto node = cache_.nodes().find({"", node_name_});
  if (node == cache_.nodes().end()) return;
  const auto why = why_not_here(pod.spec, *node->second);
  if (!why.empty()) {
    const auto* scheduled = pod.status.condition("PodScheduled");
    if (scheduled != nullptr && scheduled->message == why) return;
    write_status_(pod, make_unschedulable_status(pod, why, clock_.wall()));
    events_(key, pod.meta.uid, "Warning", "FailedScheduling", why);
    return;
  }
  binding_.insert(pod.meta.uid);
  events_(key, pod.meta.uid, "Normal", "Scheduled",
          fmt::format("Successfully assigned {}/{} to {}", pod.meta.ns, pod.meta.name, node_name_));
  writer_.modify(
      key, pod.meta.uid, Durability::Durable,
      [node_name = node_name_](json::object& raw) {
        auto* stored = raw.if_contains("spec");
        if (stored == nullptr || !stored->is_object()) return false;
        auto& spec = stored->get_object();
        if (!find_string(json::value(spec), {"nodeName"}).empty()) return false;
        spec["nodeName"] = node_name;
        return true;
      },
      [this, uid = pod.meta.uid](const Status& written) {
        binding_.erase(uid);
        if (written) return;
        constexpr std::chrono::seconds kPlaceAgain{1};
        retry_ = loop_.after(kPlaceAgain, [this] { place_all(); });
      });
}

void Placement::place_all() {
  for (const auto& [name, pod] : cache_.pods()) {
    if (pod->spec.node_name.empty()) place(*pod);
  }
}

void Placement::on_node(const store::Change& change) {
  place_all();
  const auto& name = change.object->meta.name;
  if (!change.previous || change.type == store::ChangeType::Deleted || name != node_name_) return;
  const auto cordoned = [](const model::Object& node) {
    const auto* spec = node.raw.if_contains("spec");
    const auto* flag = spec == nullptr ? nullptr : find(*spec, {"unschedulable"});
    return flag != nullptr && flag->is_bool() && flag->get_bool();
  };
  const auto now = cordoned(*change.object);
  if (now == cordoned(*change.previous)) return;
  const std::string reason = now ? "NodeNotSchedulable" : "NodeSchedulable";
  // As the kubelet says it: it names the node where others name a uid.
  events_(change.object->key(), name, "Normal", reason, fmt::format("Node {} status is now: {}", name, reason));
}

}  // namespace berth::agent
