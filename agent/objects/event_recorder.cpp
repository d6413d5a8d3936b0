// agent/objects/event_recorder.cpp - see event_recorder.hpp.
#include "agent/objects/event_recorder.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/counters.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

constexpr std::size_t kMaxEvents = 1000;
constexpr std::size_t kMaxMessage = 1024;  // Kubernetes' own limit of an event's note.
constexpr std::chrono::hours kLifetime{1};
constexpr std::chrono::minutes kForgetEvery{10};

/// Who says it in Kubernetes, where these are programs of their own: what tools and people filter events by.
std::string_view role_of(Kind kind, std::string_view reason) {
  if (kind == Kind::Pod) {
    const auto placing = reason == "Scheduled" || reason == "FailedScheduling" || reason == "Preempted";
    return placing ? "default-scheduler" : "kubelet";
  }
  static constexpr std::pair<Kind, std::string_view> kRoles[] = {
      {Kind::Node, "kubelet"},
      {Kind::StatefulSet, "statefulset-controller"},
      {Kind::DaemonSet, "daemonset-controller"},
      {Kind::Deployment, "deployment-controller"},
      {Kind::ReplicaSet, "replicaset-controller"},
      {Kind::ReplicationController, "replication-controller"},
      {Kind::Job, "job-controller"},
      {Kind::CronJob, "cronjob-controller"},
      {Kind::HorizontalPodAutoscaler, "horizontal-pod-autoscaler"},
      {Kind::PodDisruptionBudget, "controllermanager"},
      {Kind::PersistentVolumeClaim, "persistentvolume-controller"},
      {Kind::PersistentVolume, "persistentvolume-controller"},
      {Kind::Service, "service-controller"},
  };
  for (const auto& [of, role] : kRoles) {
    if (of == kind) return role;
  }
  return "berthd";
}

}  // namespace

EventRecorder::EventRecorder(Loop& loop, store::Store& store, StoreWriter& writer, const Clock& clock, std::string host)
    : loop_(loop), store_(store), writer_(writer), clock_(clock), host_(std::move(host)) {
  // Events of an earlier process age from now on.
  const auto made_for = store.identity().node;
  store.visit(model::Kind::Event, {}, [&](const model::ObjectPtr& object) {
    // Another host that shares the store keeps its own. Where none does, it is this one's former name.
    const auto* source = object->raw.if_contains("source");
    const auto by = source == nullptr ? std::string_view() : find_string(*source, {"host"});
    if (!by.empty() && by != host_ && (made_for.empty() || made_for == host_)) return;
    kept_[object->meta.uid] = {.name = object->meta.name, .ns = object->meta.ns, .count = 1, .last = clock_.now()};
  });
  timer_ = loop_.after(kForgetEvery, [this] { forget_old(); });
}

void EventRecorder::record(const model::ObjectKey& involved, const std::string& uid, std::string_view type,
                           std::string_view reason, const std::string& message, const std::string& field_path) {
  // Nobody could read it, and it would be there again with the next namespace of that name.
  if (!involved.ns.empty() && !store_.get({model::Kind::Namespace, "", involved.ns})) return;
  auto& counter = type == "Warning" ? counters().events_warning : counters().events_normal;
  counter.fetch_add(1, std::memory_order_relaxed);
  const auto now = format_rfc3339(clock_.wall());
  const auto text = message.substr(0, kMaxMessage);
  const auto key = fmt::format("{}\n{}\n{}\n{}\n{}", involved.display(), uid, field_path, reason, text);
  if (const auto found = kept_.find(key); found != kept_.end()) {
    auto& kept = found->second;
    ++kept.count;
    kept.last = clock_.now();
    writer_.modify({model::Kind::Event, kept.ns, kept.name}, {}, Durability::Lazy,
                   [count = kept.count, now](json::object& raw) {
                     raw["count"] = count;
                     raw["lastTimestamp"] = now;
                     return true;
                   },
                   {});
    return;
  }
  if (kept_.size() >= kMaxEvents) {
    const auto oldest = std::min_element(kept_.begin(), kept_.end(),
                                         [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
    writer_.remove({model::Kind::Event, oldest->second.ns, oldest->second.name}, {}, {});
    kept_.erase(oldest);
  }

  model::Event event;
  event.meta.ns = involved.ns.empty() ? "default" : involved.ns;
  const auto stamp = std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.wall().time_since_epoch()).count();
  event.meta.name = fmt::format("{}.{:x}{:02x}", involved.name, stamp, ++serial_ & 0xff);
  event.involved = involved;
  event.involved_uid = uid;
  event.field_path = field_path;
  event.type = type;
  event.reason = reason;
  event.message = text;
  event.count = 1;
  event.first_timestamp = now;
  event.last_timestamp = now;
  event.source_component = role_of(involved.kind, reason);
  event.source_host = host_;
  kept_[key] = {.name = event.meta.name, .ns = event.meta.ns, .count = 1, .last = clock_.now()};
  auto raw = model::encode_event(event);
  raw["reportingComponent"] = "berthd";
  writer_.create(std::move(raw), Durability::Lazy, {});
  // Events are gone after an hour; what went wrong is in the journal for as long as that is kept.
  if (type == "Warning") {
    log(LogLevel::Warning, fmt::format("event {}", reason), {{"object", involved.display()}, {"message", text}});
  }
}

void EventRecorder::forget_old() {
  const auto limit = clock_.now() - kLifetime;
  for (auto it = kept_.begin(); it != kept_.end();) {
    if (it->second.last < limit) {
      writer_.remove({model::Kind::Event, it->second.ns, it->second.name}, {}, {});
      it = kept_.erase(it);
    } else {
      ++it;
    }
  }
  timer_ = loop_.after(kForgetEvery, [this] { forget_old(); });
}

}  // namespace berth::agent
