// agent/placing/pod_places.hpp - who is on which node, counted as placement asks it: what is taken of each node, how
// many of a set are where, and what those who are placed say of pods to come. Loop thread; no I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/objects/object_cache.hpp"
#include "agent/placing/node_room.hpp"

namespace berth::agent {

/// Kept up to date by what changes, so that a pod's placement among tens of thousands looks at those that matter to it.
class PodPlaces {
 public:
  /// A node with an object, whether its agent is there or not.
  struct Host {
    std::shared_ptr<const model::Node> node;  ///< Null: pods are bound to it, and it has no object.
    Allocatable allocatable;
    Tenants here;  ///< By name.
  };
  struct Placed {
    const Tenant* tenant = nullptr;
    PodPtr pod;
    std::string node;
    bool leaving = false;  ///< As it was counted.
  };
  /// Terms of one id that pods have who are placed, and on which nodes how many have it.
  struct Saying {
    model::PodTerm term;
    std::int64_t weight = 0;
    std::map<std::string, std::int64_t> nodes;
  };

  /// The cache outlives it: it finds pods by their labels, and namespaces by theirs.
  explicit PodPlaces(const ObjectCache& cache) : cache_(cache) {}

  void put_node(std::shared_ptr<const model::Node> node, Allocatable allocatable);
  /// Its pods are there still.
  void drop_node(const std::string& name);
  /// `tenant` outlives its being here. One that is here already moves, or is counted anew if it is another.
  void put(const Tenant& tenant, PodPtr pod, const std::string& node);
  void drop(const Name& name);

  const std::map<std::string, Host>& hosts() const { return hosts_; }
  const Host* host(const std::string& name) const;
  /// Null: it is placed nowhere.
  const Placed* find(const Name& name) const;

  /// How many pods of the set (its uid) each node has; those who are leaving are not counted.
  const std::map<std::string, std::int64_t>& of_set(const std::string& uid) const;
  /// Required podAntiAffinity of those who are placed. Weight 0.
  const std::map<std::string, Saying>& apart() const { return apart_; }
  /// What they would rather have; what they require of podAffinity counts as a wish of weight 1, as in Kubernetes.
  const std::map<std::string, Saying>& rather() const { return rather_; }

  /// Those that the term takes, and those of a namespace that the selector takes.
  void each_taken(const model::PodTerm& term, const std::function<void(const Placed&)>& visit) const;
  void each_taken(const std::string& ns, const model::LabelSelector& selector,
                  const std::function<void(const Placed&)>& visit) const;
  /// Of that namespace; none for one that is not known.
  const model::StringMap& labels_of_namespace(const std::string& ns) const;

 private:
  void count(const Placed& placed, int sign);

  const ObjectCache& cache_;
  std::map<std::string, Host> hosts_;
  std::map<Name, Placed> placed_;
  std::map<std::string, std::map<std::string, std::int64_t>> sets_;
  std::map<std::string, Saying> apart_;
  std::map<std::string, Saying> rather_;
};

}  // namespace berth::agent
