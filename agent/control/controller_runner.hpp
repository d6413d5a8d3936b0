// agent/control/controller_runner.hpp - the one runner of all controllers: a queue of keys, one plan per key. Loop
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/control/work.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/store_writer.hpp"
#include "base/clock.hpp"
#include "base/keyed_queue.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace berth::agent {

class ControllerRunner;

/// Given to a controller to say which of its keys have to be looked at.
class Waker {
 public:
  Waker(ControllerRunner& runner, std::size_t controller) : runner_(&runner), controller_(controller) {}
  /// Look again: at once, or when what failed last is due again.
  void operator()(const model::ObjectKey& key) const;
  /// Look again, and forget what failed before: somebody asks for something else now.
  void anew(const model::ObjectKey& key) const;

 private:
  ControllerRunner* runner_;
  std::size_t controller_;
};

/// One controller: a row of the runner's table.
struct Controller {
  std::string name{};
  /// Which keys does this change concern? Called after the cache took it. Must cost no more than what it touches.
  std::function<void(const store::Change&, const Waker&)> wakes{};
  /// Every key there is: for the start, and after a change of who plans what.
  std::function<void(const Waker&)> all{};
  /// What should be done for the key now? A function of the cache and of nothing that its own writes change.
  std::function<Work(const model::ObjectKey&)> plan{};
  /// A write of the key's plan failed, and not by a lost race; the key is planned again. May be empty.
  std::function<void(const model::ObjectKey&, const Write&, const Error&)> refused{};
  /// The plan of the key is over, well or not. May be empty.
  std::function<void(const model::ObjectKey&, const Waker&)> ended{};
  /// Is the key planned by this host? Empty: as the Context's says.
  std::function<bool(const model::ObjectKey&)> is_mine{};
  /// How long changes are gathered before a key is planned: for views that nothing waits for.
  std::chrono::milliseconds gather{0};
};

/// Runs controllers. A woken key is planned once, soon, however often it was woken; what the plan asks for is written.
/// The key is not planned again before every write is answered, and a store answers after the cache has seen the write
/// (store/store.hpp): a plan never acts on a state that the plan before has outdated, on any store.
///
/// A failed write or effect delays the key by its class and how often in a row it failed (step_back_off), whatever
/// wakes it meanwhile: a full disk is not asked again at once. A lost race (Aborted) is no failure: the key is planned
/// again as soon as possible, nothing is said. An answer that does not come counts as failed after kAnswerDeadline;
/// effects have deadlines of their own.
class ControllerRunner {
 public:
  static constexpr std::chrono::seconds kAnswerDeadline{60};

  struct Context {
    Loop& loop;
    const Clock& clock;
    StoreWriter& writer;
    EventSink events;
    /// Is the key planned by this host? Empty: every key is. Asked whenever a key is woken, planned, or written for:
    /// what is under way when it becomes another's ends with the writes that are out.
    std::function<bool(const model::ObjectKey&)> is_mine{};
  };

  explicit ControllerRunner(Context context);
  ~ControllerRunner();
  ControllerRunner(const ControllerRunner&) = delete;
  ControllerRunner& operator=(const ControllerRunner&) = delete;

  /// What it wakes beside changes, it wakes with the answer.
  Waker add(Controller controller);

  /// Tell it every change of the store, after the cache took it.
  void on_change(const store::Change& change);
  /// Looks at everything: for the start, when the cache was loaded anew, and when other keys are ours.
  void wake_all();

  /// Is a plan for the key under way? `name` is its controller's.
  bool is_busy(std::string_view name, const model::ObjectKey& key) const;
  /// Nothing is under way, and nothing is due before something changes.
  bool is_idle() const { return states_.empty(); }
  /// When the next key is due.
  std::optional<SteadyTime> next_due() const { return queue_.next_due(); }
  /// Plans what is due. Called by its own timer; by hand only where a test owns the time.
  void run_due();
  /// Counts writes without an answer as failed once they are kAnswerDeadline old; the same.
  void give_up_waiting();

 private:
  friend class Waker;
  struct State;

  static std::string id_of(std::size_t controller, const model::ObjectKey& key);
  void wake(std::size_t controller, const model::ObjectKey& key, bool anew);
  void plan(const std::string& id);
  void absorb(const std::string& id, State& state, Work work);
  void write_next(const std::string& id, State& state);
  void carry_out(const std::string& id, State& state, Write write);
  void carry_out_together(const std::string& id, State& state, std::vector<Write> group);
  void answered(const std::string& id, std::uint64_t round, const std::vector<Write>& writes, const Status& status);
  void take_error(State& state, const Error& error);
  void end(const std::string& id, State& state);
  void forget(const std::string& id);
  State* find(const std::string& id, std::uint64_t plan);
  bool is_mine(std::size_t controller, const model::ObjectKey& key) const {
    const auto& own = controllers_[controller].is_mine;
    const auto& asked = own ? own : context_.is_mine;
    return !asked || asked(key);
  }
  void schedule();
  void watch_answers();

  Context context_;
  std::vector<Controller> controllers_;
  KeyedQueue queue_;
  std::map<std::string, State> states_;  ///< Of keys that are due, under way or failing; of no others.
  std::uint64_t plans_ = 0;              ///< Numbers plans and rounds.
  bool run_posted_ = false;
  std::unique_ptr<LoopHandle> timer_;
  std::optional<SteadyTime> timer_at_;
  std::unique_ptr<LoopHandle> deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
