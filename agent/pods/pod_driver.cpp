// agent/pods/pod_driver.cpp - see pod_driver.hpp.
#include "agent/pods/pod_driver.hpp"

#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/counters.hpp"
#include "base/log.hpp"
#include "base/random.hpp"

namespace berth::agent {
namespace {

/// A pass takes as many steps as it can before it looks again, but for so long at most; when it was kicked meanwhile,
/// for so long.
constexpr std::chrono::seconds kStepsWithoutLook{5};
constexpr std::chrono::seconds kStepsWhenKicked{1};
/// Of a pod with more containers than this, kicks are kept for so long a container, together for so long at most.
constexpr std::size_t kFew = 8;
constexpr std::chrono::milliseconds kBetweenLooks{1};
constexpr std::chrono::milliseconds kBetweenLooksAtMost{500};

std::size_t containers_of(const PodMemory& memory) { return memory.init.size() + memory.main.size(); }

double jitter() { return std::uniform_real_distribution<double>(0.0, 1.0)(thread_random()); }

}  // namespace

/// Carries out what a turn asks for, one function each. The pod may be forgotten meanwhile: `pod` is what it was.
struct PodDriver::Hands {
  PodDriver& driver;
  std::shared_ptr<const model::Pod> pod;

  const std::string& uid() const { return pod->meta.uid; }

  void operator()(const BeginPull& pull) const {
    auto& rooms = driver.rooms_;
    const auto keys = driver.callbacks_.pull_keys(*pod, pull.image);
    if (!keys.missing.empty()) {
      operator()(
          Tell{"Warning", "FailedToRetrieveImagePullSecret",
               fmt::format("Unable to retrieve some image pull secrets ({}); attempting to pull the image may not "
                           "succeed.",
                           fmt::join(keys.missing, ", "))});
    }
    rooms.runtime.pull(pull.image, keys.auths,
                       [self = &driver, &loop = rooms.loop, alive = driver.alive_, uid = uid(), which = pull.which,
                        attempt = pull.attempt, begin = rooms.clock.now()](auto image) {
                         PullEnded ended{which, attempt, Ok{}, {}};
                         if (!image) ended.status = image.error();
                         if (image) ended.effort = {image->pulled_in, {}, image->bytes};
                         loop.post([self, alive, uid, begin, ended = std::move(ended)]() mutable {
                           if (!*alive) return;
                           ended.effort.waited =
                               std::chrono::duration_cast<std::chrono::milliseconds>(self->rooms_.clock.now() - begin);
                           self->happen(uid, ended);
                         });
                       });
  }
  void operator()(const BeginHook& hook) const {
    const auto& containers = hook.which.init ? pod->spec.init_containers : pod->spec.containers;
    const auto& container = containers[hook.which.index];
    const auto& lifecycle = container.lifecycle;
    driver.rooms_.hooks.begin(
        {.container_id = hook.id,
         .action = hook.kind == HookKind::PreStop ? *lifecycle.pre_stop : *lifecycle.post_start,
         .pod_ip = hook.address,
         .ports = container.ports,
         .deadline = hook.deadline,
         .began =
             [self = &driver, alive = driver.alive_, uid = uid(), began = HookBegan{hook.which, hook.id, hook.kind}] {
               if (*alive) self->happen(uid, began);
             },
         .ended =
             [self = &driver, alive = driver.alive_, uid = uid(),
              ended = HookEnded{hook.which, hook.id, hook.kind, Ok{}}](const Status& status) mutable {
               ended.status = status;
               if (*alive) self->happen(uid, ended);
             }});
  }
  void operator()(const DropHooks& hooks) const { driver.rooms_.hooks.drop(hooks.id); }
  void operator()(const WatchProbes& probes) const {
    if (driver.prober_ != nullptr) driver.prober_->watch(probes.target);
  }
  void operator()(const ForgetProbes& probes) const {
    if (driver.prober_ != nullptr) driver.prober_->forget(probes.id);
  }
  void operator()(const WriteStatus& write) const { driver.callbacks_.on_status(*pod, write.status); }
  void operator()(const CountStart& start) const {
    counters().pod_start.add(std::chrono::duration<double>(start.took).count());
  }
  void operator()(const HasSettled&) const { driver.callbacks_.on_settled(uid()); }
  void operator()(const HasBeenSeen&) const {
    if (driver.callbacks_.on_seen) driver.callbacks_.on_seen(*pod);
  }
  void operator()(const HasLeft&) const {
    if (driver.callbacks_.on_left) driver.callbacks_.on_left();
  }
  void operator()(const RemoveObject&) const { driver.callbacks_.on_forget(*pod); }
  void operator()(const Discard&) const {
    const auto gone = uid();
    driver.queue_.erase(gone);
    driver.pods_.erase(gone);
    driver.large_.erase(gone);
    if (driver.callbacks_.on_gone) driver.callbacks_.on_gone(gone);
  }
  void operator()(const Say& say) const {
    std::vector<LogField> fields;
    for (const auto& [name, value] : say.fields) fields.emplace_back(name, value);
    log(say.level, say.text, fields);
  }
  void operator()(const Tell& tell) const { driver.callbacks_.on_event(*pod, tell); }
};

PodDriver::PodDriver(PodDriverRooms rooms, PodDriverCallbacks callbacks)
    : rooms_(std::move(rooms)), callbacks_(std::move(callbacks)) {}

PodDriver::~PodDriver() { *alive_ = false; }

World PodDriver::world() const {
  return {.now = rooms_.clock.now(), .wall = rooms_.clock.wall(), .jitter = jitter(), .host_ip = rooms_.host_ip};
}

/// The machine's turn: its memory is kept before anything is done about it, as what is done may lead back here.
Turn PodDriver::apply(const std::string& uid, const PodInput& input) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) return {};
  auto around = world();
  const auto* look = std::get_if<Looked>(&input);
  if (look != nullptr && callbacks_.hold && found->second.wanted && begins_from_nothing(look->view)) {
    around.hold = callbacks_.hold(*found->second.pod);
  }
  if (look != nullptr && callbacks_.is_fenced) around.fenced = callbacks_.is_fenced(*found->second.pod);
  auto next = turn(std::move(found->second), input, around);
  found->second = std::move(next.memory);
  Hands hands{*this, found->second.pod};
  for (const auto& effect : next.effects) std::visit(hands, effect);
  return next;
}

