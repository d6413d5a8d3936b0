// agent/objects/object_cache.cpp - see object_cache.hpp.
#include "agent/objects/object_cache.hpp"

#include "agent/objects/pod_facts.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

/// Where a kind's JSON must be an object before anybody plans with it: planners write below it.
std::vector<std::string_view> needed(model::Kind kind) {
  switch (kind) {
    case model::Kind::Pod:
    case model::Kind::PersistentVolume:
    case model::Kind::PersistentVolumeClaim: return {"spec"};
    case model::Kind::StatefulSet:
    case model::Kind::DaemonSet: return {"spec", "template", "spec"};
    case model::Kind::Namespace:
    case model::Kind::Node:
    case model::Kind::StorageClass:
    case model::Kind::ConfigMap:
    case model::Kind::Secret:
    case model::Kind::ServiceAccount:
    case model::Kind::Service:
    case model::Kind::ControllerRevision:
    case model::Kind::Endpoints:
    case model::Kind::EndpointSlice:
    case model::Kind::Lease:
    case model::Kind::Event: break;
  }
  return {};
}

bool has_shape(const model::Object& object) {
  const json::object* at = &object.raw;
  for (const auto step : needed(object.kind)) {
    const auto* next = at->if_contains(step);
    if (next == nullptr || !next->is_object()) return false;
    at = &next->get_object();
  }
  return true;
}

template <typename T>
void keep(Typed<T>& table, const model::Object& object, Result<T> decoded) {
  if (!decoded) {
    log(LogLevel::Error, "stored object does not decode, keeping what was known",
        {{"object", object.key().display()}, {"error", decoded.error().message()}});
    return;
  }
  table[{object.meta.ns, object.meta.name}] = std::make_shared<const T>(*std::move(decoded));
}

}  // namespace

void ObjectCache::load(const store::Listing& listing) {
  for (const auto& object : listing.objects) put(*object);
}

void ObjectCache::apply(const store::Change& change) {
  if (change.type == store::ChangeType::Deleted) {
    drop(change.object->key());
  } else {
    put(*change.object);
  }
}

void ObjectCache::put(const model::Object& object) {
  if (!has_shape(object)) {
    log(LogLevel::Error, "stored object has no spec, keeping what was known", {{"object", object.key().display()}});
    return;
  }
  switch (object.kind) {
    case model::Kind::Pod: put_pod(object); return;
    case model::Kind::StatefulSet: keep(stateful_sets_, object, model::decode_stateful_set(object)); return;
    case model::Kind::DaemonSet: keep(daemon_sets_, object, model::decode_daemon_set(object)); return;
    case model::Kind::Service: put_service(object); return;
    case model::Kind::ConfigMap: keep(config_maps_, object, model::decode_config_map(object)); return;
    case model::Kind::Secret: keep(secrets_, object, model::decode_secret(object)); return;
    case model::Kind::PersistentVolumeClaim: keep(claims_, object, model::decode_claim(object)); return;
    case model::Kind::PersistentVolume: keep(volumes_, object, model::decode_volume(object)); return;
    case model::Kind::StorageClass: keep(storage_classes_, object, model::decode_storage_class(object)); return;
    case model::Kind::Node: keep(nodes_, object, model::decode_node(object)); return;
    case model::Kind::ControllerRevision: put_revision(object); return;
    case model::Kind::Endpoints:
    case model::Kind::EndpointSlice: put_endpoints(object); return;
    case model::Kind::Namespace:
    case model::Kind::ServiceAccount:
    case model::Kind::Lease:
    case model::Kind::Event: return;
  }
}

void ObjectCache::drop(const model::ObjectKey& key) {
  const Name name{key.ns, key.name};
  switch (key.kind) {
    case model::Kind::Pod:
      if (const auto old = pods_.find(name); old != pods_.end()) {
        index(name, old->second.get(), nullptr);
        pods_.erase(old);
      }
      return;
    case model::Kind::StatefulSet: stateful_sets_.erase(name); return;
    case model::Kind::DaemonSet: daemon_sets_.erase(name); return;
    case model::Kind::Service:
      if (const auto old = services_.find(name); old != services_.end()) {
        services_by_label_.move(name, selector_of(old->second.get()), {});
        services_.erase(old);
      }
      return;
    case model::Kind::ConfigMap: config_maps_.erase(name); return;
    case model::Kind::Secret: secrets_.erase(name); return;
    case model::Kind::PersistentVolumeClaim: claims_.erase(name); return;
    case model::Kind::PersistentVolume: volumes_.erase(name); return;
    case model::Kind::StorageClass: storage_classes_.erase(name); return;
    case model::Kind::Node: nodes_.erase(name); return;
    case model::Kind::ControllerRevision:
      if (const auto old = revisions_.find(name); old != revisions_.end()) {
        revisions_by_owner_.move(name, {old->second->owner_uid}, {});
        revisions_.erase(old);
      }
      return;
    case model::Kind::Endpoints:
    case model::Kind::EndpointSlice:
      manual_endpoints_.erase(key);
      if (key.kind == model::Kind::EndpointSlice) put_slice_owners(name, {});
      return;
    case model::Kind::Namespace:
    case model::Kind::ServiceAccount:
    case model::Kind::Lease:
    case model::Kind::Event: return;
  }
}

