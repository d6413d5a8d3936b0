// agent/services/last_known.hpp - the names of pods that run here and that the store does not know: they answer as they
// did, so that members of a set do not lose each other because a store was lost. Loop thread.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "model/model.hpp"
#include "network/dns.hpp"

namespace berth::agent {

/// Holds the last state of such pods, and of the services and hand-made endpoints of their store, for as long as one of
/// the pods has no other answer; and of the policies that close them, which a lost store does not open. What the store
/// has goes first.
class LastKnown {
 public:
  /// What was recorded before the store was lost. Until judge() every pod of it that the store does not know counts:
  /// none was taken down.
  void remember(std::vector<model::ObjectPtr> records);

  /// Only pods of these uids run on without an object, from now on. One that gets its object again counts until that
  /// has an address.
  void judge(std::set<std::string> strangers);

  /// Somebody deleted that service, or endpoints, in the store that is there now.
  void forget(const model::ObjectKey& key);

  /// What `cache` has, and what is remembered beside it. Forgets pods that have another answer, and with the last of
  /// them everything: then it is `cache` itself. Good until the next call.
  const ObjectCache& world(const ObjectCache& cache);

  /// The names of that world; `leads_on` as of make_names().
  network::DnsNames names(const ObjectCache& cache, const std::string& cluster_domain,
                          const std::function<bool(const model::Service&)>& leads_on = {});

 private:
  bool counts(const model::Object& pod, const ObjectCache& cache) const;

  std::vector<model::ObjectPtr> pods_;
  std::vector<model::ObjectPtr> services_;  ///< And hand-made endpoints; network policies and namespaces.
  std::set<std::string> strangers_;
  bool judged_ = false;
  std::optional<ObjectCache> world_;
};

}  // namespace berth::agent
