// agent/objects/cache_feed.hpp - follows the store: keeps the cache as the store is, and tells those who depend on it.
// Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/objects/object_cache.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// The first snapshot fills the cache: objects are decoded one by one on the store's thread, so that of many only one
/// is there whole, and the loop takes all of them at once. A later one comes after the store had lost us (a connection,
/// its history): what happened meanwhile is told by nobody, so the cache becomes what the snapshot is, and everything
/// has to be looked at.
class CacheFeed {
 public:
  /// The first two are called after the cache took it.
  struct Told {
    /// The cache was taken anew. `gone`: pods that it knew and that are there no more, or are others of the same name.
    /// Empty the first time.
    std::function<void(const std::vector<PodPtr>& gone)> on_snapshot;
    std::function<void(const store::Change&)> on_change;
    /// Each object of a snapshot as it comes, whole: for whoever has to know something of all. On the store's thread.
    std::function<void(const model::Object&)> on_object{};
    /// The last of them was told; on the same thread. What it gives runs on the loop, right before on_snapshot.
    std::function<std::function<void()>()> on_whole{};
  };

  /// With `node`, the own one's name, the cache has outlines of other nodes' pods (far_pod.hpp): for a store that many
  /// hosts share. Empty: it has all of every pod.
  CacheFeed(Loop& loop, store::Store& store, ObjectCache& cache, Told told, std::string node = {})
      : loop_(loop), store_(store), cache_(cache), told_(std::move(told)), node_(std::move(node)) {}
  ~CacheFeed() { end(); }
  CacheFeed(const CacheFeed&) = delete;
  CacheFeed& operator=(const CacheFeed&) = delete;

  void begin();
  /// Nothing is told any more, nor taken.
  void end();

 private:
  void post(std::function<void()> job);
  /// What the cache is given of it.
  model::ObjectPtr kept(const model::ObjectPtr& object) const;

  Loop& loop_;
  store::Store& store_;
  ObjectCache& cache_;
  Told told_;
  const std::string node_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<store::Watch> watch_;
};

}  // namespace berth::agent
