// agent/probes/prober.hpp - runs the probes of this host's containers and tells when a verdict changes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "model/pod.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

enum class ProbeKind { Startup, Readiness, Liveness };
std::string_view to_string(ProbeKind kind);

/// One running container with its probes.
struct ProbeTarget {
  std::string pod_uid;
  std::string container_id;
  std::string address;         ///< The pod's.
  model::Container container;  ///< Its startup, readiness and liveness probes, and its named ports.
  WallTime started_at{};
  bool startup_passed = false;  ///< Known from before a restart of the agent: the startup probe is over.
};

/// A verdict that changed: thresholds are counted in.
struct ProbeVerdict {
  std::string pod_uid;
  std::string container_id;
  ProbeKind kind = ProbeKind::Readiness;
  bool success = false;
  std::string message;  ///< Of the last failure: "Get http://10.98.0.7:80/: status code 503".
};

/// Owned and called by the loop thread. exec probes run on `lane`; network probes do not block anything.
/// Readiness and liveness wait for the startup probe. A container is ready only after its first success.
class Prober {
 public:
  virtual ~Prober() = default;
  /// Begins probing; a container that is watched already is left as it is.
  virtual void watch(ProbeTarget target) = 0;
  /// Stops; verdicts in flight are dropped. Unknown is fine.
  virtual void forget(const std::string& container_id) = 0;
  virtual bool watching(const std::string& container_id) const = 0;
};

/// `on_verdict` runs on the loop: on every change of verdict, and for every liveness or startup failure that
/// reaches its threshold. `on_failure` (may be empty) runs on the loop for each single failed probe: for events.
std::unique_ptr<Prober> make_prober(Loop& loop, Lane& lane, runtime::PodRuntime& runtime, const Clock& clock,
                                    std::function<void(const ProbeVerdict&)> on_verdict,
                                    std::function<void(const ProbeVerdict&)> on_failure = {});

}  // namespace berth::agent
