// agent/services/endpoint_controller.cpp - see endpoint_controller.hpp.
#include "agent/services/endpoint_controller.hpp"

#include <algorithm>
#include <set>

#include "agent/objects/change_facts.hpp"

namespace berth::agent {
namespace {

using model::Kind;

/// The status of the condition Ready, "" when there is none.
std::string_view ready_word(const json::value& status) {
  const auto* conditions = find(status, {"conditions"});
  if (conditions == nullptr || !conditions->is_array()) return {};
  for (const auto& each : conditions->get_array()) {
    if (find_string(each, {"type"}) == "Ready") return find_string(each, {"status"});
  }
  return {};
}

}  // namespace

Controller EndpointController::row() {
  return {.name = "endpoints",
          .wakes = [this](const store::Change& change, const Waker& wake) { wakes(change, wake); },
          .all =
              [this](const Waker& wake) {
                for (const auto& [name, service] : cache_.services()) wake({Kind::Service, name.first, name.second});
              },
          .plan = [this](const model::ObjectKey& key) { return plan(key); },
          .gather = gather_};
}

void EndpointController::wakes(const store::Change& change, const Waker& wake) const {
  const auto& object = *change.object;
  if (object.kind == Kind::Pod) {
    if (endpoints_changed(change)) wake_selecting(change, wake);
  } else if (object.kind == Kind::Service || object.kind == Kind::Endpoints) {  // Somebody's edit is put right.
    wake({Kind::Service, object.meta.ns, object.meta.name});
  } else if (object.kind == Kind::EndpointSlice) {
    for (const auto& owner : object.meta.owner_references) {
      if (owner.kind == "Service") wake({Kind::Service, object.meta.ns, owner.name});
    }
  }
}

void EndpointController::wake_selecting(const store::Change& pod, const Waker& wake) const {
  const auto& ns = pod.object->meta.ns;
  const auto wake_all = [&](const model::StringMap& labels) {
    for (const auto& service : cache_.services_selecting(ns, labels)) {
      if (derives_endpoints(*service)) wake({Kind::Service, ns, service->meta.name});
    }
  };
  wake_all(pod.object->meta.labels);
  if (pod.previous && pod.previous->meta.labels != pod.object->meta.labels) wake_all(pod.previous->meta.labels);
}

Work EndpointController::plan(const model::ObjectKey& key) const {
  Work work;
  const Name name{key.ns, key.name};
  const auto found = cache_.services().find(name);
  if (found == cache_.services().end() || !derives_endpoints(*found->second)) return work;
  const auto home = store_.get({Kind::Namespace, "", key.ns});
  if (!home || home->meta.deleting()) return work;  // Takes nothing new.

  auto plan = plan_endpoints(*found->second, cache_.pods_selected(key.ns, found->second->selector));
  write(store_.get({Kind::Endpoints, key.ns, key.name}), std::move(plan.endpoints), work);
  std::set<std::string> wanted;
  for (auto& slice : plan.slices) {
    const auto slice_name = std::string(find_string(slice.at("metadata"), {"name"}));
    wanted.insert(slice_name);
    write(store_.get({Kind::EndpointSlice, key.ns, slice_name}), std::move(slice), work);
  }
  const auto& uid = found->second->meta.uid;
  for (const auto& slice : cache_.derived_slices(uid)) {
    if (wanted.contains(slice.second)) continue;
    const auto stored = store_.get({Kind::EndpointSlice, slice.first, slice.second});
    if (!stored || !is_derived(*stored)) continue;
    work.writes.push_back({.verb = Write::Verb::Remove, .key = stored->key(), .uid = stored->meta.uid});
  }
  return work;
}

void EndpointController::write(const model::ObjectPtr& stored, json::object planned, Work& work) const {
  if (!stored) {
    const json::value value(planned);
    const auto* kind = model::find_kind(find_string(value, {"kind"}));
    model::ObjectKey key{kind->kind, std::string(find_string(value, {"metadata", "namespace"})),
                         std::string(find_string(value, {"metadata", "name"}))};
    work.writes.push_back({.verb = Write::Verb::Create,
                           .key = std::move(key),
                           .object = std::move(planned),
                           .durability = Durability::Lazy,
                           .may_exist = true});
    return;
  }
  if (stored->meta.deleting() || !merge_endpoints(stored->raw, planned)) return;
  work.writes.push_back({.key = stored->key(),
                         .uid = stored->meta.uid,
                         .edit =
                             [planned = std::move(planned)](json::object& raw) {
                               auto merged = merge_endpoints(raw, planned);
                               if (!merged) return Edit::Leave;
                               raw = *std::move(merged);
                               return Edit::Done;
                             },
                         .durability = Durability::Lazy});
}

bool endpoints_changed(const store::Change& change) {
  if (is_other_object(change)) return true;
  const auto& before = change.previous->meta;
  const auto& after = change.object->meta;
  if (before.labels != after.labels || before.deleting() != after.deleting()) return true;
  const auto* old_status = change.previous->raw.if_contains("status");
  const auto* new_status = change.object->raw.if_contains("status");
  if (old_status == nullptr || new_status == nullptr) return old_status != new_status;
  for (const auto* field : {"podIP", "phase"}) {
    if (find_string(*old_status, {field}) != find_string(*new_status, {field})) return true;
  }
  return ready_word(*old_status) != ready_word(*new_status);
}

}  // namespace berth::agent