/// Whatever comes between passes.
void PodDriver::happen(const std::string& uid, const PodInput& input) {
  const auto next = apply(uid, input);
  if (!next.look_at || !pods_.contains(uid)) return;
  queue_.kick(uid, *next.look_at);
  schedule();
}

void PodDriver::set_pod(std::shared_ptr<const model::Pod> pod) {
  const auto uid = pod->meta.uid;
  if (pods_.contains(uid)) {
    happen(uid, Changed{std::move(pod)});
    return;
  }
  pods_.emplace(uid, first_memory(std::move(pod), rooms_.clock.now()));
  kick(uid);
}

bool PodDriver::has_left(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() || found->second.left;
}

std::shared_ptr<const model::Pod> PodDriver::pod(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : found->second.pod;
}

std::vector<std::shared_ptr<const model::Pod>> PodDriver::pods() const {
  std::vector<std::shared_ptr<const model::Pod>> all;
  all.reserve(pods_.size());
  for (const auto& [uid, memory] : pods_) all.push_back(memory.pod);
  return all;
}

void PodDriver::kick(const std::string& uid) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) return;
  auto when = rooms_.clock.now();
  if (const auto looked = large_.find(uid); looked != large_.end()) {
    const auto apart = std::min(kBetweenLooks * static_cast<int>(containers_of(found->second)), kBetweenLooksAtMost);
    when = std::max(when, looked->second + apart);
  }
  queue_.kick(uid, when);
  schedule();
}

