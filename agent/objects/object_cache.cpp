// agent/objects/object_cache.cpp - see object_cache.hpp.
#include "agent/objects/object_cache.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
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

/// Labels that tell the pods of one set apart: one says its name, the other the number in it.
constexpr std::string_view kNameLabel = "statefulset.kubernetes.io/pod-name";
constexpr std::string_view kIndexLabel = "apps.kubernetes.io/pod-index";

/// Is not looked for in the index: the pod is found by its name, or among those of its namespace.
bool is_its_own(std::string_view label, const std::string& value, const model::Pod& pod) {
  return label == kIndexLabel || (label == kNameLabel && value == pod.meta.name);
}

/// Of a namespace nobody asks for more than its labels.
Result<model::ObjectMeta> decode_meta(const model::Object& object) { return object.meta; }

}  // namespace

struct ObjectCache::Row {
  model::Kind kind;
  Shape shape;
  /// An error: it does not decode, and nothing was changed.
  Status (*put)(ObjectCache&, const model::Object&);
  void (*drop)(ObjectCache&, const model::ObjectKey&);
  /// Takes what `from` knows of one, if it does.
  void (*take)(ObjectCache&, const ObjectCache& from, const model::ObjectKey&);
  /// Takes all that `from` knows.
  void (*take_all)(ObjectCache&, const ObjectCache& from);
};

struct ObjectCache::Rows {
  template <typename Member>
  struct OfTable;
  template <typename T>
  struct OfTable<Typed<T> ObjectCache::*> {
    using Object = T;
  };

  template <auto Table>
  using ObjectIn = typename OfTable<decltype(Table)>::Object;

  /// Decoded, and in a table that `Set` changes: null takes one out.
  template <auto Table, auto Decode, auto Set>
  static Row indexed(model::Kind kind, const Shape& shape = kAny) {
    return {.kind = kind,
            .shape = shape,
            .put = [](ObjectCache& cache, const model::Object& object) -> Status {
              auto decoded = Decode(object);
              if (!decoded) return std::move(decoded).error();
              std::invoke(Set, cache, Name{object.meta.ns, object.meta.name},
                          std::make_shared<const ObjectIn<Table>>(*std::move(decoded)));
              return Ok{};
            },
            .drop =
                [](ObjectCache& cache, const model::ObjectKey& key) {
                  std::invoke(Set, cache, Name{key.ns, key.name}, nullptr);
                },
            .take =
                [](ObjectCache& cache, const ObjectCache& from, const model::ObjectKey& key) {
                  const auto found = (from.*Table).find({key.ns, key.name});
                  if (found != (from.*Table).end()) std::invoke(Set, cache, found->first, found->second);
                },
            .take_all =
                [](ObjectCache& cache, const ObjectCache& from) {
                  for (const auto& [name, object] : from.*Table) std::invoke(Set, cache, name, object);
                }};
  }

  template <auto Table>
  static void set_in(ObjectCache& cache, const Name& name, std::shared_ptr<const ObjectIn<Table>> object) {
    set(cache.*Table, name, std::move(object), [](const auto&...) {});
  }

  /// Found by its name only.
  template <auto Table, auto Decode>
  static Row plain(model::Kind kind, const Shape& shape = kAny) {
    return indexed<Table, Decode, set_in<Table>>(kind, shape);
  }

  static Row pods() {
    auto row = indexed<&ObjectCache::pods_, model::decode_pod, &ObjectCache::set_pod>(model::Kind::Pod, kSpec);
    row.put = [](ObjectCache& cache, const model::Object& object) -> Status {
      auto decoded = model::decode_pod(object);
      if (!decoded) return std::move(decoded).error();
      const Name name{object.meta.ns, object.meta.name};
      cache.share_with_siblings(name, *decoded);
      cache.set_pod(name, std::make_shared<const model::Pod>(*std::move(decoded)));
      return Ok{};
    };
    return row;
  }

  template <model::Kind kKind>
  static Row endpoints() {
    return {.kind = kKind,
            .shape = kAny,
            .put = [](ObjectCache& cache, const model::Object& object) -> Status {
              cache.put_endpoints(object);
              return Ok{};
            },
            .drop = [](ObjectCache& cache, const model::ObjectKey& key) { cache.drop_endpoints(key); },
            .take = [](ObjectCache&, const ObjectCache&, const model::ObjectKey&) {},
            .take_all =
                [](ObjectCache& cache, const ObjectCache& from) {
                  cache.manual_endpoints_ = from.manual_endpoints_;
                  for (const auto& [name, owners] : from.slice_owners_) cache.put_slice_owners(name, owners);
                }};
  }

