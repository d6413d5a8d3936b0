// agent/pods/pod_worker.hpp - one pass over one pod: observe, decide, take one step. Lane threads.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/pods/next_step.hpp"
#include "agent/pods/pod_view.hpp"
#include "base/result.hpp"
#include "model/model.hpp"
#include "network/pod_network.hpp"
#include "runtime/pod_runtime.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// Everything a pass needs, copied from the loop's state when it begins.
struct PassInput {
  std::shared_ptr<const model::Pod> pod;
  bool wanted = true;
  PodMemory memory;
  std::string node_name;
  std::string host_ip;
  std::map<std::string, model::ConfigMap> config_maps;
  std::map<std::string, model::Secret> secrets;
  std::map<std::string, volumes::BoundClaim> claims;
  SteadyTime now{};      ///< When the pass began.
  bool refresh = false;  ///< Something that files are made of changed: bring them up to date.
  std::string blocked;   ///< Why the pod cannot go up yet (a claim is not bound); empty: it can.
};

/// What a pass saw and did.
struct PassResult {
  PodView view;           ///< As observed before the step.
  bool observed = false;  ///< False: the host could not be read; `status` says why, `view` is empty.
  Step step;
  Status status = Ok{};     ///< Of the step.
  bool wants_pull = false;  ///< The image of step.which has to be pulled first.
  bool refreshed = false;   ///< The files were brought up to date.
  std::string pending;      ///< What the step waits for: a child works on a volume. The step is Settled then.
  std::string reason;       ///< For a failed StartContainer: "CreateContainerConfigError", "ErrImageNeverPull", ...
};

/// The one place that calls the three rooms for pods. Any lane thread; one pass per pod at a time.
class PodWorker {
 public:
  PodWorker(runtime::PodRuntime& runtime, network::PodNetwork& network, volumes::PodVolumes& volumes)
      : runtime_(runtime), network_(network), volumes_(volumes) {}

  /// Never throws; an error is in the result. StopContainer sends the stop signal when there is no preStop hook; else
  /// the driver begins stop().
  PassResult pass(const PassInput& input);

  /// Runs the preStop hook (bounded by `grace`), then sends the stop signal. Blocks: slow lane.
  Status stop(const PassInput& input, ContainerRef which, const std::string& id, const std::string& pod_ip,
              std::chrono::milliseconds grace);

  /// Runs the postStart hook, if there is one. Blocks: slow lane.
  Status after_start(const PassInput& input, ContainerRef which, const std::string& id, const std::string& pod_ip);

 private:
  Result<PodView> observe(const PassInput& input);
  static Status wait_or_fail(Error error, PassResult& result);
  Status take(const PassInput& input, const PodView& view, PassResult& result);
  Status start(const PassInput& input, const PodView& view, PassResult& result);
  void refresh(const PassInput& input, PassResult& result);

  runtime::PodRuntime& runtime_;
  network::PodNetwork& network_;
  volumes::PodVolumes& volumes_;
};

/// What the pod asks of the network; pure.
network::NetworkSpec network_spec(const model::Pod& pod);

}  // namespace berth::agent
