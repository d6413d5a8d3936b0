// agent/objects/object_cache.hpp - the store's objects as typed structs, kept up to date by its changes. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/objects/manual_endpoints.hpp"
#include "agent/objects/object_index.hpp"
#include "agent/objects/revision.hpp"
#include "model/autoscaling.hpp"
#include "model/budgets.hpp"
#include "model/jobs.hpp"
#include "model/model.hpp"
#include "model/network_policy.hpp"
#include "store/store.hpp"

namespace berth::agent {

using PodPtr = std::shared_ptr<const model::Pod>;

template <typename T>
using Typed = std::map<Name, std::shared_ptr<const T>>;

/// Calls `visit(name, object)` for those of `all` (by namespace and name) in the namespace; looks at no others.
template <typename All, typename Visit>
void each_in_namespace(const All& all, const std::string& ns, const Visit& visit) {
  for (auto it = all.lower_bound({ns, ""}); it != all.end() && it->first.first == ns; ++it)
    visit(it->first, it->second);
}

/// Decodes each object once per change, not once per use, and finds what belongs together without a search. What the
/// pods of one controller have in common is in memory once.
class ObjectCache {
 public:
  ObjectCache() = default;
  /// Shares the objects; the indexes, which point into the tables, are made anew.
  ObjectCache(const ObjectCache& other);
  ObjectCache& operator=(const ObjectCache&) = delete;
  ObjectCache(ObjectCache&&) = default;
  ObjectCache& operator=(ObjectCache&&) = default;
  ~ObjectCache() = default;

  /// Takes the state after `change`. An object that does not decode is left as it was and logged: the
  /// API and the sources validate before they write, so this is a bug or a hand-edited store.
  void apply(const store::Change& change);

  /// Takes an object as it is. False: it does not decode, as in apply().
  bool put(const model::Object& object);

  /// Objects by key, each with its uid.
  using Unread = std::map<model::ObjectKey, std::string>;
  /// `next` was given the whole store, on whichever thread: what it does not have is forgotten, but for the objects
  /// that it could not decode, which stay as they were. Returns the pods that were known and are there no more, or are
  /// others of the same name.
  std::vector<PodPtr> replace(ObjectCache next, const Unread& unread = {});

  const Typed<model::Pod>& pods() const { return pods_; }
  const Typed<model::StatefulSet>& stateful_sets() const { return stateful_sets_; }
  const Typed<model::DaemonSet>& daemon_sets() const { return daemon_sets_; }
  const Typed<model::Job>& jobs() const { return jobs_; }
  const Typed<model::CronJob>& cron_jobs() const { return cron_jobs_; }
  const Typed<model::Deployment>& deployments() const { return deployments_; }
  const Typed<model::ReplicaSet>& replica_sets() const { return replica_sets_; }
  const Typed<model::ReplicaSet>& replication_controllers() const { return replication_controllers_; }
  const Typed<model::DisruptionBudget>& disruption_budgets() const { return disruption_budgets_; }
  const Typed<model::Autoscaler>& autoscalers() const { return autoscalers_; }
  const Typed<model::Service>& services() const { return services_; }
  const Typed<model::NetworkPolicy>& network_policies() const { return network_policies_; }
  const Typed<model::ObjectMeta>& namespaces() const { return namespaces_; }
  const Typed<model::ConfigMap>& config_maps() const { return config_maps_; }
  const Typed<model::Secret>& secrets() const { return secrets_; }
  const Typed<model::PersistentVolumeClaim>& claims() const { return claims_; }
  const Typed<model::PersistentVolume>& volumes() const { return volumes_; }
  const Typed<model::VolumeAttachment>& attachments() const { return attachments_; }
  const Typed<model::StorageClass>& storage_classes() const { return storage_classes_; }
  const Typed<model::Node>& nodes() const { return nodes_; }
  const Typed<Revision>& revisions() const { return revisions_; }
  /// Endpoints and EndpointSlices that somebody made by hand; derived ones are not kept.
  const std::map<model::ObjectKey, ManualEndpoints>& manual_endpoints() const { return manual_endpoints_; }

  /// The object's decoded form, or null.
  PodPtr pod(const Name& name) const;

