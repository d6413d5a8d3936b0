// agent/objects/object_cache.cpp - see object_cache.hpp.
#include "agent/objects/object_cache.hpp"

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
    case model::Kind::Pod: keep(pods_, object, model::decode_pod(object)); return;
    case model::Kind::StatefulSet: keep(stateful_sets_, object, model::decode_stateful_set(object)); return;
    case model::Kind::DaemonSet: keep(daemon_sets_, object, model::decode_daemon_set(object)); return;
    case model::Kind::Service: keep(services_, object, model::decode_service(object)); return;
    case model::Kind::ConfigMap: keep(config_maps_, object, model::decode_config_map(object)); return;
    case model::Kind::Secret: keep(secrets_, object, model::decode_secret(object)); return;
    case model::Kind::PersistentVolumeClaim: keep(claims_, object, model::decode_claim(object)); return;
    case model::Kind::PersistentVolume: keep(volumes_, object, model::decode_volume(object)); return;
    case model::Kind::StorageClass: keep(storage_classes_, object, model::decode_storage_class(object)); return;
    case model::Kind::Node: keep(nodes_, object, model::decode_node(object)); return;
    case model::Kind::ControllerRevision: {
      auto revision = decode_revision(object);
      if (!revision) return;
      const auto* owner = object.meta.controller();
      revisions_[{object.meta.ns, object.meta.name}] = {owner == nullptr ? std::string() : owner->uid,
                                                        *std::move(revision)};
      return;
    }
    case model::Kind::Endpoints:
    case model::Kind::EndpointSlice: {
      auto made = berth::agent::manual_endpoints(object);
      if (made) {
        manual_endpoints_[object.key()] = *std::move(made);
      } else {
        manual_endpoints_.erase(object.key());
      }
      return;
    }
    case model::Kind::Namespace:
    case model::Kind::ServiceAccount:
    case model::Kind::Lease:
    case model::Kind::Event: return;
  }
}

void ObjectCache::drop(const model::ObjectKey& key) {
  const Name name{key.ns, key.name};
  switch (key.kind) {
    case model::Kind::Pod: pods_.erase(name); return;
    case model::Kind::StatefulSet: stateful_sets_.erase(name); return;
    case model::Kind::DaemonSet: daemon_sets_.erase(name); return;
    case model::Kind::Service: services_.erase(name); return;
    case model::Kind::ConfigMap: config_maps_.erase(name); return;
    case model::Kind::Secret: secrets_.erase(name); return;
    case model::Kind::PersistentVolumeClaim: claims_.erase(name); return;
    case model::Kind::PersistentVolume: volumes_.erase(name); return;
    case model::Kind::StorageClass: storage_classes_.erase(name); return;
    case model::Kind::Node: nodes_.erase(name); return;
    case model::Kind::ControllerRevision: revisions_.erase(name); return;
    case model::Kind::Endpoints:
    case model::Kind::EndpointSlice: manual_endpoints_.erase(key); return;
    case model::Kind::Namespace:
    case model::Kind::ServiceAccount:
    case model::Kind::Lease:
    case model::Kind::Event: return;
  }
}

}  // namespace berth::agent