std::vector<PodPtr> ObjectCache::pods_selected(const std::string& ns, const model::StringMap& selector) const {
  std::vector<PodPtr> pods;
  const std::set<Name>* fewest = nullptr;
  for (const auto& [key, value] : selector) {
    const auto& with = by_label_.of(label_mark(ns, key, value));
    if (fewest == nullptr || with.size() < fewest->size()) fewest = &with;
  }
  if (fewest == nullptr) return pods;
  for (const auto& name : *fewest) {
    auto found = pod(name);
    if (model::matches(selector, found->meta.labels)) pods.push_back(std::move(found));
  }
  return pods;
}

std::vector<std::string> ObjectCache::selector_of(const model::Service* service) {
  if (service == nullptr || service->selector.empty()) return {};
  const auto& [key, value] = *service->selector.begin();
  return {label_mark(service->meta.ns, key, value)};
}

void ObjectCache::put_service(const model::Object& object) {
  const Name name{object.meta.ns, object.meta.name};
  const auto known = services_.find(name);
  const auto before = known == services_.end() ? nullptr : known->second;
  keep(services_, object, model::decode_service(object));
  const auto now = services_.find(name);
  services_by_label_.move(name, selector_of(before.get()),
                          selector_of(now == services_.end() ? nullptr : now->second.get()));
}

std::vector<std::shared_ptr<const model::Service>> ObjectCache::services_selecting(
    const std::string& ns, const model::StringMap& labels) const {
  std::vector<std::shared_ptr<const model::Service>> services;
  for (const auto& [key, value] : labels) {
    for (const auto& name : services_by_label_.of(label_mark(ns, key, value))) {
      const auto& service = services_.at(name);
      if (model::matches(service->selector, labels)) services.push_back(service);
    }
  }
  return services;
}

PodPtr ObjectCache::pod(const Name& name) const {
  const auto found = pods_.find(name);
  return found == pods_.end() ? nullptr : found->second;
}

void ObjectCache::put_pod(const model::Object& object) {
  const Name name{object.meta.ns, object.meta.name};
  const auto before = pod(name);
  keep(pods_, object, model::decode_pod(object));
  index(name, before.get(), pod(name).get());
}

void ObjectCache::put_endpoints(const model::Object& object) {
  auto made = berth::agent::manual_endpoints(object);
  std::vector<std::string> owners;
  if (made) {
    manual_endpoints_[object.key()] = *std::move(made);
  } else {
    manual_endpoints_.erase(object.key());
    for (const auto& owner : object.meta.owner_references) owners.push_back(owner.uid);
  }
  if (object.kind == model::Kind::EndpointSlice)
    put_slice_owners({object.meta.ns, object.meta.name}, std::move(owners));
}

void ObjectCache::put_slice_owners(const Name& name, std::vector<std::string> owners) {
  auto& known = slice_owners_[name];
  slices_.move(name, known, owners);
  known = std::move(owners);
  if (known.empty()) slice_owners_.erase(name);
}

void ObjectCache::put_revision(const model::Object& object) {
  auto revision = decode_revision(object);
  if (!revision) return;
  const Name name{object.meta.ns, object.meta.name};
  auto& kept = revisions_[name];
  const auto before = kept ? std::vector{kept->owner_uid} : std::vector<std::string>{};
  kept = std::make_shared<const Revision>(*std::move(revision));
  revisions_by_owner_.move(name, before, {kept->owner_uid});
}

std::vector<std::string> ObjectCache::owner_of(const model::Pod* pod) {
  if (pod == nullptr) return {};
  if (const auto* owner = pod->meta.controller()) return {owner->uid};
  if (!revision_of(*pod).empty()) return {orphan_mark(pod->meta.ns)};
  return {};
}

void ObjectCache::index(const Name& name, const model::Pod* before, const model::Pod* after) {
  by_owner_.move(name, owner_of(before), owner_of(after));
  using Nodes = std::vector<std::string>;
  by_node_.move(name, before == nullptr ? Nodes{} : Nodes{before->spec.node_name},
                after == nullptr ? Nodes{} : Nodes{after->spec.node_name});
  const auto labels_of = [&](const model::Pod* pod) {
    std::vector<std::string> marks;
    if (pod == nullptr) return marks;
    for (const auto& [key, value] : pod->meta.labels) marks.push_back(label_mark(name.first, key, value));
    return marks;
  };
  if (before == nullptr || after == nullptr || before->meta.labels != after->meta.labels) {
    by_label_.move(name, labels_of(before), labels_of(after));
  }
  // What a pod uses is as fixed as its volumes and its environment.
  if (before != nullptr && after != nullptr && before->meta.uid == after->meta.uid) return;
  const auto used = [&](const model::Pod* pod) {
    std::vector<model::ObjectKey> keys;
    if (pod == nullptr) return keys;
    const auto names = references_of(pod->spec);
    for (const auto& each : names.config_maps) keys.push_back({model::Kind::ConfigMap, name.first, each});
    for (const auto& each : names.secrets) keys.push_back({model::Kind::Secret, name.first, each});
    for (const auto& each : names.claims) keys.push_back({model::Kind::PersistentVolumeClaim, name.first, each});
    return keys;
  };
  by_use_.move(name, used(before), used(after));
}

}  // namespace berth::agent
