// agent/control/controller_runner.cpp - see controller_runner.hpp.
#include "agent/control/controller_runner.hpp"

#include <algorithm>
#include <cassert>
#include <optional>

#include <fmt/format.h>

#include "agent/objects/back_off.hpp"
#include "base/log.hpp"

namespace berth::agent {
namespace {

using std::chrono::milliseconds;

// The loop has other things to do: so many keys in a row.
constexpr int kKeysAtATime = 32;
// What another host has just made is in sight after so many lost races: a quarter of a second. What is still planned
// to be made then is something else's name.
constexpr unsigned kOvertaken = 8;

/// A lost race is not waited for; one lost again and again is, a little.
milliseconds race_delay(unsigned races) {
  if (races < 2) return milliseconds{0};
  return milliseconds{std::min(500, 1 << std::min(races, 9U))};
}

/// The first write, with those that have to happen with it.
std::vector<Write> take_group(std::deque<Write>& writes) {
  std::vector<Write> group;
  const auto number = writes.front().group;
  do {
    group.push_back(std::move(writes.front()));
    writes.pop_front();
  } while (number != 0 && !writes.empty() && writes.front().group == number);
  return group;
}

/// As a part of a transaction: what is gone, or written meanwhile, stops the rest.
StoreWriter::Draft removing(const StoreWriter& writer, const Write& write) {
  return [key = write.key, as_seen = writer.modifying(write.key, write.uid, [](json::object&) -> Result<bool> {
           return false;
         })](store::Txn& txn) -> Status {
    if (auto there = as_seen(txn); !there) return there;
    txn.writes.push_back(store::Write::remove(key));
    return Ok{};
  };
}

}  // namespace

struct ControllerRunner::State {
  std::size_t controller = 0;
  model::ObjectKey key;
  bool woken = false;          ///< Since its plan began.
  bool anew = false;           ///< The same, with another wish.
  std::uint64_t plan = 0;      ///< Of the plan under way; 0: none is. Answers of another plan are not counted.
  std::uint64_t round = 0;     ///< Of its writes: another one when they are not waited for any more.
  std::size_t writes = 0;      ///< Not answered yet.
  std::size_t effects = 0;     ///< The same.
  SteadyTime written{};        ///< When the last write went out.
  std::deque<Write> later;     ///< Wait for those that are out.
  bool broken = false;         ///< One of the writes failed: those that come after it do not go out.
  std::optional<Error> error;  ///< The first that came back.
  bool raced = false;
  std::optional<milliseconds> look_again;
  std::uint32_t failures = 0;  ///< In a row.
  unsigned races = 0;          ///< In a row.
  SteadyTime not_before{};     ///< After a failure.
};

void Waker::operator()(const model::ObjectKey& key) const { runner_->wake(controller_, key, /*anew=*/false); }
void Waker::anew(const model::ObjectKey& key) const { runner_->wake(controller_, key, /*anew=*/true); }

ControllerRunner::ControllerRunner(Context context) : context_(std::move(context)) {}
ControllerRunner::~ControllerRunner() { *alive_ = false; }

Waker ControllerRunner::add(Controller controller) {
  controllers_.push_back(std::move(controller));
  return {*this, controllers_.size() - 1};
}

void ControllerRunner::on_change(const store::Change& change) {
  for (std::size_t i = 0; i < controllers_.size(); ++i) controllers_[i].wakes(change, Waker(*this, i));
}

void ControllerRunner::wake_all() {
  for (std::size_t i = 0; i < controllers_.size(); ++i) controllers_[i].all(Waker(*this, i));
}

std::string ControllerRunner::id_of(std::size_t controller, const model::ObjectKey& key) {
  std::string id;
  id.reserve(key.ns.size() + key.name.size() + 4);
  id += static_cast<char>('a' + controller);
  id += static_cast<char>('a' + static_cast<int>(key.kind));
  id += key.ns;
  id += '/';
  id += key.name;
  return id;
}

bool ControllerRunner::is_busy(std::string_view name, const model::ObjectKey& key) const {
  for (std::size_t i = 0; i < controllers_.size(); ++i) {
    if (controllers_[i].name != name) continue;
    const auto found = states_.find(id_of(i, key));
    return found != states_.end() && found->second.plan != 0;
  }
  return false;
}

void ControllerRunner::wake(std::size_t controller, const model::ObjectKey& key, bool anew) {
  if (!is_mine(controller, key)) return;
  const auto id = id_of(controller, key);
  auto& state = states_[id];
  state.controller = controller;
  state.key = key;
  state.woken = true;
  if (anew) {
    state.anew = true;
    state.failures = 0;
    state.not_before = {};
  }
  queue_.kick(id, std::max(context_.clock.now() + controllers_[controller].gather, state.not_before));
  if (state.plan == 0) schedule();
}

void ControllerRunner::schedule() {
  const auto due = queue_.next_due();
  if (run_posted_ || !due) return;
  const auto now = context_.clock.now();
  if (*due <= now) {
    run_posted_ = true;
    context_.loop.post([this, alive = alive_] {
      if (!*alive) return;
      run_posted_ = false;
      run_due();
    });
    return;
  }
  if (timer_ && timer_at_ <= due) return;
  timer_at_ = due;
  timer_ = context_.loop.after(std::chrono::ceil<milliseconds>(*due - now), [this] {
    timer_.reset();
    run_due();
  });
}

void ControllerRunner::run_due() {
  for (int i = 0; i < kKeysAtATime; ++i) {
    const auto id = queue_.take(context_.clock.now());
    if (!id) break;
    plan(*id);
  }
  schedule();
}

void ControllerRunner::plan(const std::string& id) {
  auto& state = states_.at(id);
  if (!is_mine(state.controller, state.key)) return forget(id);
  state.woken = false;
  state.anew = false;
  state.plan = ++plans_;
  state.round = state.plan;
  state.broken = false;
  state.error.reset();
  state.raced = false;
  state.look_again.reset();
  absorb(id, state, controllers_[state.controller].plan(state.key));
}

void ControllerRunner::forget(const std::string& id) {
  queue_.erase(id);
  states_.erase(id);
}

/// Says and begins what `work` asks for; ends the plan when that is nothing.
void ControllerRunner::absorb(const std::string& id, State& state, Work work) {
  for (const auto& event : work.events) {
    context_.events(event.about, event.uid, event.type, event.reason, event.message);
  }
  if (work.failed && !state.error) state.error = work.failed;
  if (work.look_again) state.look_again = work.look_again;
  for (auto& write : work.writes) state.later.push_back(std::move(write));
  state.effects += work.effects.size();
  const auto plan = state.plan;
  for (const auto& effect : work.effects) {
    effect([this, alive = alive_, id, plan](Work more) {
      if (!*alive) return;
      auto* known = find(id, plan);
      if (known == nullptr) return;
      --known->effects;
      absorb(id, *known, std::move(more));
    });
  }
  // An effect that was answered at once may have ended the plan.
  if (auto* still = find(id, plan)) write_next(id, *still);
}

void ControllerRunner::write_next(const std::string& id, State& state) {
  if (!is_mine(state.controller, state.key)) state.later.clear();
  // All that may go out together; an answer never comes from within the call.
  auto first = state.writes == 0;
  while (!state.later.empty() && (first || !state.later.front().after)) {
    if (state.later.front().after && state.broken) {
      state.later.clear();
      break;
    }
    first = false;
    auto group = take_group(state.later);
    if (group.size() == 1) {
      carry_out(id, state, std::move(group.front()));
    } else {
      carry_out_together(id, state, std::move(group));
    }
  }
  if (state.writes == 0 && state.effects == 0) end(id, state);
}

void ControllerRunner::carry_out(const std::string& id, State& state, Write write) {
  ++state.writes;
  state.written = context_.clock.now();
  watch_answers();
  auto& writer = context_.writer;
  const auto shared = std::make_shared<Write>(std::move(write));
  const auto refused = std::make_shared<bool>(false);
  const auto done = [this, alive = alive_, id, round = state.round, shared, refused](const Status& status) {
    if (!*alive) return;
    answered(id, round, {*shared},
             *refused ? Status(Error(ErrorCode::Aborted, shared->key.display() + ": is another by now")) : status);
  };
  switch (shared->verb) {
    case Write::Verb::Create: return writer.create(std::move(shared->object), shared->durability, done);
    case Write::Verb::Modify:
      return writer.modify(
          shared->key, shared->uid, shared->durability,
          [shared, refused](json::object& raw) {
            const auto edit = shared->edit(raw);
            *refused = edit == Edit::Refuse;
            return edit == Edit::Done;
          },
          done);
    case Write::Verb::MarkDeleted: return writer.mark_deleted(shared->key, shared->uid, std::nullopt, done);
    case Write::Verb::Delete: return writer.delete_object(shared->key, shared->uid, done);
    case Write::Verb::Remove: return writer.remove(shared->key, shared->uid, done);
    case Write::Verb::DropFinalizer: return writer.drop_finalizer(shared->key, shared->uid, shared->finalizer, done);
  }
}

void ControllerRunner::carry_out_together(const std::string& id, State& state, std::vector<Write> group) {
  ++state.writes;
  state.written = context_.clock.now();
  watch_answers();
  std::vector<StoreWriter::Draft> drafts;
  auto durability = Durability::Lazy;
  for (auto& write : group) {
    if (write.durability == Durability::Durable) durability = Durability::Durable;
    if (write.verb == Write::Verb::Create) {
      drafts.push_back(context_.writer.creating(std::move(write.object), write.may_exist));
      continue;
    }
    if (write.verb == Write::Verb::Remove) {
      drafts.push_back(removing(context_.writer, write));
      continue;
    }
    assert(write.verb == Write::Verb::Modify);
    drafts.push_back(context_.writer.modifying(
        write.key, write.uid, [edit = write.edit, key = write.key](json::object& raw) -> Result<bool> {
          const auto made = edit(raw);
          if (made == Edit::Refuse) return Error(ErrorCode::Aborted, key.display() + ": is another by now");
          return made == Edit::Done;
        }));
  }
  context_.writer.commit(
      std::move(drafts), durability,
      [this, alive = alive_, id, round = state.round, group = std::move(group)](const Status& status) {
        if (*alive) answered(id, round, group, status);
      });
}

ControllerRunner::State* ControllerRunner::find(const std::string& id, std::uint64_t plan) {
  const auto found = states_.find(id);
  return found == states_.end() || found->second.plan != plan ? nullptr : &found->second;
}

void ControllerRunner::answered(const std::string& id, std::uint64_t round, const std::vector<Write>& writes,
                                const Status& status) {
  const auto found = states_.find(id);
  if (found == states_.end() || found->second.round != round) return;  // Given up before.
  auto* state = &found->second;
  --state->writes;
  const auto say = [&](const std::optional<EventText>& event, const std::string& why) {
    if (event) context_.events(event->about, event->uid, event->type, event->reason, event->message + why);
  };
  const auto grouped = writes.size() > 1;
  const auto creates = !grouped && writes.front().verb == Write::Verb::Create;
  // Somebody else was faster, to the same end.
  const auto tolerated = creates ? writes.front().may_exist && failed_with(status, ErrorCode::AlreadyExists)
                                 : failed_with(status, ErrorCode::NotFound);
  const auto overtaken = context_.is_mine && (creates || grouped) && failed_with(status, ErrorCode::AlreadyExists) &&
                         state->races < kOvertaken;
  // One of several is gone, and the others were to be written because of it: by what is there now it is another plan.
  const auto outdated = grouped && failed_with(status, ErrorCode::NotFound);
  if (status) {
    for (const auto& write : writes) say(write.said, {});
  } else if ((overtaken && !tolerated) || outdated) {
    state->raced = true;
    state->broken = true;
  } else if (!tolerated) {
    if (!failed_with(status, ErrorCode::Aborted)) {
      const auto& controller = controllers_[state->controller];
      for (const auto& write : writes) {
        say(write.refused, ": " + status.error().message());
        if (controller.refused) controller.refused(state->key, write, status.error());
      }
    }
    take_error(*state, status.error());
    state->broken = true;
  }
  write_next(id, *state);
}

void ControllerRunner::take_error(State& state, const Error& error) {
  if (error.code() == ErrorCode::Aborted) {
    state.raced = true;
  } else if (!state.error) {
    state.error = error;
  }
}

void ControllerRunner::end(const std::string& id, State& state) {
  const auto& controller = controllers_[state.controller];
  const auto index = state.controller;
  const auto key = state.key;
  state.plan = 0;
  state.round = 0;
  const auto now = context_.clock.now();
  std::optional<milliseconds> delay;
  if (state.error && !state.anew) {
    delay = step_back_off(state.error->code(), ++state.failures, /*jitter=*/0.0);
    log(LogLevel::Warning, "not carried out, trying again",
        {{"controller", controller.name},
         {"object", key.display()},
         {"error", state.error->message()},
         {"failures", std::to_string(state.failures)},
         {"next_ms", std::to_string(delay->count())}});
  } else if (state.error || state.raced) {
    delay = race_delay(state.races++);
  }
  if (delay) {
    // Whatever woke it meanwhile: two keys that lose to each other, and wake each other by that, would turn without
    // end.
    state.not_before = now + *delay;
    queue_.erase(id);
    queue_.kick(id, state.not_before);
  } else {
    state.failures = 0;
    state.races = 0;
    state.not_before = {};
    queue_.put_back(id, state.look_again ? std::optional(now + *state.look_again) : std::nullopt);
    if (!state.woken && !state.look_again) states_.erase(id);
  }
  if (controller.ended) controller.ended(key, Waker(*this, index));
  if (!is_mine(index, key)) forget(id);
  schedule();
}

/// One timer for all answers: it comes when something is under way, and looks for what waits too long.
void ControllerRunner::watch_answers() {
  if (deadline_) return;
  deadline_ = context_.loop.after(kAnswerDeadline / 2, [this] {
    deadline_.reset();
    give_up_waiting();
  });
}

void ControllerRunner::give_up_waiting() {
  const auto now = context_.clock.now();
  std::vector<std::string> silent;
  auto waits = false;
  for (const auto& [id, state] : states_) {
    if (state.plan == 0 || state.writes == 0) continue;
    if (now - state.written >= kAnswerDeadline) {
      silent.push_back(id);
    } else {
      waits = true;
    }
  }
  for (const auto& id : silent) {
    auto& state = states_.at(id);
    // It may be carried out yet: the next plan looks at what is there by then.
    state.error = Error(ErrorCode::DeadlineExceeded, "the store does not answer");
    state.writes = 0;
    state.round = ++plans_;
    state.later.clear();
    if (state.effects == 0) end(id, state);
  }
  if (waits) watch_answers();
}

}  // namespace berth::agent
