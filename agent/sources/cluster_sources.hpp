// agent/sources/cluster_sources.hpp - the sources of which many hosts have copies: applies those that are ours to read,
// stands by with the others. Loop thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/objects/live_nodes.hpp"
#include "agent/objects/store_writer.hpp"
#include "agent/sources/manifest_applier.hpp"
#include "agent/sources/source_copy.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// For each source one host at a time makes the store hold what its copy says: the one that reads it. What is to be
/// applied is written into the source's Lease before anything of it is; only a copy that is the one in the Lease is
/// ever applied. So a host that takes over goes on with what the one before began, and one whose copy is older changes
/// nothing and says so.
class ClusterSources {
 public:
  struct Context {
    Loop& loop;
    store::Store& store;
    StoreWriter& writer;
    const LiveNodes& nodes;
    ManifestApplier& applier;
    std::chrono::milliseconds patience{30'000};  ///< Copies of one source change at different times: not said at once.
    std::chrono::milliseconds retry{5'000};      ///< After a write that failed.
  };

  /// `names` as in snapshots ("cluster:shop"). May be empty: then our Node is made to say that we have none.
  ClusterSources(const Context& context, const std::set<std::string>& names);
  ~ClusterSources();
  ClusterSources(const ClusterSources&) = delete;
  ClusterSources& operator=(const ClusterSources&) = delete;

  bool has(const std::string& source) const { return copies_.contains(source); }
  /// Instead of the applier's.
  void take(SourceSnapshot snapshot);
  /// Others are there than before, or something was written about these sources.
  void look();

 private:
  struct Copy {
    SourceCopy mine;
    bool partial = false;  ///< Some of its files could not be read.
    bool writing = false;
    bool patient = true;  ///< It differs since a moment ago only.
    std::unique_ptr<LoopHandle> patience;
  };

  void look_at(const std::string& source, Copy& copy);
  bool reads(const std::string& name) const;
  void record(const std::string& source, Copy& copy, const std::optional<AppliedCopy>& before);
  void say(const std::string& source, Copy& copy, Standing standing, const std::optional<AppliedCopy>& applied);
  void note_on_node();
  void look_soon();
  void written(const Status& status);

  const Context context_;
  std::map<std::string, Copy> copies_;
  bool noting_ = false;
  bool posted_ = false;
  std::unique_ptr<LoopHandle> retry_;
  std::unique_ptr<store::Watch> node_watch_;
  std::unique_ptr<store::Watch> lease_watch_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< Loop thread only.
};

}  // namespace berth::agent
