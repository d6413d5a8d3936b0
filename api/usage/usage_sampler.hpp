// api/usage/usage_sampler.hpp - how much processor time is used now: two looks at what the kernel counts.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "api/request/reactor.hpp"
#include "api/usage/node_usage.hpp"
#include "base/clock.hpp"
#include "base/lane.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::api {

/// One look.
struct UsageSample {
  SteadyTime measured_at{};
  WallTime at{};
  NodeUsage node;
  std::unordered_map<std::string, runtime::ContainerUsage> containers;  ///< By id.
};

struct UsageWindow {
  std::shared_ptr<const UsageSample> before;
  std::shared_ptr<const UsageSample> after;

  std::chrono::nanoseconds length() const { return after->measured_at - before->measured_at; }
};

/// Billionths of a processor: what grew from `before` to `after` over that time. 0 when it went back.
std::uint64_t nanocores(std::uint64_t before, std::uint64_t after, std::chrono::nanoseconds over);

/// Takes samples when asked, none otherwise. API thread only.
class UsageSampler : public std::enable_shared_from_this<UsageSampler> {
 public:
  /// `shortest`: what lies between two samples at least.
  UsageSampler(runtime::PodRuntime& runtime, Reactor& reactor, Lane& lane, std::chrono::milliseconds shortest)
      : runtime_(runtime), reactor_(reactor), lane_(lane), shortest_(shortest) {}

  using Done = std::function<void(Result<UsageWindow>)>;
  using Taken = std::function<void(Result<std::shared_ptr<const UsageSample>>)>;

  /// Two samples, the later of them from now (or less than `shortest` old), the earlier at most a minute before.
  /// Without an earlier one it takes that first, and answers `shortest` later. Those who ask meanwhile get the same
  /// answer.
  void window(Done done);

  /// One sample, now.
  void sample(Taken taken);

 private:
  void take_for_window();
  void answer(const Result<UsageWindow>& window);
  void keep(std::shared_ptr<const UsageSample> sample);

  runtime::PodRuntime& runtime_;
  Reactor& reactor_;
  Lane& lane_;
  const std::chrono::milliseconds shortest_;
  std::vector<Done> waiting_;
  std::shared_ptr<const UsageSample> before_;
  std::shared_ptr<const UsageSample> after_;  ///< The newest.
  std::unique_ptr<ReactorHandle> next_;
  std::unique_ptr<ReactorHandle> forget_;
};

}  // namespace berth::api
