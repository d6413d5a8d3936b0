// agent/sources/source_set.hpp - every configured source, and the applier that writes what they say. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/config.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/live_nodes.hpp"
#include "agent/objects/store_writer.hpp"
#include "base/clock.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "model/host_status.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// What there is besides where hosts share a store. Both outlive the sources.
struct SharedSources {
  StoreWriter& writer;
  const LiveNodes& nodes;
};

struct SourceSetRooms {
  Loop& loop;
  Lane& lane;  ///< Reads directories and URLs; may hang on a sick disk without hurting pods.
  store::Store& store;
  const Clock& clock;
  EventSink on_event;  ///< Problems become events of the Node.
  /// Hears how all sources of the configuration are, in its order, whenever that may have changed. Loop thread.
  std::function<void(std::vector<model::SourceStatus>)> on_status;
  std::optional<SharedSources> shared = std::nullopt;
};

/// Watches all sources of the configuration until destroyed. Each problem is logged once and is an event of the Node;
/// their number is the metric berth_manifest_errors.
class SourceSet {
 public:
  virtual ~SourceSet() = default;

  /// Other hosts are there than before: who reads what the cluster has?
  virtual void on_nodes() = 0;
};

std::unique_ptr<SourceSet> make_source_set(SourceSetRooms rooms, const Config& config);

}  // namespace berth::agent
