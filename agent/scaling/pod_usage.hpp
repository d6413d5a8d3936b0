// agent/scaling/pod_usage.hpp - what containers use now: two looks at what the kernel counts, taken when asked. Loop
// thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/scaling/replica_count.hpp"
#include "base/lane.hpp"
#include "base/loop.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

/// What was counted between the two looks. A container that is in only one of them is not in it, nor one whose count
/// went back.
ContainerUses uses_between(const std::vector<runtime::ContainerUsage>& before,
                           const std::vector<runtime::ContainerUsage>& after);

/// Looks when asked, and not otherwise.
class PodUsage {
 public:
  static constexpr std::chrono::seconds kFresh{5};    ///< Nobody needs another look so soon.
  static constexpr std::chrono::seconds kOldest{60};  ///< What was counted before that says nothing of now.
  static constexpr std::chrono::seconds kFirst{1};    ///< From the first look to the second.

  /// `lane` reads a few small files for each container.
  PodUsage(Loop& loop, Lane& lane, runtime::PodRuntime& runtime, const Clock& clock)
      : loop_(loop), lane_(lane), runtime_(runtime), clock_(clock) {}
  ~PodUsage() { *alive_ = false; }
  PodUsage(const PodUsage&) = delete;
  PodUsage& operator=(const PodUsage&) = delete;

  /// The newest answer, while nobody needs another look.
  std::shared_ptr<const ContainerUses> fresh() const;

  /// What came of a look; without uses: there was none to compare with, ask again after kFirst. Failed: why.
  using Looked = std::function<void(Result<std::shared_ptr<const ContainerUses>>)>;
  /// Looks. Those who ask meanwhile get the same answer.
  void look(Looked looked);

 private:
  using Sample = std::vector<runtime::ContainerUsage>;
  void take(Result<Sample> sample);

  Loop& loop_;
  Lane& lane_;
  runtime::PodRuntime& runtime_;
  const Clock& clock_;
  std::vector<Looked> waiting_;
  std::optional<Sample> last_;
  SteadyTime last_at_{};
  std::shared_ptr<const ContainerUses> uses_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
