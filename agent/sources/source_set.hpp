// agent/sources/source_set.hpp - every configured source, and the applier that writes what they say. Loop thread.
#pragma once

#include <memory>

#include "agent/config.hpp"
#include "base/clock.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

struct SourceSetRooms {
  Loop& loop;
  Lane& lane;  ///< Reads directories and URLs; may hang on a sick disk without hurting pods.
  store::Store& store;
  const Clock& clock;
};

/// Watches all sources of the configuration until destroyed; problems are logged once each.
class SourceSet {
 public:
  virtual ~SourceSet() = default;
};

std::unique_ptr<SourceSet> make_source_set(SourceSetRooms rooms, const Config& config);

}  // namespace berth::agent
