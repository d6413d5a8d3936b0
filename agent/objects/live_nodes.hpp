// agent/objects/live_nodes.hpp - the nodes that are there: whose agents hold a session; and which of them does what
// must be done once for all.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/fnv.hpp"
#include "model/model.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Loop thread. A Node object says that a node was there once; a session, that its agent is.
class LiveNodes {
 public:
  enum class Store {
    OwnHost,  ///< Nobody else reaches it: our node is there, whatever else is said.
    Shared    ///< Our node is there while our session is.
  };

  explicit LiveNodes(std::string own, Store store = Store::OwnHost) : own_(std::move(own)), store_(store) {
    std::set<std::string> now;
    if (store_ == Store::OwnHost) now.insert(own_);
    keep(std::move(now));
  }
  LiveNodes(const LiveNodes&) = delete;
  LiveNodes& operator=(const LiveNodes&) = delete;

  const std::string& own() const { return own_; }
  bool is_shared() const { return store_ == Store::Shared; }
  bool contains(const std::string& name) const { return names_.contains(name); }
  const std::set<std::string>& names() const { return names_; }
  /// Do we hold a session ourselves? Without it, at the start, it is not known who else does: nobody is to be called
  /// gone.
  bool known() const { return names_.contains(own_); }

  /// From now on it is these. False: nothing changed.
  bool take(const store::Holders& holders) {
    std::set<std::string> now;
    if (store_ == Store::OwnHost) now.insert(own_);
    for (const auto& [name, holder] : holders) {
      if (!holder.node.empty()) now.insert(holder.node);
    }
    if (now == names_) return false;
    keep(std::move(now));
    return true;
  }

  /// Their Node objects, by name; one that has none yet is not there. Good until the cache changes.
  std::vector<const model::Node*> in(const ObjectCache& cache) const {
    std::vector<const model::Node*> out;
    for (const auto& name : names_) {
      const auto found = cache.nodes().find({"", name});
      if (found != cache.nodes().end()) out.push_back(found->second.get());
    }
    return out;
  }

  /// The one that plans what `key` names: of highest weight for it (rendezvous hashing, Thaler and Ravishankar 1998).
  /// Every host that knows of the same nodes finds the same one, and a node that comes or goes changes it for no more
  /// keys than it has. Empty: no node is there.
  std::string_view warden_of(std::string_view key) const {
    return warden_of(key, [](const std::string&) { return true; });
  }
  /// Of those nodes only for which `counts(name)` is true.
  template <typename Predicate>
  std::string_view warden_of(std::string_view key, const Predicate& counts) const {
    const auto hash = Fnv1a().add(key).value();
    std::string_view best;
    std::uint64_t most = 0;
    for (const auto& each : hashed_) {
      const auto weight = mix(each.hash ^ hash);
      if ((!best.empty() && weight <= most) || !counts(*each.name)) continue;
      best = *each.name;
      most = weight;
    }
    return best;
  }
  bool is_warden_of(std::string_view key) const { return warden_of(key) == own_; }

 private:
  struct Hashed {
    std::uint64_t hash = 0;
    const std::string* name = nullptr;
  };

  /// A key is asked about often, and a name is hashed once: of a thousand nodes a key's warden is some microseconds.
  void keep(std::set<std::string> now) {
    names_ = std::move(now);
    hashed_.clear();
    for (const auto& name : names_) hashed_.push_back({mix(Fnv1a().add(name).value()), &name});
  }
  /// FNV-1a's high bits hardly know the last bytes: mixed as MurmurHash3 ends, each bit has its say.
  static std::uint64_t mix(std::uint64_t hash) {
    hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53ULL;
    return hash ^ (hash >> 33U);
  }

  const std::string own_;
  const Store store_;
  std::set<std::string> names_;
  std::vector<Hashed> hashed_;  ///< Of `names_`, in their order.
};

}  // namespace berth::agent