void PodDriver::kick_all() {
  for (const auto& [uid, memory] : pods_) queue_.kick(uid, rooms_.clock.now());
  schedule();
}

const model::PodStatus* PodDriver::status(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : &found->second.status;
}

const model::PodStatus* PodDriver::seen_status(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() || !found->second.seen ? nullptr : &found->second.status;
}

void PodDriver::schedule() {
  const auto next = queue_.next_due();
  if (!next) {
    timer_.reset();
    return;
  }
  if (*next <= rooms_.clock.now()) {
    if (run_posted_) return;
    run_posted_ = true;
    rooms_.loop.post([this, alive = alive_] {
      if (*alive) run_due();
    });
    return;
  }
  timer_ = rooms_.loop.at(*next, [this] { run_due(); });
}

void PodDriver::run_due() {
  run_posted_ = false;
  while (auto uid = queue_.take(rooms_.clock.now())) begin_pass(*uid);
  schedule();
}

/// A pass: look at the host on a lane, decide here, take the step on a lane.
void PodDriver::begin_pass(const std::string& uid) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) {
    queue_.erase(uid);
    return;
  }
  auto input = std::make_shared<const LookInput>(look_input(found->second));
  rooms_.pods.run([this, &loop = rooms_.loop, &worker = rooms_.worker, alive = alive_, uid, input] {
    auto view = worker.look(*input);
    auto seen = view ? PodInput(Looked{*std::move(view)}) : PodInput(LookFailed{view.error()});
    loop.post([this, alive, uid, seen = std::move(seen)] {
      if (*alive) decide(uid, seen);
    });
  });
}

void PodDriver::decide(const std::string& uid, const PodInput& input) {
  const auto looked = rooms_.clock.now();
  const auto next = apply(uid, input);
  const auto found = pods_.find(uid);
  if (found != pods_.end() && containers_of(found->second) > kFew) large_[uid] = looked;
  if (next.step.kind == StepKind::Settled || next.step.kind == StepKind::Forget) {
    end_pass(uid, next.look_at);
  } else {
    take(uid, next, looked);
  }
}

void PodDriver::take(const std::string& uid, const Turn& turn, SteadyTime looked) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) return end_pass(uid, std::nullopt);
  const auto& memory = found->second;
  const auto pod = memory.pod;
  std::shared_ptr<const StepInput> input;
  if (needs_input(turn.step.kind)) input = std::make_shared<const StepInput>(callbacks_.inputs(*pod));
  const auto pulled =
      turn.step.kind == StepKind::StartContainer && memory.of(turn.step.which).pulled_attempt == turn.step.attempt;
  rooms_.pods.run([this, &loop = rooms_.loop, &worker = rooms_.worker, alive = alive_, uid, pod, input, pulled,
                   step = turn.step, view = turn.view, looked] {
    auto done = std::make_shared<const PodInput>(worker.take(*pod, step, view, input.get(), pulled));
    loop.post([this, alive, uid, done, looked] {
      if (*alive) took(uid, *done, looked);
    });
  });
}

void PodDriver::took(const std::string& uid, const PodInput& input, SteadyTime looked) {
  const auto next = apply(uid, input);
  if (next.step.kind == StepKind::Settled || next.step.kind == StepKind::Forget) return end_pass(uid, next.look_at);
  const auto age = rooms_.clock.now() - looked;
  if (age >= kStepsWithoutLook || (age >= kStepsWhenKicked && queue_.kicked(uid))) {
    return end_pass(uid, rooms_.clock.now());
  }
  take(uid, next, looked);
}

void PodDriver::end_pass(const std::string& uid, std::optional<SteadyTime> next) {
  if (pods_.contains(uid)) {
    queue_.put_back(uid, next);
  } else {
    queue_.erase(uid);
  }
  schedule();
}

}  // namespace berth::agent
