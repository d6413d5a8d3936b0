// agent/node/silence_controller.cpp - see silence_controller.hpp.
#include "agent/node/silence_controller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/node/failover_plan.hpp"
#include "agent/node/silence_plan.hpp"
#include "agent/node/taint_plan.hpp"
#include "agent/objects/attachment_key.hpp"
#include "agent/objects/unread_row.hpp"
#include "model/deletion.hpp"
#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// An etcd takes 128 keys in a transaction.
constexpr std::size_t kAtOnce = 50;

model::ObjectKey node_key(const std::string& name) { return {Kind::Node, "", name}; }
model::ObjectKey key_of(const model::Pod& pod) { return {Kind::Pod, pod.meta.ns, pod.meta.name}; }

/// Only while it is still that node's.
template <typename Change>
std::function<Edit(json::object&)> on_node(const std::string& node, Change change) {
  return [node, change](json::object& raw) {
    const auto* spec = raw.if_contains("spec");
    if (spec == nullptr || find_string(*spec, {"nodeName"}) != node) return Edit::Refuse;
    return change(raw) ? Edit::Done : Edit::Leave;
  };
}

Write evict(const model::Pod& pod, WallTime now) {
  return {.key = key_of(pod),
          .uid = pod.meta.uid,
          .edit = on_node(pod.spec.node_name,
                          [now](json::object& raw) {
                            if (!model::mark_deleted(Kind::Pod, raw, std::nullopt, now)) return false;
                            model::mark_disrupted(raw, "DeletionByTaintManager",
                                                  "Taint manager: deleting due to NoExecute taint", now);
                            return true;
                          }),
          .said = EventText{key_of(pod), pod.meta.uid, "Normal", "TaintManagerEviction",
                            fmt::format("Marking for deletion Pod {}/{}", pod.meta.ns, pod.meta.name)}};
}

/// Only while the node is what the plan has seen: an agent that is back writes it before it starts a fenced pod, which
/// then stays its own.
Write unchanged(const model::Object& node, int group) {
  return {.key = node.key(),
          .uid = node.meta.uid,
          .edit =
              [seen = node.meta.resource_version](json::object& raw) {
                const auto now = model::text_at(raw.at("metadata").get_object(), "resourceVersion");
                return now == std::to_string(seen) ? Edit::Leave : Edit::Refuse;
              },
          .group = group};
}

/// Somebody's finalizers hold it: then it is marked, and goes with the last of them.
std::optional<Write> drop(const model::Pod& pod) {
  const auto held = !pod.meta.finalizers.empty();
  if (held && pod.meta.deleting()) return std::nullopt;
  return Write{.verb = held ? Write::Verb::MarkDeleted : Write::Verb::Remove,
               .key = key_of(pod),
               .uid = pod.meta.uid,
               .said = EventText{key_of(pod), pod.meta.uid, "Normal", "DeletionByPodGC",
                                 fmt::format("Its node {} is gone", pod.spec.node_name)}};
}

void fail_over(const model::Object& node, const FailoverPlan& plan, Work& work) {
  int group = 0;
  std::size_t room = 0;
  const auto add = [&](Write write) {
    if (room == 0) {
      work.writes.push_back(unchanged(node, ++group));
      room = kAtOnce;
    }
    --room;
    write.group = group;
    work.writes.push_back(std::move(write));
  };
  for (const auto& attachment : plan.free) {
    add({.verb = Write::Verb::Remove, .key = attachment_key(attachment->meta.name), .uid = attachment->meta.uid});
  }
  for (const auto& pod : plan.remove) {
    auto write = drop(*pod);
    if (!write) continue;
    write->said->message =
        fmt::format("Node {} is gone, and its berth-fence has killed the pod before", node.meta.name);
    if (write->verb == Write::Verb::Remove) {
      add(*std::move(write));
    } else {
      work.writes.push_back(*std::move(write));
    }
  }
}

}  // namespace

Controller SilenceController::row() {
  return {.name = "silence",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all = [this](const Waker& wake) { wake_all(wake); },
          .plan = [this](const model::ObjectKey& key) { return plan(key); }};
}

void SilenceController::on_nodes() {
  std::erase_if(missed_, [this](const auto& each) { return nodes_.contains(each.first); });
  for (const auto& [name, node] : cache_.nodes()) {
    if (!nodes_.contains(name.second)) missed_.try_emplace(name.second, clock_.now());
  }
}

void SilenceController::wake_all(const Waker& wake) const {
  std::set<std::string> names;
  for (const auto& [name, node] : cache_.nodes()) names.insert(name.second);
  for (const auto& [name, pod] : cache_.pods()) names.insert(pod->spec.node_name);
  for (const auto& [name, attachment] : cache_.attachments()) names.insert(attachment->node_name);
  names.erase("");
  for (const auto& name : names) wake(node_key(name));
}