  /// Pods whose controller has that uid.
  Names pods_of_owner(const std::string& uid) const { return by_owner_.of(uid); }
  /// Pods that a set made and that have no controller now.
  Names orphans(const std::string& ns) const { return by_owner_.of(orphan_mark(ns)); }
  /// Pods bound to that node; without a node, for the empty name.
  Names pods_of_node(const std::string& node) const { return by_node_.of(node); }
  /// Pods that name this config map, secret or claim.
  Names pods_using(const model::ObjectKey& key) const { return by_use_.of(key); }
  /// Pods that all of the selector's labels match; none for an empty selector. Looks at those that have the rarest of
  /// the labels, not at all of the namespace.
  std::vector<PodPtr> pods_selected(const std::string& ns, const model::StringMap& selector) const;
  /// Pods of the namespace that the selector takes. One with labels that must be there looks at those that have the
  /// rarest of them; one without looks at all of the namespace.
  std::vector<PodPtr> pods_taken(const std::string& ns, const model::LabelSelector& selector) const;
  /// Those of them without a controller.
  std::vector<PodPtr> free_pods(const std::string& ns, const model::LabelSelector& selector) const;
  /// ReplicaSets whose controller has that uid.
  Names replica_sets_of_owner(const std::string& uid) const { return replica_sets_by_owner_.of(uid); }
  /// ReplicaSets without a controller.
  Names free_replica_sets(const std::string& ns) const { return replica_sets_by_owner_.of(orphan_mark(ns)); }
  /// Services whose selector matches these labels; never one without a selector.
  std::vector<std::shared_ptr<const model::Service>> services_selecting(const std::string& ns,
                                                                        const model::StringMap& labels) const;
  /// EndpointSlices that we made for the service with that uid.
  Names derived_slices(const std::string& service_uid) const { return slices_.of(service_uid); }
  Names revisions_of_owner(const std::string& uid) const { return revisions_by_owner_.of(uid); }
  /// Jobs whose controller has that uid.
  Names jobs_of_owner(const std::string& uid) const { return jobs_by_owner_.of(uid); }

 private:
  static std::string orphan_mark(const std::string& ns) { return "/" + ns; }
  static std::vector<std::string> owner_of(const model::Pod* pod);
  void share_with_siblings(const Name& name, model::Pod& pod) const;
  void index(const Name& name, const model::Pod* before, const model::Pod* after);
  static std::string label_mark(const std::string& ns, const std::string& key, const std::string& value) {
    return ns + "/" + key + "=" + value;
  }
  void set_pod(const Name& name, PodPtr pod);
  void set_service(const Name& name, std::shared_ptr<const model::Service> service);
  void set_revision(const Name& name, std::shared_ptr<const Revision> revision);
  void set_job(const Name& name, std::shared_ptr<const model::Job> job);
  void set_replica_set(const Name& name, std::shared_ptr<const model::ReplicaSet> set);
  static std::vector<std::string> selector_of(const model::Service* service);
  void put_endpoints(const model::Object& object);
  void put_slice_owners(const Name& name, std::vector<std::string> owners);
  void drop_endpoints(const model::ObjectKey& key);
  /// What `all` has under the name becomes `object`, or nothing where that is null. `index(key, before, after)` is
  /// called in between, while the key is there: for an index, which points to it.
  template <typename T, typename Index>
  static void set(Typed<T>& all, const Name& name, std::shared_ptr<const T> object, const Index& index);
  template <typename T>
  static void set_owned(Typed<T>& all, ObjectIndex<std::string>& index, const Name& name,
                        std::shared_ptr<const T> object);
  void drop(const model::ObjectKey& key);

  /// What is kept of one kind, and how; a kind without a row is not kept, and nothing here has to know it.
  struct Row;
  struct Rows;

  Typed<model::Pod> pods_;
  Typed<model::StatefulSet> stateful_sets_;
  Typed<model::DaemonSet> daemon_sets_;
  Typed<model::Job> jobs_;
  Typed<model::CronJob> cron_jobs_;
  Typed<model::Deployment> deployments_;
  Typed<model::ReplicaSet> replica_sets_;
  Typed<model::ReplicaSet> replication_controllers_;
  Typed<model::DisruptionBudget> disruption_budgets_;
  Typed<model::Autoscaler> autoscalers_;
  Typed<model::Service> services_;
  Typed<model::NetworkPolicy> network_policies_;
  Typed<model::ObjectMeta> namespaces_;
  Typed<model::ConfigMap> config_maps_;
  Typed<model::Secret> secrets_;
  Typed<model::PersistentVolumeClaim> claims_;
  Typed<model::PersistentVolume> volumes_;
  Typed<model::VolumeAttachment> attachments_;
  Typed<model::StorageClass> storage_classes_;
  Typed<model::Node> nodes_;
  Typed<Revision> revisions_;
  std::map<model::ObjectKey, ManualEndpoints> manual_endpoints_;
  ObjectIndex<std::string> by_owner_;
  ObjectIndex<std::string> by_node_;
  ObjectIndex<model::ObjectKey> by_use_;
  ObjectIndex<std::string> by_label_;           ///< "namespace/key=value"
  ObjectIndex<std::string> services_by_label_;  ///< By the first label of the selector, written as in by_label_.
  ObjectIndex<std::string> slices_;             ///< By uid of the service that owns them.
  std::map<Name, std::vector<std::string>> slice_owners_;
  ObjectIndex<std::string> revisions_by_owner_;
  ObjectIndex<std::string> jobs_by_owner_;
  ObjectIndex<std::string> replica_sets_by_owner_;
};

}  // namespace berth::agent
