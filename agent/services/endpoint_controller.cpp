// agent/services/endpoint_controller.cpp - see endpoint_controller.hpp.
#include "agent/services/endpoint_controller.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace berth::agent {
namespace {

using model::Kind;

constexpr std::chrono::seconds kRetry{5};

}  // namespace

void EndpointController::on_change(const store::Change& change) {
  const auto& object = *change.object;
  switch (object.kind) {
    case Kind::Pod:
      if (endpoints_changed(change)) on_pod(change);
      return;
    case Kind::Service:
    case Kind::Endpoints:  // Somebody's edit is put right.
      mark({object.meta.ns, object.meta.name});
      return;
    case Kind::EndpointSlice:
      for (const auto& owner : object.meta.owner_references) {
        if (owner.kind == "Service") mark({object.meta.ns, owner.name});
      }
      return;
    case Kind::Namespace:
    case Kind::Node:
    case Kind::StorageClass:
    case Kind::PersistentVolume:
    case Kind::ConfigMap:
    case Kind::Secret:
    case Kind::ServiceAccount:
    case Kind::PersistentVolumeClaim:
    case Kind::DaemonSet:
    case Kind::StatefulSet:
    case Kind::ControllerRevision:
    case Kind::Lease:
    case Kind::Event: return;
  }
}

void EndpointController::plan_all() {
  for (const auto& [name, service] : cache_.services()) mark(name);
}

void EndpointController::on_pod(const store::Change& change) {
  const auto& ns = change.object->meta.ns;
  for (auto it = cache_.services().lower_bound({ns, ""}); it != cache_.services().end() && it->first.first == ns;
       ++it) {
    const auto& service = *it->second;
    if (!derives_endpoints(service)) continue;
    if (model::matches(service.selector, change.object->meta.labels) ||
        (change.previous && model::matches(service.selector, change.previous->meta.labels))) {
      mark(it->first);
    }
  }
}

void EndpointController::mark(const Name& service) {
  dirty_.insert(service);
  if (timer_) return;
  timer_ = loop_.after(gather_, [this] {
    timer_.reset();
    for (const auto& name : std::exchange(dirty_, {})) plan(name);
  });
}

void EndpointController::plan(const Name& name) {
  const auto found = cache_.services().find(name);
  if (found == cache_.services().end() || !derives_endpoints(*found->second)) return;
  const auto home = store_.get({Kind::Namespace, "", name.first});
  if (!home || home->meta.deleting()) return;  // Takes nothing new.

  std::vector<PodPtr> pods;
  for (auto it = cache_.pods().lower_bound({name.first, ""});
       it != cache_.pods().end() && it->first.first == name.first; ++it) {
    pods.push_back(it->second);
  }
  auto plan = plan_endpoints(*found->second, pods);
  write(store_.get({Kind::Endpoints, name.first, name.second}), std::move(plan.endpoints));
  std::set<std::string> wanted;
  for (auto& slice : plan.slices) {
    const auto slice_name = std::string(find_string(slice.at("metadata"), {"name"}));
    wanted.insert(slice_name);
    write(store_.get({Kind::EndpointSlice, name.first, slice_name}), std::move(slice));
  }
  const auto& uid = found->second->meta.uid;
  for (const auto& slice : store_.list(Kind::EndpointSlice, name.first).objects) {
    const auto& owners = slice->meta.owner_references;
    const auto ours = std::any_of(owners.begin(), owners.end(), [&](const auto& owner) { return owner.uid == uid; });
    if (ours && is_derived(*slice) && !wanted.contains(slice->meta.name)) {
      writer_.remove(slice->key(), slice->meta.uid, {});
    }
  }
}

void EndpointController::write(const model::ObjectPtr& stored, json::object planned) {
  const auto done = [this](const Status& status) {
    if (status || failed_with(status, ErrorCode::AlreadyExists) || failed_with(status, ErrorCode::NotFound)) return;
    log(LogLevel::Warning, "endpoints not written, trying again", {{"error", status.error().message()}});
    if (!timer_) {
      timer_ = loop_.after(kRetry, [this] {
        timer_.reset();
        plan_all();
      });
    }
  };
  if (!stored) return writer_.create(std::move(planned), Durability::Lazy, done);
  if (stored->meta.deleting() || !merge_endpoints(stored->raw, planned)) return;
  writer_.modify(
      stored->key(), stored->meta.uid, Durability::Lazy,
      [planned = std::move(planned)](json::object& raw) {
        auto merged = merge_endpoints(raw, planned);
        if (!merged) return false;
        raw = *std::move(merged);
        return true;
      },
      done);
}

bool endpoints_changed(const store::Change& change) {
  if (!change.previous || change.type == store::ChangeType::Deleted) return true;
  const auto& before = change.previous->meta;
  const auto& after = change.object->meta;
  if (before.uid != after.uid || before.labels != after.labels || before.deleting() != after.deleting()) return true;
  const auto* old_status = change.previous->raw.if_contains("status");
  const auto* new_status = change.object->raw.if_contains("status");
  if (old_status == nullptr || new_status == nullptr) return old_status != new_status;
  for (const auto* field : {"podIP", "phase"}) {
    if (find_string(*old_status, {field}) != find_string(*new_status, {field})) return true;
  }
  const auto* old_conditions = find(*old_status, {"conditions"});
  const auto* new_conditions = find(*new_status, {"conditions"});
  if (old_conditions == nullptr || new_conditions == nullptr) return old_conditions != new_conditions;
  return *old_conditions != *new_conditions;
}

}  // namespace berth::agent