  static const std::vector<Row>& all() {
    using model::Kind;
    using Cache = ObjectCache;
    static const std::vector<Row> rows{
        pods(),
        plain<&Cache::stateful_sets_, model::decode_stateful_set>(Kind::StatefulSet, kTemplate),
        plain<&Cache::daemon_sets_, model::decode_daemon_set>(Kind::DaemonSet, kTemplate),
        indexed<&Cache::jobs_, model::decode_job, &Cache::set_job>(Kind::Job, kTemplate),
        plain<&Cache::cron_jobs_, model::decode_cron_job>(Kind::CronJob, kSpec),
        plain<&Cache::deployments_, model::decode_deployment>(Kind::Deployment, kTemplate),
        indexed<&Cache::replica_sets_, model::decode_replica_set, &Cache::set_replica_set>(Kind::ReplicaSet, kTemplate),
        plain<&Cache::replication_controllers_, model::decode_replication_controller>(Kind::ReplicationController,
                                                                                      kTemplate),
        plain<&Cache::disruption_budgets_, model::decode_disruption_budget>(Kind::PodDisruptionBudget),
        plain<&Cache::autoscalers_, model::decode_autoscaler>(Kind::HorizontalPodAutoscaler),
        indexed<&Cache::services_, model::decode_service, &Cache::set_service>(Kind::Service),
        plain<&Cache::network_policies_, model::decode_network_policy>(Kind::NetworkPolicy, kSpec),
        plain<&Cache::namespaces_, decode_meta>(Kind::Namespace),
        plain<&Cache::config_maps_, model::decode_config_map>(Kind::ConfigMap),
        plain<&Cache::secrets_, model::decode_secret>(Kind::Secret),
        plain<&Cache::claims_, model::decode_claim>(Kind::PersistentVolumeClaim, kSpec),
        plain<&Cache::volumes_, model::decode_volume>(Kind::PersistentVolume, kSpec),
        plain<&Cache::attachments_, model::decode_volume_attachment>(Kind::VolumeAttachment),
        plain<&Cache::storage_classes_, model::decode_storage_class>(Kind::StorageClass),
        plain<&Cache::nodes_, model::decode_node>(Kind::Node),
        indexed<&Cache::revisions_, decode_revision, &Cache::set_revision>(Kind::ControllerRevision),
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

ObjectCache::ObjectCache(const ObjectCache& other) {
  for (const auto& row : Rows::all()) row.take_all(*this, other);
}

std::vector<PodPtr> ObjectCache::replace(ObjectCache next, const Unread& unread) {
  for (const auto& [key, uid] : unread) {
    const auto was = key.kind == model::Kind::Pod ? pod({key.ns, key.name}) : nullptr;
    if (was == nullptr || was->meta.uid == uid) Rows::find(key.kind)->take(next, *this, key);
  }
  std::vector<PodPtr> gone;
  for (const auto& [name, pod] : pods_) {
    const auto now = next.pod(name);
    if (now == nullptr || now->meta.uid != pod->meta.uid) gone.push_back(pod);
  }
  *this = std::move(next);
  return gone;
}

void ObjectCache::apply(const store::Change& change) {
  if (change.type == store::ChangeType::Deleted) {
    drop(change.object->key());
  } else {
    put(*change.object);
  }
}

bool ObjectCache::put(const model::Object& object) {
  const auto* row = Rows::find(object.kind);
  if (row == nullptr) return true;
  const auto taken = has_shape(object, row->shape) ? row->put(*this, object)
                                                   : Status(Error(ErrorCode::InvalidArgument, "it has no spec"));
  if (!taken) {
    log(LogLevel::Error, "stored object does not decode, keeping what was known",
        {{"object", object.key().display()}, {"error", taken.error().message()}});
  }
  return taken.ok();
}

void ObjectCache::drop(const model::ObjectKey& key) {
  if (const auto* row = Rows::find(key.kind)) row->drop(*this, key);
}

template <typename T, typename Index>
void ObjectCache::set(Typed<T>& all, const Name& name, std::shared_ptr<const T> object, const Index& index) {
  const auto at = object == nullptr ? all.find(name) : all.try_emplace(name).first;
  if (at == all.end()) return;
  index(at->first, static_cast<const T*>(at->second.get()), static_cast<const T*>(object.get()));
  if (object == nullptr) {
    all.erase(at);
  } else {
    at->second = std::move(object);
  }
}

void ObjectCache::set_service(const Name& name, std::shared_ptr<const model::Service> service) {
  set(services_, name, std::move(service), [&](const Name& key, const auto* before, const auto* after) {
    services_by_label_.move(key, selector_of(before), selector_of(after));
  });
}

void ObjectCache::set_revision(const Name& name, std::shared_ptr<const Revision> revision) {
  const auto owner_of = [](const Revision* one) {
    return one == nullptr ? std::vector<std::string>{} : std::vector{one->owner_uid};
  };
  set(revisions_, name, std::move(revision), [&](const Name& key, const auto* before, const auto* after) {
    revisions_by_owner_.move(key, owner_of(before), owner_of(after));
  });
}

void ObjectCache::drop_endpoints(const model::ObjectKey& key) {
  manual_endpoints_.erase(key);
  if (key.kind == model::Kind::EndpointSlice) put_slice_owners({key.ns, key.name}, {});
}

std::vector<PodPtr> ObjectCache::pods_selected(const std::string& ns, const model::StringMap& selector) const {
  std::vector<PodPtr> pods;
  if (selector.empty()) return pods;
  const auto take = [&](const PodPtr& pod) {
    if (pod != nullptr && model::matches(selector, pod->meta.labels)) pods.push_back(pod);
  };
  std::optional<Names> fewest;
  if (const auto named = selector.find(std::string(kNameLabel)); named != selector.end()) {
    take(pod({ns, named->second}));
    fewest = by_label_.of(label_mark(ns, named->first, named->second));  // Who was given another's name by hand.
  } else {
    for (const auto& [key, value] : selector) {
      if (key == kIndexLabel) continue;
      const auto with = by_label_.of(label_mark(ns, key, value));
      if (!fewest || with.size() < fewest->size()) fewest = with;
    }
  }
  if (!fewest) {
    each_in_namespace(pods_, ns, [&](const Name&, const PodPtr& pod) { take(pod); });
  } else {
    for (const auto& name : *fewest) take(pod(name));
  }
  return pods;
}

std::vector<std::string> ObjectCache::selector_of(const model::Service* service) {
  if (service == nullptr || service->selector.empty()) return {};
  const auto& [key, value] = *service->selector.begin();
  return {label_mark(service->meta.ns, key, value)};
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

/// While a set is rolled out its pods are of two makes: the first and the last by name, and the pod itself as it was,
/// are asked in that order, so that all that change once more come together in the end.
void ObjectCache::share_with_siblings(const Name& name, model::Pod& pod) const {
  const auto* owner = pod.meta.controller();
  if (owner == nullptr) return;
  std::array<PodPtr, 3> others{};
  if (const auto siblings = by_owner_.of(owner->uid); !siblings.empty()) {
    others = {this->pod(siblings.front()), this->pod(siblings.back()), nullptr};
  }
  others[2] = this->pod(name);
  const auto share = [&](auto list) {
    std::any_of(others.begin(), others.end(),
                [&](const PodPtr& other) { return other != nullptr && list(pod).share(list(*other)); });
  };
  share([](auto& of) -> auto& { return of.spec.containers; });
  share([](auto& of) -> auto& { return of.spec.init_containers; });
  share([](auto& of) -> auto& { return of.spec.tolerations; });
  share([](auto& of) -> auto& { return of.meta.owner_references; });
}

void ObjectCache::set_pod(const Name& name, PodPtr pod) {
  set(pods_, name, std::move(pod),
      [&](const Name& key, const model::Pod* before, const model::Pod* after) { index(key, before, after); });
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
  const auto known = slice_owners_.try_emplace(name).first;
  slices_.move(known->first, known->second, owners);
  known->second = std::move(owners);
  if (known->second.empty()) slice_owners_.erase(known);
}

/// Keeps `index` (by the uid of the controller; without one by the namespace) right.
template <typename T>
void ObjectCache::set_owned(Typed<T>& all, ObjectIndex<std::string>& index, const Name& name,
                            std::shared_ptr<const T> object) {
  const auto marks = [&](const T* one) -> std::vector<std::string> {
    if (one == nullptr) return {};
    const auto* owner = one->meta.controller();
    return {owner == nullptr ? orphan_mark(name.first) : owner->uid};
  };
  set(all, name, std::move(object),
      [&](const Name& key, const T* before, const T* after) { index.move(key, marks(before), marks(after)); });
}

void ObjectCache::set_job(const Name& name, std::shared_ptr<const model::Job> job) {
  set_owned(jobs_, jobs_by_owner_, name, std::move(job));
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

void ObjectCache::set_replica_set(const Name& name, std::shared_ptr<const model::ReplicaSet> set) {
  set_owned(replica_sets_, replica_sets_by_owner_, name, std::move(set));
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
    for (const auto& [key, value] : pod->meta.labels) {
      if (!is_its_own(key, value, *pod)) marks.push_back(label_mark(name.first, key, value));
    }
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
    for (const auto& each : names.pull_secrets) {
      const model::ObjectKey key{model::Kind::Secret, name.first, each};
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
    for (const auto& each : names.claims) keys.push_back({model::Kind::PersistentVolumeClaim, name.first, each});
    return keys;
  };
  by_use_.move(name, used(before), used(after));
}

}  // namespace berth::agent
