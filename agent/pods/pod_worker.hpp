// agent/pods/pod_worker.hpp - what a pass does on the host: looks at one pod, takes one step. Lane threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/pods/environment.hpp"
#include "agent/pods/pod_machine.hpp"
#include "base/result.hpp"
#include "model/model.hpp"
#include "network/pod_network.hpp"
#include "runtime/log_reader.hpp"
#include "runtime/pod_runtime.hpp"
#include "volumes/pod_volumes.hpp"

namespace berth::agent {

/// What a look at the host needs to know, copied from the pod's memory.
struct LookInput {
  std::shared_ptr<const model::Pod> pod;
  bool mounted = false;
  bool detached = false;
  std::vector<std::uint32_t> read_init;  ///< By container: the attempt whose termination message is known.
  std::vector<std::uint32_t> read_main;
};
LookInput look_input(const PodMemory& memory);

/// What a step that mounts or starts needs beyond the pod: objects that it names, looked up on the loop.
struct StepInput {
  volumes::PodVolumesSpec facts;  ///< Without the pod's address, which the view has.
  ServiceList services{};         ///< That a container which starts now is told of.
  std::string cluster_domain{};
  std::string blocked;    ///< Why it cannot go up yet (a claim is not bound); empty: it can.
  std::string unsure{};   ///< Why none of its volumes may be brought here now; empty: they may. Same.
  std::string not_yet{};  ///< Why no container of it may start yet; empty: one may. Whoever says so kicks.
};

/// What a pull goes with.
struct PullKeys {
  std::vector<runtime::RegistryAuth> auths;  ///< For the registry of the image only; to be tried in this order.
  std::vector<std::string> missing;          ///< Secrets that are named and are not there.
};

/// Does this step need a StepInput?
bool needs_input(StepKind step);

/// The one place that calls the three rooms for pods. Any lane thread; one pass per pod at a time.
class PodWorker {
 public:
  PodWorker(runtime::PodRuntime& runtime, runtime::LogReader& logs, network::PodNetwork& network,
            volumes::PodVolumes& volumes)
      : runtime_(runtime), logs_(logs), network_(network), volumes_(volumes) {}

  Result<PodView> look(const LookInput& input);

  /// Never throws; an error is in the result. `input` may be null when the step needs none. `pulled`: the image was
  /// pulled for this attempt, as `imagePullPolicy: Always` wants it.
  Took take(const model::Pod& pod, const Step& step, const PodView& view, const StepInput* input, bool pulled);

 private:
  Status act(const model::Pod& pod, const StepInput* input, bool pulled, Took& took);
  Status start(const model::Pod& pod, const StepInput& input, bool pulled, Took& took);
  void read_messages(const model::Pod& pod, const std::vector<model::Container>& specs,
                     const std::vector<std::uint32_t>& known, std::vector<ContainerView>& views);

  runtime::PodRuntime& runtime_;
  runtime::LogReader& logs_;
  network::PodNetwork& network_;
  volumes::PodVolumes& volumes_;
};

/// What the pod asks of the network; pure.
network::NetworkSpec network_spec(const model::Pod& pod);

}  // namespace berth::agent
