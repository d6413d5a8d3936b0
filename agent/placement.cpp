// agent/placement.cpp - see placement.hpp.
#include "agent/placement.hpp"

#include <fmt/format.h>

#include "agent/objects/change_facts.hpp"
#include "agent/pods/pod_status.hpp"
#include "agent/sets/set_plan.hpp"

namespace berth::agent {

using model::Kind;

Placement::Placement(const Clock& clock, const ObjectCache& cache, EventSink events, WriteStatus write_status,
                     std::string node_name)
    : clock_(clock),
      cache_(cache),
      events_(std::move(events)),
      write_status_(std::move(write_status)),
      node_name_(std::move(node_name)) {}

Controller Placement::row() {
  return {.name = "placement",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all = [this](const Waker& wake) { wake_all(wake); },
          .plan = [this](const model::ObjectKey& key) { return plan(key); }};
}

void Placement::wake_all(const Waker& wake) const {
  for (const auto& name : cache_.pods_of_node("")) wake({Kind::Pod, name.first, name.second});
}

void Placement::wakes(const store::Change& change, const Waker& wake) const {
  const auto& object = *change.object;
  if (object.kind == Kind::Pod) {
    const auto waits = cache_.pods_of_node("").contains({object.meta.ns, object.meta.name});
    if (waits && asks_anew(change)) wake.anew(object.key());
  } else if (object.kind == Kind::PersistentVolume) {
    wake_all(wake);
  } else if (object.kind == Kind::Node && moves_pods(change)) {
    wake_all(wake);
    say_cordoned(change);
  }
}

Work Placement::plan(const model::ObjectKey& key) const {
  Work work;
  const auto pod = cache_.pod({key.ns, key.name});
  if (!pod || !pod->spec.node_name.empty()) return work;
  if (pod->meta.deleting()) {
    if (pod->meta.finalizers.empty()) {
      work.writes.push_back({.verb = Write::Verb::Remove, .key = key, .uid = pod->meta.uid});
    }
    return work;
  }
  const auto node = cache_.nodes().find({"", node_name_});
  if (node == cache_.nodes().end()) return work;
  const auto why = why_not_here(pod->spec, *node->second);
  if (!why.empty()) {
    const auto* scheduled = pod->status.condition("PodScheduled");
    if (scheduled != nullptr && scheduled->message == why) return work;
    write_status_(*pod, make_unschedulable_status(*pod, why, clock_.wall()));
    work.events.push_back({key, pod->meta.uid, "Warning", "FailedScheduling", why});
    return work;
  }
  work.writes.push_back(
      {.key = key,
       .uid = pod->meta.uid,
       .edit =
           [node_name = node_name_](json::object& raw) {
             auto* stored = raw.if_contains("spec");
             if (stored == nullptr || !stored->is_object()) return Edit::Leave;
             auto& spec = stored->get_object();
             const auto* bound = spec.if_contains("nodeName");
             if (bound != nullptr && bound->is_string() && !bound->get_string().empty()) return Edit::Leave;
             spec["nodeName"] = node_name;
             return Edit::Done;
           },
       .said = EventText{key, pod->meta.uid, "Normal", "Scheduled",
                         fmt::format("Successfully assigned {}/{} to {}", pod->meta.ns, pod->meta.name, node_name_)}});
  return work;
}

/// As the kubelet says it: it names the node where others name a uid.
void Placement::say_cordoned(const store::Change& change) const {
  const auto& name = change.object->meta.name;
  if (is_other_object(change) || name != node_name_) return;
  const auto cordoned = [](const model::Object& node) {
    const auto* spec = node.raw.if_contains("spec");
    const auto* flag = spec == nullptr ? nullptr : find(*spec, {"unschedulable"});
    return flag != nullptr && flag->is_bool() && flag->get_bool();
  };
  const auto now = cordoned(*change.object);
  if (now == cordoned(*change.previous)) return;
  const std::string reason = now ? "NodeNotSchedulable" : "NodeSchedulable";
  events_(change.object->key(), name, "Normal", reason, fmt::format("Node {} status is now: {}", name, reason));
}

}  // namespace berth::agent
