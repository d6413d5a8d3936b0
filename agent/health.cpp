// agent/health.cpp - see health.hpp.
#include "agent/health.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/counters.hpp"
#include "base/log.hpp"
#include "systemd/notify.hpp"

namespace berth::agent {
namespace {

// A pass waits for one answer of containerd after the other, each with a deadline. As long as answers come it is slow;
// when none has come for so long, or one pass takes for ever, something hangs.
constexpr std::chrono::seconds kLaneTooOld{120};
constexpr std::chrono::minutes kLaneHangs{30};

}  // namespace

Health::Health(Loop& loop, Lane& lane, runtime::PodRuntime& runtime, const ObjectCache& cache, std::string node,
               std::vector<Lane*> watched, OnRuntime on_runtime, OnSilent on_silent, OnBack on_back, RuntimePace pace)
    : loop_(loop),
      lane_(lane),
      runtime_(runtime),
      cache_(cache),
      node_(std::move(node)),
      watched_(std::move(watched)),
      on_runtime_(std::move(on_runtime)),
      on_silent_(std::move(on_silent)),
      on_back_(std::move(on_back)),
      pace_(pace) {}

void Health::check_runtime() {
  lane_.run([this] { loop_.post([this, status = runtime_.check()] { on_check(status); }); });
}

void Health::on_check(const Status& status) {
  const auto text = status ? std::string() : status.error().message();
  bool is_back = false;
  {
    const std::lock_guard lock(mutex_);
    is_back = text.empty() && !runtime_error_.empty() && runtime_error_ != kNotAsked;
    if (text != runtime_error_ && !text.empty()) {
      log(LogLevel::Warning, "containerd is not usable, waiting", {{"error", text}});
    }
    runtime_error_ = text;
  }
  if (is_back) log(LogLevel::Info, "containerd is usable again");
  on_runtime_(text, runtime_.version());
  if (status) look_at_shims();  // Else all of them are out of reach, and that is said.
  if (is_back) on_back_();
  ask_again_ = loop_.after(status ? pace_.usable : pace_.unusable, [this] { check_runtime(); });
  report();
}

void Health::look_at_shims() {
  std::vector<model::HostProblem> now;
  for (const auto& shim : runtime_.silent_shims()) {
    auto& problem = now.emplace_back();
    problem.subject = "pod " + shim.pod_uid;
    problem.since = shim.since;
    for (const auto& name : cache_.pods_of_node(node_)) {
      if (cache_.pod(name)->meta.uid == shim.pod_uid) {
        problem.subject = model::ObjectKey{model::Kind::Pod, name.first, name.second}.display();
      }
    }
    problem.message = fmt::format(
        "its shim has answered nothing since {}, while containerd does: its containers run on, none is started, "
        "stopped or looked at; other pods go on",
        format_rfc3339(shim.since));
  }
  if (now == silent_) return;
  for (const auto& each : now) {
    if (std::find(silent_.begin(), silent_.end(), each) != silent_.end()) continue;
    log(LogLevel::Warning, "the shim of a pod does not answer",
        {{"pod", each.subject}, {"since", format_rfc3339(*each.since)}});
  }
  if (now.empty()) log(LogLevel::Info, "all shims answer again");
  silent_ = std::move(now);
  on_silent_(silent_);
}

void Health::feed_watchdog() {
  const auto interval = systemd::watchdog_interval();
  if (!interval) return;
  std::chrono::milliseconds oldest{0};
  for (const auto* lane : watched_) oldest = std::max(oldest, lane->oldest());
  const auto now = std::chrono::steady_clock::now();
  if (const auto calls = counters().runtime_calls.load(std::memory_order_relaxed); calls != calls_seen_) {
    calls_seen_ = calls;
    calls_moved_ = now;
  }
  const bool moves = oldest < kLaneHangs && now - calls_moved_ < kLaneTooOld;
  if (oldest < kLaneTooOld || moves) {
    systemd::notify_watchdog();
  } else {
    log(LogLevel::Error, "a lane hangs, not feeding the watchdog", {{"oldest_ms", std::to_string(oldest.count())}});
  }
  report();
  watchdog_ = loop_.after(*interval, [this] { feed_watchdog(); });
}

void Health::report() {
  const auto pods = cache_.pods_of_node(node_);
  const auto ready =
      std::count_if(pods.begin(), pods.end(), [this](const auto& name) { return cache_.pod(name)->status.ready(); });
  const auto all = pods.size() + cache_.pods_of_node("").size();
  const auto state_now = state();
  auto text = fmt::format("{} of {} pods ready{}", ready, all, state_now ? "" : "; " + state_now.error().message());
  if (text == last_report_) return;
  last_report_ = std::move(text);
  systemd::notify_status(last_report_);
}

Status Health::state() const {
  const std::lock_guard lock(mutex_);
  if (!runtime_error_.empty()) return Error(ErrorCode::Unavailable, runtime_error_);
  return Ok{};
}

}  // namespace berth::agent
