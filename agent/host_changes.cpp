// agent/host_changes.cpp - what HostAgent does about a change: of the store, of who is there, of what is on this host.
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "agent/host_agent.hpp"
#include "agent/objects/pod_facts.hpp"
#include "agent/stranger_notes.hpp"
#include "base/log.hpp"

namespace berth::agent {

using model::Kind;

/// Torn down, and nobody's finalizers hold it: its object goes.
void HostAgent::forget(const model::Pod& pod) {
  const model::ObjectKey key{Kind::Pod, pod.meta.ns, pod.meta.name};
  writer_.remove(key, pod.meta.uid, [this, uid = pod.meta.uid](const Status& removed) {
    if (!removed) driver_.forget_failed(uid, removed.error());
  });
}

/// Takes down what the rooms hold for a pod that has no object.
void HostAgent::remove_orphan(const runtime::PodIdentity& orphan) {
  if (driver_.knows(orphan.uid)) return;
  log(LogLevel::Warning, "removing what is left of a deleted pod",
      {{"pod", orphan.ns + "/" + orphan.name}, {"uid", orphan.uid}});
  auto pod = std::make_shared<model::Pod>();
  pod->meta.uid = orphan.uid;
  pod->meta.ns = orphan.ns;
  pod->meta.name = orphan.name;
  driver_.set_pod(pod);
  driver_.remove_pod(orphan.uid);
}

/// Hands a pod that is bound to this node to the driver, unless a stranger of its name may run.
void HostAgent::drive(const PodPtr& pod) {
  if (recovery_.holds(*pod)) {
    held_.insert(pod->meta.uid);
    return;
  }
  if (waits_for_stranger(*pod)) return;
  held_.erase(pod->meta.uid);
  if (!records_.has_pod(pod->meta.uid)) records_.keep(store_->get({Kind::Pod, pod->meta.ns, pod->meta.name}));
  driver_.set_pod(pod);
  shutdown_.look_again();
}

/// One of its name may run on another host, unseen by the store. What runs here already goes on.
bool HostAgent::waits_for_stranger(const model::Pod& pod) {
  if (pod.meta.deleting() || driver_.knows(pod.meta.uid)) return false;
  const auto node = node_of_stranger(pod, cache_, config_.node_name);
  if (node.empty()) return false;
  if (held_.insert(pod.meta.uid).second) {
    events_.record({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, "Warning", "HeldByStranger",
                   fmt::format("A pod of this name that has no object runs on host {}: adopt or remove it there first, "
                               "see berth pods strangers",
                               node));
  }
  return true;
}

void HostAgent::drive_held() {
  for (const auto& [name, pod] : cache_.pods()) {
    if (held_.contains(pod->meta.uid)) drive(pod);
  }
}

/// Tells the hosts that share the store, by our Node.
void HostAgent::note_strangers() {
  if (!config_.etcd || !recovery_.strangers_known()) return;
  writer_.modify({Kind::Node, "", config_.node_name}, {}, Durability::Durable,
                 [all = recovery_.strangers()](json::object& raw) { return agent::note_strangers(raw, all); }, {});
}

/// Something about the set or one of its pods changed: those that wait for their turn ask again.
void HostAgent::wake_set(const model::OwnerReference* set) {
  if (set == nullptr) return;
  for (const auto& uid : order_.waiting_in(set->uid)) driver_.kick(uid);
}

void HostAgent::on_strangers(const std::vector<model::Stranger>& strangers) {
  board_.set_strangers(strangers);
  note_strangers();
  std::set<std::string> uids;
  for (const auto& stranger : strangers) uids.insert(stranger.uid);
  names_.judge(std::move(uids));
  traffic_.look_at_all();
  policies_.look_at_all();
  for (const auto& [name, pod] : cache_.pods()) {
    if (!held_.contains(pod->meta.uid)) continue;
    drive(pod);
    if (!recovery_.holds(*pod)) continue;
    events_.record(
        {Kind::Pod, name.first, name.second}, pod->meta.uid, "Warning", "HeldByStranger",
        "A pod of this name, or of this DaemonSet, that has no object runs on this host: adopt or remove it first, see "
        "berth pods strangers");
  }
  if (strangers.empty()) records_.sweep();
  if (const auto node = store_->get({Kind::Node, "", config_.node_name})) orders_.take(*node);
}

/// After a burst (30 pods start, a snapshot) the heap has grown: give back what is free, see malloc_trim(3).
void HostAgent::trim_soon() {
  constexpr std::chrono::seconds kTrimAfter{5};
  if (trim_) return;
  trim_ = loop_.after(kTrimAfter, [this] {
    trim_.reset();
    ::malloc_trim(0);
  });
}

/// What readers of a packed object had of it is free by then: nothing need have changed.
void HostAgent::trim_now_and_then() {
  constexpr std::chrono::minutes kTrimEvery{1};
  trim_again_ = loop_.after(kTrimEvery, [this] {
    ::malloc_trim(0);
    trim_now_and_then();
  });
}

void HostAgent::on_change(const store::Change& change) {
  trim_soon();
  runner_.on_change(change);
  traffic_.on_change(change);
  policies_.on_change(change);
  const auto& object = *change.object;
  if (object.kind == Kind::Pod) {
    on_pod(change);
    if (change.type == store::ChangeType::Deleted || object.meta.deleting()) wake_set(object.meta.controller());
  } else if (object.kind == Kind::StatefulSet) {
    for (const auto& uid : order_.waiting_in(object.meta.uid)) driver_.kick(uid);
  } else if (object.kind == Kind::ConfigMap || object.kind == Kind::Secret) {
    for (const auto& name : cache_.pods_using(object.key())) on_used(*cache_.pod(name), object);
  } else if (object.kind == Kind::Node) {
    on_node(change);
  }
  first_objects_.on_change(change);
  names_.on_change(change);
}

/// A config map or a secret that the pod uses changed, came or went.
void HostAgent::on_used(const model::Pod& pod, const model::Object& object) {
  const auto names = references_of(pod.spec);
  const auto has = [&](const std::vector<std::string>& all) {
    return std::find(all.begin(), all.end(), object.meta.name) != all.end();
  };
  const auto is_secret = object.kind == Kind::Secret;
  if (has(is_secret ? names.secrets : names.config_maps)) driver_.refresh(pod.meta.uid);
  if (is_secret && has(names.pull_secrets)) driver_.pull_again(pod.meta.uid);
}

void HostAgent::on_node(const store::Change& change) {
  const auto& object = *change.object;
  const auto own = object.meta.name == config_.node_name;
  peers_.on_node(change);
  if (change.type != store::ChangeType::Deleted) {
    orders_.take(object);
    if (own) {
      // Without a session others say so again and again, and they are right.
      if (nodes_.known()) node_.on_node(object, change.type == store::ChangeType::Added);
      note_strangers();  // It may have been made anew.
      if (fence_) fence_->on_node();
    }
  } else if (own && begun_) {
    log(LogLevel::Warning, "the Node of this host was deleted: writing it anew", {{"node", object.meta.name}});
    first_objects_.write(host_ip_);
  }
  if (!own && notes_otherwise(change)) drive_held();
}

/// Others are there than before, or we are again.
void HostAgent::on_live_nodes() {
  statuses_.set_open(nodes_.known());
  silence_.on_nodes();
  placement_.on_nodes();
  first_objects_.on_peers();
  if (sources_) sources_->on_nodes();
  if (const auto node = store_->get({Kind::Node, "", config_.node_name}); node && nodes_.known()) {
    node_.on_node(*node, /*is_new=*/false);
  }
  runner_.wake_all();
}

/// Without a session the Node cannot be written: what it says then would be of yesterday when it can.
void HostAgent::on_troubles(const std::vector<NodeTrouble>& troubles) {
  if (nodes_.known()) node_.on_troubles(troubles);
  std::vector<model::HostProblem> said;
  for (const auto& each : troubles) {
    // What the store says of itself is told with it.
    if (each.reason != kStoreSays) said.push_back({.subject = each.reason, .message = each.message});
  }
  board_.set_cluster(std::move(said));
}

/// What waits for our session to hold looks again as soon as it does.
void HostAgent::follow_term() {
  term_->follow([this](std::uint64_t session) {
    loop_.post([this, session] {
      term_->take(session);
      if (fence_) fence_->on_session();
      driver_.kick_all();
      runner_.wake_all();
    });
  });
}

/// The store tells everything: at the start, and whenever it had lost us. What went and came meanwhile nobody tells.
void HostAgent::on_snapshot(const std::vector<PodPtr>& gone) {
  trim_soon();
  if (!std::exchange(begun_, true)) return begin();
  log(LogLevel::Info, "the store is in sight again: looking at everything", {{"gone", std::to_string(gone.size())}});
  if (std::exchange(from_copy_, false)) {
    first_objects_.write(host_ip_);
    recovery_.on_store();
    begin_sources();
  }
  for (const auto& pod : gone) on_pod_gone(pod->meta.uid);
  for (const auto& name : cache_.pods_of_node(config_.node_name)) {
    const auto pod = cache_.pod(name);
    drive(pod);
    driver_.refresh(pod->meta.uid);
  }
  driver_.kick_all();
  if (const auto node = store_->get({Kind::Node, "", config_.node_name})) {
    orders_.take(*node);
    if (nodes_.known()) node_.on_node(*node, /*is_new=*/false);
    first_objects_.on_peers();
  } else {
    first_objects_.write(host_ip_);
  }
  if (certificates_) certificates_->look();
  if (troubles_) troubles_->look();
  silence_.on_snapshot();
  placement_.on_snapshot();
  peers_.look_at_all();
  runner_.wake_all();
  traffic_.look_at_all();
  policies_.look_at_all();
  names_.on_snapshot();
}

void HostAgent::mark_logs_gone(std::function<Status(const runtime::LogSettings&, const std::filesystem::path&)> mark) {
  files_lane_->run([logs = config_.logs, state_dir = config_.state_dir, mark = std::move(mark)] {
    if (auto marked = mark(logs, state_dir); !marked) {
      log(LogLevel::Warning, "log files of a pod that is gone stay for a week, ignoring",
          {{"error", marked.error().message()}});
    }
  });
}

void HostAgent::on_pod_gone(const std::string& uid) {
  held_.erase(uid);
  order_.forget(uid);
  records_.forget_pod(uid);
  driver_.remove_pod(uid);
  recovery_.on_settled(uid);
  mark_logs_gone(
      [uid](const auto& logs, const auto& state_dir) { return runtime::mark_pod_logs_gone(logs, state_dir, uid); });
}

void HostAgent::on_pod(const store::Change& change) {
  const auto& object = *change.object;
  if (change.type == store::ChangeType::Deleted) {
    on_pod_gone(object.meta.uid);
    return;
  }
  // The same name with another uid: the old one was removed and made again between two looks.
  if (change.previous && change.previous->meta.uid != object.meta.uid) on_pod_gone(change.previous->meta.uid);
  const auto found = cache_.pods().find({object.meta.ns, object.meta.name});
  // What the cache kept of an object that does not decode may be of another pod.
  if (found == cache_.pods().end() || found->second->meta.uid != object.meta.uid) return;
  const auto& pod = found->second;
  if (pod->spec.node_name == config_.node_name) drive(pod);
}

}  // namespace berth::agent
