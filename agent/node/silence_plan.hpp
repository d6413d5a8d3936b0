// agent/node/silence_plan.hpp - what becomes of a node of which nothing is heard, and of its pods. Pure. As Kubernetes'
// node lifecycle, taint eviction and pod garbage collection do it, with its words.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/clock.hpp"
#include "model/model.hpp"

namespace berth::agent {

/// A node whose agent holds no session, for longer than it takes to be back after a restart.
struct SilenceFacts {
  model::ObjectPtr node;     ///< Null: somebody deleted it.
  bool shared = true;        ///< Others reach the store, too, and may make the pods elsewhere.
  std::vector<PodPtr> pods;  ///< Bound to it.
  WallTime now{};
  /// For how long we miss it, by a clock that nobody sets: whose the taint's time is may have been another host.
  std::chrono::nanoseconds missed = std::chrono::nanoseconds::max();
};

struct SilencePlan {
  bool mark = false;              ///< The Node does not say it yet: mark_silent().
  std::vector<PodPtr> not_ready;  ///< They say that they are ready, which nobody knows.
  std::vector<PodPtr> evict;      ///< Deleted, so that others take their place; they end when the node is back.
  bool is_lost = false;           ///< A person said that the node is gone: what it held is free.
  std::vector<PodPtr> remove;     ///< Then: their objects go.
  std::optional<std::chrono::milliseconds> look_again;
};

/// Pods go from a silent node as they tolerate node.kubernetes.io/unreachable (for five minutes where they say
/// nothing), but for those with an identity and those that are of the node: a StatefulSet's may run on there, unseen,
/// and must not run twice; a DaemonSet's, and what the node's own files made, belong there. Their objects go only on a
/// person's word: the Node is deleted, or has the taint node.kubernetes.io/out-of-service. In a store that is one
/// host's own the other node is most likely that host under its former name: then time takes nothing from its pods.
SilencePlan plan_silence(const SilenceFacts& facts);

/// All conditions Unknown, and the taint. False: it says so already.
bool mark_silent(json::object& node, WallTime now);
/// Takes the taint away. False: it is not there. The conditions are the node's own to write.
bool mark_heard(json::object& node);
/// Conditions, taint, and since when.
bool is_marked_silent(const json::object& node);
/// Is the taint there, whatever the conditions say? They have another writer.
bool has_silent_taint(const json::object& node);

/// Ready is no longer known. False: it was not said to be.
bool mark_pod_unknown(json::object& pod, WallTime now);

}  // namespace berth::agent
