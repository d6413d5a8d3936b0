// agent/objects/live_nodes.hpp - the nodes that pods may be given to: ours, and those whose agents hold a session.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "model/model.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Loop thread. A Node object says that a node was there once; a session, that its agent is.
class LiveNodes {
 public:
  explicit LiveNodes(std::string own) : own_(std::move(own)), names_{own_} {}

  const std::string& own() const { return own_; }
  bool contains(const std::string& name) const { return names_.contains(name); }
  /// Do we hold a session ourselves? Without it, at the start, it is not known who else does: nobody is to be called
  /// gone.
  bool known() const { return known_; }

  /// From now on it is these and our own. False: nothing changed.
  bool take(const store::Holders& holders) {
    std::set<std::string> now;
    for (const auto& [name, holder] : holders) {
      if (!holder.node.empty()) now.insert(holder.node);
    }
    const auto known = !now.insert(own_).second;
    if (now == names_ && known == known_) return false;
    names_ = std::move(now);
    known_ = known;
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

 private:
  const std::string own_;
  std::set<std::string> names_;
  bool known_ = false;
};

}  // namespace berth::agent
