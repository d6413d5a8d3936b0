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
    if (store_ == Store::OwnHost) names_.insert(own_);
  }

  const std::string& own() const { return own_; }
  bool is_shared() const { return store_ == Store::Shared; }
  bool contains(const std::string& name) const { return names_.contains(name); }
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
    names_ = std::move(now);
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
    std::string_view best;
    std::uint64_t most = 0;
    for (const auto& name : names_) {
      const auto weight = weigh(name, key);
      if ((!best.empty() && weight <= most) || !counts(name)) continue;
      best = name;
      most = weight;
    }
    return best;
  }
  bool is_warden_of(std::string_view key) const { return warden_of(key) == own_; }

 private:
  static std::uint64_t weigh(std::string_view node, std::string_view key) {
    auto hash = Fnv1a().add(node).add(static_cast<unsigned char>(0)).add(key).value();
    // FNV-1a's high bits hardly know the last bytes: mixed as MurmurHash3 ends, each bit has its say.
    hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53ULL;
    return hash ^ (hash >> 33U);
  }

  const std::string own_;
  const Store store_;
  std::set<std::string> names_;
};

}  // namespace berth::agent