void SilenceController::wakes(const store::Change& change, const Waker& wake) const {
  const auto& object = *change.object;
  if (object.kind == Kind::Node) {
    wake(object.key());
  } else if (object.kind == Kind::Pod || object.kind == Kind::VolumeAttachment) {
    // One that went, too: with the last of them a node that has no object is forgotten.
    const auto* spec = object.raw.if_contains("spec");
    const std::string node(spec == nullptr ? std::string_view() : find_string(*spec, {"nodeName"}));
    if (!node.empty() && (!nodes_.contains(node) || is_left_by_pods(node))) wake(node_key(node));
  }
}

bool SilenceController::is_left_by_pods(const std::string& node) const {
  const auto found = cache_.nodes().find({"", node});
  return found != cache_.nodes().end() && drives_pods_away(*found->second);
}

/// Of a node that is there.
Work SilenceController::evict_by_taints(const model::Object& node) const {
  Work work;
  if (!is_left_by_pods(node.meta.name)) return work;
  std::vector<PodPtr> pods;
  for (const auto& name : cache_.pods_of_node(node.meta.name)) pods.push_back(cache_.pod(name));
  const auto now = clock_.wall();
  const auto plan = plan_taints(node.raw, pods, now);
  if (plan.stamp) {
    work.writes.push_back({.key = node.key(), .uid = node.meta.uid, .edit = [now](json::object& raw) {
                             return stamp_taints(raw, now) ? Edit::Done : Edit::Leave;
                           }});
  }
  for (const auto& pod : plan.evict) work.writes.push_back(evict(*pod, now));
  work.look_again = plan.look_again;
  return work;
}

Work SilenceController::plan(const model::ObjectKey& key) {
  Work work;
  const auto stored = store_.get(key);
  if (nodes_.contains(key.name)) {
    missed_.erase(key.name);
    if (stored == nullptr) return work;
    if (!has_silent_taint(stored->raw)) return evict_by_taints(*stored);
    work.writes.push_back({.key = key, .uid = stored->meta.uid, .edit = [](json::object& raw) {
                             return mark_heard(raw) ? Edit::Done : Edit::Leave;
                           }});
    return work;
  }
  if (shared_ && stored != nullptr) {
    fail_over(*stored, plan_failover(*stored, cache_), work);
    if (!work.writes.empty()) return work;  // Seeing them gone it is planned again.
  }
  const auto missed = clock_.now() - missed_.try_emplace(key.name, clock_.now()).first->second;
  if (missed < kGrace) {
    work.look_again = std::chrono::ceil<std::chrono::milliseconds>(kGrace - missed);
    return work;
  }
  // There, and not to be read by this version: nobody deleted it.
  if (is_unread_row(store_, "Node", key.name)) return work;
  SilenceFacts facts{.node = stored, .shared = shared_, .pods = {}, .now = clock_.wall(), .missed = missed};
  for (const auto& name : cache_.pods_of_node(key.name)) facts.pods.push_back(cache_.pod(name));
  std::vector<std::shared_ptr<const model::VolumeAttachment>> attachments;
  for (const auto& [name, attachment] : cache_.attachments()) {
    if (attachment->node_name == key.name && attachment->attacher == kAttacher) {
      attachments.push_back(attachment);
    }
  }
  if (stored == nullptr && facts.pods.empty() && attachments.empty()) {
    missed_.erase(key.name);
    return work;
  }
  const auto plan = plan_silence(facts);
  if (plan.mark) {
    work.writes.push_back(
        {.key = key,
         .uid = stored->meta.uid,
         .edit = [now = facts.now](json::object& raw) { return mark_silent(raw, now) ? Edit::Done : Edit::Leave; },
         .said = EventText{key, key.name, "Normal", "NodeNotReady",
                           fmt::format("Node {} status is now: NodeNotReady", key.name)}});
  }
  for (const auto& pod : plan.not_ready) {
    work.writes.push_back(
        {.key = key_of(*pod),
         .uid = pod->meta.uid,
         .edit = on_node(key.name, [now = facts.now](json::object& raw) { return mark_pod_unknown(raw, now); }),
         .said = EventText{key_of(*pod), pod->meta.uid, "Warning", "NodeNotReady", "Node is not ready"}});
  }
  for (const auto& pod : plan.evict) work.writes.push_back(evict(*pod, facts.now));
  for (const auto& pod : plan.remove) {
    if (auto write = drop(*pod)) work.writes.push_back(*std::move(write));
  }
  if (plan.is_lost) {
    for (const auto& attachment : attachments) {
      const auto& meta = attachment->meta;
      // By now another node may have one of that name.
      work.writes.push_back({.verb = Write::Verb::Remove, .key = attachment_key(meta.name), .uid = meta.uid});
    }
  }
  work.look_again = plan.look_again;
  return work;
}

}  // namespace berth::agent
