// api/usage/usage_sampler.cpp - see usage_sampler.hpp.
#include "api/usage/usage_sampler.hpp"

#include <utility>

namespace berth::api {
namespace {

constexpr std::chrono::seconds kOldest{60};
constexpr std::chrono::minutes kForget{3};

Result<std::shared_ptr<const UsageSample>> look(runtime::PodRuntime& runtime) {
  auto containers = runtime.usage();
  if (!containers) return containers.error();
  auto sample = std::make_shared<UsageSample>();
  sample->node = read_node_usage();
  sample->measured_at = std::chrono::steady_clock::now();
  sample->at = std::chrono::system_clock::now();
  for (auto& container : *containers) {
    auto id = container.id;
    sample->containers.emplace(std::move(id), std::move(container));
  }
  return std::shared_ptr<const UsageSample>(std::move(sample));
}

}  // namespace

std::uint64_t nanocores(std::uint64_t before, std::uint64_t after, std::chrono::nanoseconds over) {
  if (after <= before || over.count() <= 0) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(after - before) * 1e9 / static_cast<double>(over.count()));
}

void UsageSampler::sample(Taken taken) {
  lane_.run([weak = weak_from_this(), &runtime = runtime_, post = reactor_.post(), taken = std::move(taken)] {
    auto result = std::make_shared<Result<std::shared_ptr<const UsageSample>>>(look(runtime));
    post([weak, result, taken] {
      if (const auto self = weak.lock(); self && *result) self->keep(**result);
      taken(*result);
    });
  });
}

void UsageSampler::keep(std::shared_ptr<const UsageSample> sample) {
  // A newer one that comes too soon after the last does not push away the one before that.
  if (after_ && (!before_ || sample->measured_at - after_->measured_at >= shortest_)) before_ = after_;
  after_ = std::move(sample);
  forget_ = reactor_.after(kForget, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->before_ = self->after_ = nullptr;
  });
}

void UsageSampler::window(Done done) {
  waiting_.push_back(std::move(done));
  if (waiting_.size() == 1) take_for_window();
}

void UsageSampler::take_for_window() {
  const auto now = std::chrono::steady_clock::now();
  const auto age = [&](const std::shared_ptr<const UsageSample>& sample) { return now - sample->measured_at; };
  if (after_ && age(after_) >= shortest_ && age(after_) <= kOldest) {  // a new one makes the window
    sample([weak = weak_from_this()](const auto& taken) {
      const auto self = weak.lock();
      if (!self) return;
      if (!taken) return self->answer(taken.error());
      self->answer(UsageWindow{self->before_, self->after_});
    });
    return;
  }
  const bool fresh = after_ && age(after_) < shortest_;
  if (fresh && before_ && age(before_) <= kOldest && after_->measured_at - before_->measured_at >= shortest_) {
    return answer(UsageWindow{before_, after_});
  }
  const auto again = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->take_for_window();
  };
  if (fresh) {
    next_ = reactor_.after(std::chrono::ceil<std::chrono::milliseconds>(shortest_ - age(after_)), again);
    return;
  }
  before_ = after_ = nullptr;
  sample([weak = weak_from_this(), again](const auto& taken) {
    const auto self = weak.lock();
    if (!self) return;
    if (!taken) return self->answer(taken.error());
    self->next_ = self->reactor_.after(self->shortest_, again);
  });
}

void UsageSampler::answer(const Result<UsageWindow>& window) {
  for (const auto& done : std::exchange(waiting_, {})) done(window);
}

}  // namespace berth::api
