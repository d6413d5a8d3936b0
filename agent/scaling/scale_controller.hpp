// agent/scaling/scale_controller.hpp - scales sets by what their pods use: a row of the controller runner. Loop thread.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "agent/control/controller_runner.hpp"
#include "agent/objects/object_cache.hpp"
#include "agent/scaling/pod_usage.hpp"
#include "agent/scaling/scale_plan.hpp"

namespace berth::agent {

/// Looks at each autoscaler every kPeriod, as Kubernetes does, and when somebody changes it. What was recommended and
/// done before is remembered as long as the agent runs.
class ScaleController {
 public:
  static constexpr std::chrono::seconds kPeriod{15};
  static constexpr std::chrono::seconds kGap{1};  ///< However often it is changed: each look is remembered for a while.

  /// `node`: whose pods `usage` measures.
  ScaleController(const Clock& clock, const ObjectCache& cache, PodUsage& usage, std::string node)
      : clock_(clock), cache_(cache), usage_(usage), node_(std::move(node)) {}

  /// Must outlive the runner it is added to.
  Controller row();

 private:
  using Key = model::ObjectKey;

  /// The set that is scaled.
  struct Target {
    Key key;
    std::string uid;
    std::int32_t replicas = 0;
    const model::LabelSelector* selector = nullptr;  ///< Of the cache, as it is now.
  };
  struct Known {
    std::string uid{};
    std::int64_t generation = 0;
    SteadyTime looked{};
    SteadyTime due{};
    ScalingMemory memory{};
    /// A step that is being written: remembered once the set wants it.
    struct Step {
      Key set;
      std::int32_t before = 0;
      std::int32_t after = 0;
      SteadyTime at{};
    };
    std::optional<Step> step{};
  };

  Work plan(const Key& key);
  Work scale(const Key& key, const ContainerUses& uses);
  void ended(const Key& key);
  Result<Target> find_target(const model::Autoscaler& scaler) const;
  template <typename T>
  Result<Target> target_in(const Typed<T>& sets, const model::KindInfo& kind, const std::string& ns,
                           const std::string& name) const;
  bool is_out_of_sight(const model::Pod& pod, const ContainerUses& uses) const;
  std::vector<std::string> rivals(const Key& key, const std::vector<PodPtr>& pods) const;

  const Clock& clock_;
  const ObjectCache& cache_;
  PodUsage& usage_;
  const std::string node_;
  std::map<Key, Known> known_;
};

}  // namespace berth::agent
