// agent/objects/object_cache.hpp - the store's objects as typed structs, kept up to date by its changes. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/objects/manual_endpoints.hpp"
#include "agent/objects/revision.hpp"
#include "model/model.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// (namespace, name); namespace is empty for kinds without.
using Name = std::pair<std::string, std::string>;

using PodPtr = std::shared_ptr<const model::Pod>;

template <typename T>
using Typed = std::map<Name, std::shared_ptr<const T>>;

/// Decodes each object once per change, not once per use.
class ObjectCache {
 public:
  /// Takes the state after `change`. An object that does not decode is left as it was and logged: the
  /// API and the sources validate before they write, so this is a bug or a hand-edited store.
  void apply(const store::Change& change);

  /// Takes a whole listing, for the start.
  void load(const store::Listing& listing);

  const Typed<model::Pod>& pods() const { return pods_; }
  const Typed<model::StatefulSet>& stateful_sets() const { return stateful_sets_; }
  const Typed<model::DaemonSet>& daemon_sets() const { return daemon_sets_; }
  const Typed<model::Service>& services() const { return services_; }
  const Typed<model::ConfigMap>& config_maps() const { return config_maps_; }
  const Typed<model::Secret>& secrets() const { return secrets_; }
  const Typed<model::PersistentVolumeClaim>& claims() const { return claims_; }
  const Typed<model::PersistentVolume>& volumes() const { return volumes_; }
  const Typed<model::StorageClass>& storage_classes() const { return storage_classes_; }
  const Typed<model::Node>& nodes() const { return nodes_; }
  /// ControllerRevisions with the uid of the set that owns each.
  const std::map<Name, std::pair<std::string, Revision>>& revisions() const { return revisions_; }
  /// Endpoints and EndpointSlices that somebody made by hand; derived ones are not kept.
  const std::map<model::ObjectKey, ManualEndpoints>& manual_endpoints() const { return manual_endpoints_; }

 private:
  void put(const model::Object& object);
  void drop(const model::ObjectKey& key);

  Typed<model::Pod> pods_;
  Typed<model::StatefulSet> stateful_sets_;
  Typed<model::DaemonSet> daemon_sets_;
  Typed<model::Service> services_;
  Typed<model::ConfigMap> config_maps_;
  Typed<model::Secret> secrets_;
  Typed<model::PersistentVolumeClaim> claims_;
  Typed<model::PersistentVolume> volumes_;
  Typed<model::StorageClass> storage_classes_;
  Typed<model::Node> nodes_;
  std::map<Name, std::pair<std::string, Revision>> revisions_;
  std::map<model::ObjectKey, ManualEndpoints> manual_endpoints_;
};

}  // namespace berth::agent
