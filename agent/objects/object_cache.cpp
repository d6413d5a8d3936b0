// agent/objects/object_cache.cpp - see object_cache.hpp.
#include "agent/objects/object_cache.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "agent/objects/pod_facts.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

/// Where a kind's JSON must be an object before anybody plans with it: planners write below it.
using Shape = std::array<std::string_view, 3>;
constexpr Shape kAny{};
constexpr Shape kSpec{"spec"};
constexpr Shape kTemplate{"spec", "template", "spec"};

bool has_shape(const model::Object& object, const Shape& shape) {
  const json::object* at = &object.raw;
  for (const auto step : shape) {
    if (step.empty()) break;
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

/// Of a namespace nobody asks for more than its labels.
Result<model::ObjectMeta> decode_meta(const model::Object& object) { return object.meta; }

}  // namespace

struct ObjectCache::Row {
  model::Kind kind;
  Shape shape;
  void (*put)(ObjectCache&, const model::Object&);
  void (*drop)(ObjectCache&, const model::ObjectKey&);
  std::vector<Name> (*names)(const ObjectCache&);
};

struct ObjectCache::Rows {
  template <auto Table>
  static std::vector<Name> names_in(const ObjectCache& cache) {
    std::vector<Name> names;
    for (const auto& [name, object] : cache.*Table) names.push_back(name);
    return names;
  }

  /// Decoded, in a table of its own, and found by its name only.
  template <auto Table, auto Decode>
  static Row plain(model::Kind kind, const Shape& shape = kAny) {
    return {.kind = kind,
            .shape = shape,
            .put = [](ObjectCache& cache, const model::Object& object) { keep(cache.*Table, object, Decode(object)); },
            .drop =
                [](ObjectCache& cache, const model::ObjectKey& key) {
                  (cache.*Table).erase({key.ns, key.name});
                },
            .names = names_in<Table>};
  }

  /// The same, and found by other things, too.
  template <auto Table, auto Put, auto Drop>
  static Row indexed(model::Kind kind, const Shape& shape = kAny) {
    return {.kind = kind,
            .shape = shape,
            .put = [](ObjectCache& cache, const model::Object& object) { (cache.*Put)(object); },
            .drop =
                [](ObjectCache& cache, const model::ObjectKey& key) {
                  (cache.*Drop)({key.ns, key.name});
                },
            .names = names_in<Table>};
  }

  template <model::Kind kKind>
  static Row endpoints() {
    return {.kind = kKind,
            .shape = kAny,
            .put = [](ObjectCache& cache, const model::Object& object) { cache.put_endpoints(object); },
            .drop = [](ObjectCache& cache, const model::ObjectKey& key) { cache.drop_endpoints(key); },
            .names = [](const ObjectCache& cache) { return cache.endpoint_names(kKind); }};
  }

  static const std::vector<Row>& all() {
    using model::Kind;
    using Cache = ObjectCache;
    static const std::vector<Row> rows{
        indexed<&Cache::pods_, &Cache::put_pod, &Cache::drop_pod>(Kind::Pod, kSpec),
        plain<&Cache::stateful_sets_, model::decode_stateful_set>(Kind::StatefulSet, kTemplate),
        plain<&Cache::daemon_sets_, model::decode_daemon_set>(Kind::DaemonSet, kTemplate),
        indexed<&Cache::jobs_, &Cache::put_job, &Cache::drop_job>(Kind::Job, kTemplate),
        plain<&Cache::cron_jobs_, model::decode_cron_job>(Kind::CronJob, kSpec),
        plain<&Cache::deployments_, model::decode_deployment>(Kind::Deployment, kTemplate),
        indexed<&Cache::replica_sets_, &Cache::put_replica_set, &Cache::drop_replica_set>(Kind::ReplicaSet, kTemplate),
        plain<&Cache::replication_controllers_, model::decode_replication_controller>(Kind::ReplicationController,
                                                                                      kTemplate),
        plain<&Cache::disruption_budgets_, model::decode_disruption_budget>(Kind::PodDisruptionBudget),
        plain<&Cache::autoscalers_, model::decode_autoscaler>(Kind::HorizontalPodAutoscaler),
        indexed<&Cache::services_, &Cache::put_service, &Cache::drop_service>(Kind::Service),
        plain<&Cache::network_policies_, model::decode_network_policy>(Kind::NetworkPolicy, kSpec),
        plain<&Cache::namespaces_, decode_meta>(Kind::Namespace),
        plain<&Cache::config_maps_, model::decode_config_map>(Kind::ConfigMap),
        plain<&Cache::secrets_, model::decode_secret>(Kind::Secret),
        plain<&Cache::claims_, model::decode_claim>(Kind::PersistentVolumeClaim, kSpec),
        plain<&Cache::volumes_, model::decode_volume>(Kind::PersistentVolume, kSpec),
        plain<&Cache::attachments_, model::decode_volume_attachment>(Kind::VolumeAttachment),
        plain<&Cache::storage_classes_, model::decode_storage_class>(Kind::StorageClass),
        plain<&Cache::nodes_, model::decode_node>(Kind::Node),
        indexed<&Cache::revisions_, &Cache::put_revision, &Cache::drop_revision>(Kind::ControllerRevision),
        endpoints<Kind::Endpoints>(),
        endpoints<Kind::EndpointSlice>(),
    };
    return rows;
  }

  /// Null for a kind that nothing here plans with.
  static const Row* find(model::Kind kind) {
    const auto found = std::find_if(all().begin(), all().end(), [&](const Row& row) { return row.kind == kind; });
    return found == all().end() ? nullptr : &*found;
  }
};

std::vector<PodPtr> ObjectCache::replace(const store::Listing& all) {
  // By what is stored, not by what decodes: an object that cannot be read is there all the same.
  std::map<model::ObjectKey, std::string_view> there;  // with its uid
  for (const auto& object : all.objects) there.emplace(object->key(), object->meta.uid);
  std::vector<PodPtr> gone;
  for (const auto& [name, pod] : pods_) {
    const auto found = there.find({model::Kind::Pod, name.first, name.second});
    if (found == there.end() || found->second != pod->meta.uid) gone.push_back(pod);
  }
  for (const auto& pod : gone) drop_pod({pod->meta.ns, pod->meta.name});
  for (const auto& row : Rows::all()) {
    for (auto& name : row.names(*this)) {
      const model::ObjectKey key{row.kind, std::move(name.first), std::move(name.second)};
      if (!there.contains(key)) row.drop(*this, key);
    }
  }
  for (const auto& object : all.objects) put(*object);
  return gone;
}

void ObjectCache::apply(const store::Change& change) {
  if (change.type == store::ChangeType::Deleted) {
    drop(change.object->key());
  } else {
    put(*change.object);
  }
}

void ObjectCache::put(const model::Object& object) {
  const auto* row = Rows::find(object.kind);
  if (row == nullptr) return;
  if (!has_shape(object, row->shape)) {
    log(LogLevel::Error, "stored object has no spec, keeping what was known", {{"object", object.key().display()}});
    return;
  }
  row->put(*this, object);
}

void ObjectCache::drop(const model::ObjectKey& key) {
  if (const auto* row = Rows::find(key.kind)) row->drop(*this, key);
}

void ObjectCache::drop_pod(const Name& name) {
  const auto old = pods_.find(name);
  if (old == pods_.end()) return;
  index(name, old->second.get(), nullptr);
  pods_.erase(old);
}

void ObjectCache::drop_service(const Name& name) {
  const auto old = services_.find(name);
  if (old == services_.end()) return;
  services_by_label_.move(name, selector_of(old->second.get()), {});
  services_.erase(old);
}

void ObjectCache::drop_revision(const Name& name) {
  const auto old = revisions_.find(name);
  if (old == revisions_.end()) return;
  revisions_by_owner_.move(name, {old->second->owner_uid}, {});
  revisions_.erase(old);
}

void ObjectCache::drop_endpoints(const model::ObjectKey& key) {
  manual_endpoints_.erase(key);
  if (key.kind == model::Kind::EndpointSlice) put_slice_owners({key.ns, key.name}, {});
}

/// Of those made by hand, and of derived slices.
std::vector<Name> ObjectCache::endpoint_names(model::Kind kind) const {
  std::vector<Name> names;
  for (const auto& [key, endpoints] : manual_endpoints_) {
    if (key.kind == kind) names.emplace_back(key.ns, key.name);
  }
  if (kind != model::Kind::EndpointSlice) return names;
  for (const auto& [name, owners] : slice_owners_) names.push_back(name);
  return names;
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

/// Keeps `index` (by the uid of the controller; without one by the namespace) right while `change` changes `name`.
template <typename T, typename Change>
void ObjectCache::reindex(const Typed<T>& all, ObjectIndex<std::string>& index, const Name& name,
                          const Change& change) {
  const auto marks = [&]() -> std::vector<std::string> {
    const auto found = all.find(name);
    if (found == all.end()) return {};
    const auto* owner = found->second->meta.controller();
    return {owner == nullptr ? orphan_mark(name.first) : owner->uid};
  };
  const auto before = marks();
  change();
  index.move(name, before, marks());
}

void ObjectCache::put_job(const model::Object& object) {
  const Name name{object.meta.ns, object.meta.name};
  reindex(jobs_, jobs_by_owner_, name, [&] { keep(jobs_, object, model::decode_job(object)); });
}

void ObjectCache::drop_job(const Name& name) {
  reindex(jobs_, jobs_by_owner_, name, [&] { jobs_.erase(name); });
}

std::vector<PodPtr> ObjectCache::free_pods(const std::string& ns, const model::LabelSelector& selector) const {
  auto found = pods_taken(ns, selector);
  std::erase_if(found, [](const PodPtr& pod) { return pod->meta.controller() != nullptr; });
  return found;
}

std::vector<PodPtr> ObjectCache::pods_taken(const std::string& ns, const model::LabelSelector& selector) const {
  std::vector<PodPtr> found;
  const auto take = [&](const PodPtr& pod) {
    if (model::matches(selector, pod->meta.labels)) found.push_back(pod);
  };
  if (!selector.match_labels.empty()) {
    for (const auto& pod : pods_selected(ns, selector.match_labels)) take(pod);
    return found;
  }
  each_in_namespace(pods_, ns, [&](const Name&, const PodPtr& pod) { take(pod); });
  return found;
}

void ObjectCache::put_replica_set(const model::Object& object) {
  const Name name{object.meta.ns, object.meta.name};
  reindex(replica_sets_, replica_sets_by_owner_, name,
          [&] { keep(replica_sets_, object, model::decode_replica_set(object)); });
}

void ObjectCache::drop_replica_set(const Name& name) {
  reindex(replica_sets_, replica_sets_by_owner_, name, [&] { replica_sets_.erase(name); });
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
  // What a pod uses is as fixed as its volumes and its environment; once it is another node's, only its claims are
  // known.
  if (before != nullptr && after != nullptr && before->meta.uid == after->meta.uid &&
      before->spec.node_name == after->spec.node_name) {
    return;
  }
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
