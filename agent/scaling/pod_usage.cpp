// agent/scaling/pod_usage.cpp - see pod_usage.hpp.
#include "agent/scaling/pod_usage.hpp"

#include <unordered_map>
#include <utility>

namespace berth::agent {

ContainerUses uses_between(const std::vector<runtime::ContainerUsage>& before,
                           const std::vector<runtime::ContainerUsage>& after) {
  std::unordered_map<std::string_view, const runtime::ContainerUsage*> known;
  for (const auto& one : before) known.emplace(one.id, &one);
  ContainerUses out;
  for (const auto& now : after) {
    const auto found = known.find(now.id);
    if (found == known.end()) continue;
    const auto window = now.measured_at - found->second->measured_at;
    if (window.count() <= 0 || now.cpu_nanoseconds < found->second->cpu_nanoseconds) continue;
    const auto used = static_cast<double>(now.cpu_nanoseconds - found->second->cpu_nanoseconds);
    // Nanoseconds of processor in nanoseconds; rounded up, as a quantity in thousandths is.
    constexpr double kMilli = 1000.0;
    auto milli = static_cast<std::int64_t>(used * kMilli / static_cast<double>(window.count()));
    if (static_cast<double>(milli) * static_cast<double>(window.count()) < used * kMilli) ++milli;
    out[now.id] = {.cpu_milli = milli,
                   .memory_bytes = static_cast<std::int64_t>(now.memory_bytes),
                   .at = now.at,
                   .window = window};
  }
  return out;
}

std::shared_ptr<const ContainerUses> PodUsage::fresh() const {
  return clock_.now() - last_at_ < kFresh ? uses_ : nullptr;
}

void PodUsage::look(Looked looked) {
  waiting_.push_back(std::move(looked));
  if (waiting_.size() > 1) return;
  lane_.run([this, alive = alive_, &loop = loop_, &runtime = runtime_] {
    auto sample = std::make_shared<Result<Sample>>(runtime.usage());
    loop.post([this, alive, sample] {
      if (*alive) take(std::move(*sample));
    });
  });
}

void PodUsage::take(Result<Sample> sample) {
  Result<std::shared_ptr<const ContainerUses>> answer = std::shared_ptr<const ContainerUses>();
  if (!sample) {
    answer = std::move(sample).error().context("look at what pods use");
  } else {
    const auto now = clock_.now();
    const bool comparable = last_ && now - last_at_ <= kOldest;
    uses_ = comparable ? std::make_shared<const ContainerUses>(uses_between(*last_, *sample)) : nullptr;
    last_ = *std::move(sample);
    last_at_ = now;
    answer = uses_;
  }
  for (const auto& looked : std::exchange(waiting_, {})) looked(answer);
}

}  // namespace berth::agent
