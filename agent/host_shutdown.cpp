// agent/host_shutdown.cpp - see host_shutdown.hpp.
#include "agent/host_shutdown.hpp"

#include <algorithm>
#include <utility>

#include "agent/sets/set_member.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

/// After the last pod's time: it is killed, its volumes are given back, its status is written.
constexpr std::chrono::seconds kLast{5};

std::string seconds_text(SteadyTime::duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace

LeavingPod leaving_pod(const model::Pod& pod, const json::object& raw, const ObjectCache& cache) {
  LeavingPod leaving;
  leaving.uid = pod.meta.uid;
  leaving.priority = priority_of(raw);
  const auto member = set_member(pod, cache);
  if (!member || member->set->pod_management_policy == "Parallel") return leaving;
  leaving.set = member->set->meta.uid;
  leaving.ordinal = member->ordinal;
  return leaving;
}

HostShutdown::HostShutdown(ShutdownRooms rooms, ShutdownBudget budget, std::function<void()> done)
    : rooms_(std::move(rooms)), budget_(budget), done_(std::move(done)) {}

std::chrono::seconds HostShutdown::patience() const {
  return std::chrono::ceil<std::chrono::seconds>(budget_.whole) + kLast;
}

void HostShutdown::begin() {
  if (begun_) return;
  begun_ = rooms_.clock.now();
  log(LogLevel::Info, "the host goes down: pods are stopped in order",
      {{"pods", std::to_string(rooms_.driver.size())}, {"budget_s", seconds_text(budget_.whole)}});
  look();
}

/// Posted: whoever tells us is in the middle of his work, and many may come at once.
void HostShutdown::look_again() {
  if (!begun_ || ended_ || std::exchange(look_posted_, true)) return;
  rooms_.loop.post([this] {
    look_posted_ = false;
    if (!ended_) look();
  });
}

std::vector<LeavingPod> HostShutdown::facts() const {
  std::vector<LeavingPod> pods;
  for (const auto& pod : rooms_.driver.pods()) {
    const auto object = rooms_.store.get({model::Kind::Pod, pod->meta.ns, pod->meta.name});
    auto leaving = leaving_pod(*pod, object ? object->raw : json::object(), rooms_.cache);
    leaving.left = rooms_.driver.has_left(pod->meta.uid);
    if (const auto told = told_.find(pod->meta.uid); told != told_.end()) leaving.until = told->second;
    pods.push_back(std::move(leaving));
  }
  return pods;
}

void HostShutdown::look() {
  const auto now = rooms_.clock.now();
  auto pods = facts();
  for (const auto& order : plan_shutdown(pods, budget_, *begun_, now)) {
    told_[order.uid] = order.until;
    std::find_if(pods.begin(), pods.end(), [&](const auto& pod) { return pod.uid == order.uid; })->until = order.until;
    rooms_.driver.leave(order.uid, order.until);
  }
  const auto left = std::all_of(pods.begin(), pods.end(), [](const auto& pod) { return pod.left; });
  if (left && rooms_.all_written()) return end("all pods are stopped", pods);
  if (now >= *begun_ + patience()) return end("the time is over, the rest is left to the host", pods);
  const auto over = *begun_ + patience();
  timer_ = rooms_.loop.at(std::min(next_late(pods, now).value_or(over), over), [this] { look(); });
}

void HostShutdown::end(const std::string& what, const std::vector<LeavingPod>& pods) {
  std::string rest;
  for (const auto& pod : pods) {
    if (!pod.left) rest += (rest.empty() ? "" : " ") + pod.uid;
  }
  ended_ = true;
  timer_.reset();
  log(rest.empty() ? LogLevel::Info : LogLevel::Warning, what,
      {{"took_s", seconds_text(rooms_.clock.now() - *begun_)}, {"left_over", rest}});
  done_();
}

}  // namespace berth::agent
