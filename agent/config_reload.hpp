// agent/config_reload.hpp - the configuration is read again when somebody asks, and what can change while pods run is
// taken from it. Loop thread.
#pragma once

#include <functional>

#include "agent/config.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"

namespace berth::agent {

/// All outlive it; `lane` ends before `loop` does.
struct ReloadRooms {
  Loop& loop;
  Lane& lane;       ///< The files may be anywhere.
  Config& running;  ///< What runs; changed in place.
};

/// Who acts on what changed, after it has.
struct ReloadCallbacks {
  std::function<void()> on_node;     ///< Labels or taints of this node.
  std::function<void()> on_sources;  ///< Where manifests come from.
};

/// One reading at a time. Whoever asks during one may have written since it read: all of them are answered by one more,
/// which begins when that has ended. systemd hears of each, and the journal of what came of it.
class ConfigReload {
 public:
  using Read = std::function<Result<Config>()>;

  ConfigReload(ReloadRooms rooms, ReloadCallbacks callbacks) : rooms_(rooms), callbacks_(std::move(callbacks)) {}

  /// How it is read: on the lane. Before ask().
  void read_by(Read read) { read_ = std::move(read); }
  bool can_read() const { return read_ != nullptr; }

  void ask();

 private:
  void take(Result<Config> wanted);

  ReloadRooms rooms_;
  ReloadCallbacks callbacks_;
  Read read_;
  bool reading_ = false;
  bool again_ = false;
};

}  // namespace berth::agent
