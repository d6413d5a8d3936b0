// agent/fencing/fence_keeper.cpp - see fence_keeper.hpp.
#include "agent/fencing/fence_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/objects/fencing.hpp"
#include "base/log.hpp"
#include "model/json_edit.hpp"
#include "model/model.hpp"

namespace berth::agent {
namespace {

using model::Kind;

constexpr auto kDisarmed = "off";

bool set_word(json::object& node, std::string_view word) {
  auto& annotations = model::object_in(model::object_in(node, "metadata"), "annotations");
  auto& value = annotations[kFencing];
  if (value.is_string() && value.get_string() == word) return false;
  value = word;
  return true;
}

}  // namespace

FenceKeeper::FenceKeeper(Context context) : context_(std::move(context)) {}

FenceKeeper::~FenceKeeper() { *alive_ = false; }

void FenceKeeper::begin() {
  begun_ = true;
  look();
}

bool FenceKeeper::node_says_armed() const {
  const auto node = context_.store.get({Kind::Node, "", context_.node});
  return node != nullptr && is_armed(node->meta);
}

/// The fence may kill from its deadline on, which is before the session's end.
bool FenceKeeper::holds(const SessionTerm::Kept& session) const {
  return session.session != 0 && context_.now() < session.until - fence::kTimeToKill;
}

ArmingFacts FenceKeeper::facts() const {
  const auto answer = context_.page.answer(context_.now());
  const auto session = context_.term.kept();
  return {.wanted = context_.wanted && !stopping_,
          .fence_answers = answer.is_there && !answer.is_late,
          .holds = holds(session),
          .session = session.session,
          .armed_for = armed_for_,
          .node_is_known = context_.store.get({Kind::Node, "", context_.node}) != nullptr,
          .node_says_armed = node_says_armed()};
}

void FenceKeeper::look() {
  if (!begun_ || stopping_) return;
  // Where nothing is to be fenced nothing is looked at again.
  if (context_.wanted || context_.page.is_armed()) timer_ = context_.loop.after(kLookEvery, [this] { look(); });
  if (writing_) return;
  const auto seen = facts();
  switch (next_step(seen)) {
    case ArmingStep::Arm: return arm();
    case ArmingStep::Disarm: return disarm();
    case ArmingStep::Nothing: break;
  }
  if (!context_.wanted && !seen.node_says_armed && context_.page.is_armed()) context_.page.disarm();
  if (seen.wanted && seen.fence_answers && seen.holds) wake_waiting();
}

void FenceKeeper::arm() {
  writing_ = true;
  const auto session = context_.term.kept().session;
  context_.writer.modify(
      {Kind::Node, "", context_.node}, {}, Durability::Durable,
      [this, alive = alive_, word = std::string(kArmed) + model::new_uid()](json::object& raw) {
        return *alive && !stopping_ && set_word(raw, word);
      },
      [this, session](const Status& written) {
        writing_ = false;
        if (!written || stopping_) return;  // Tried again by the timer.
        armed_for_ = session;
        if (!std::exchange(said_armed_, true)) log(LogLevel::Info, "the fence of this host is armed");
        look();
      });
}

void FenceKeeper::disarm() {
  writing_ = true;
  armed_for_ = 0;
  if (context_.wanted) {
    log(LogLevel::Warning, "berth-fence does not answer: no pod that asks for fencing starts here, and none fails over",
        {{"node", context_.node}});
  }
  said_armed_ = false;
  context_.writer.modify(
      {Kind::Node, "", context_.node}, {}, Durability::Durable,
      [](json::object& raw) { return set_word(raw, kDisarmed); }, [this](const Status&) { writing_ = false; });
}

std::string FenceKeeper::may_mount(const model::Pod& pod) {
  if (!asks_for_fencing(pod)) return {};
  if (!context_.wanted) {
    return wait(pod, "berth.io/failover asks for a host that can fence: cluster.fencing is off here");
  }
  const auto session = context_.term.kept();
  const auto answer = context_.page.answer(context_.now());
  if (!answer.is_there || answer.is_late) {
    return wait(pod, "berth.io/failover asks for fencing: berth-fence does not answer");
  }
  if (!holds(session) || armed_for_ != session.session) return wait(pod, "waits for this host's fence to be armed");
  return {};
}

std::string FenceKeeper::may_start(const model::Pod& pod) {
  if (!asks_for_fencing(pod)) return {};
  if (auto why = may_mount(pod); !why.empty()) return why;
  const auto& uid = pod.meta.uid;
  const auto answer = context_.page.answer(context_.now());
  auto admission = context_.page.admission(uid);
  if (!admission || took_down(pod)) {
    const auto admitted = context_.page.admit(uid, context_.cgroup_of(pod));
    if (!admitted) return wait(pod, "not fenced: " + admitted.error().message());
    admission = *admitted;
  }
  if (answer.acknowledged < *admission) {
    waiting_.try_emplace(uid);
    await_answer(*admission);
    return "waits for berth-fence";
  }
  waiting_.erase(uid);
  return {};
}

bool FenceKeeper::took_down(const model::Pod& pod) const {
  if (!asks_for_fencing(pod)) return false;
  const auto admission = context_.page.admission(pod.meta.uid);
  return admission && context_.page.answer(context_.now()).fired >= *admission;
}

/// Said once for each pod and reason.
std::string FenceKeeper::wait(const model::Pod& pod, const std::string& why) {
  auto& told = waiting_[pod.meta.uid];
  if (std::exchange(told, why) != why) {
    context_.events({Kind::Pod, pod.meta.ns, pod.meta.name}, pod.meta.uid, "Warning", "FencingNotReady", why);
  }
  return why;
}

void FenceKeeper::await_answer(std::uint64_t generation) {
  awaited_ = std::max(awaited_, generation);
  if (answer_timer_) return;
  patience_ = kAnswerSoon;
  answer_timer_ = context_.loop.after(patience_, [this] { look_for_answer(); });
}

void FenceKeeper::look_for_answer() {
  answer_timer_.reset();
  if (context_.page.answer(context_.now()).acknowledged >= awaited_) return wake_waiting();
  patience_ = std::min(2 * patience_, kAnswerLater);
  answer_timer_ = context_.loop.after(patience_, [this] { look_for_answer(); });
}

void FenceKeeper::wake_waiting() {
  for (const auto& [uid, told] : waiting_) context_.kick(uid);
}

void FenceKeeper::stop(std::function<void()> done) {
  stopping_ = true;
  timer_.reset();
  stopped_ = std::move(done);
  if (!context_.page.is_armed()) return stopped(Ok{});
  stop_timer_ = context_.loop.after(kStopPatience, [this] {
    stopped(Error(ErrorCode::DeadlineExceeded, fmt::format("no answer within {} s", kStopPatience.count())));
  });
  context_.writer.modify(
      {Kind::Node, "", context_.node}, {}, Durability::Durable,
      [](json::object& raw) { return set_word(raw, kDisarmed); }, [this](const Status& written) { stopped(written); });
}

void FenceKeeper::stopped(const Status& written) {
  if (!stopped_) return;
  if (written || written.error().code() == ErrorCode::NotFound) {
    context_.page.disarm();
  } else {
    log(LogLevel::Error, "the store does not take that this host's fence is off: it stays armed, and kills fenced pods",
        {{"error", written.error().message()}});
  }
  std::exchange(stopped_, {})();
}

}  // namespace berth::agent
