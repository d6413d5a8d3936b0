// agent/fencing/fence_keeper.hpp - keeps this host's fence armed, the Node's word on it true, and fenced pods from
// starting without it. Loop thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/fencing/arming.hpp"
#include "agent/fencing/fence_page.hpp"
#include "agent/objects/event_recorder.hpp"
#include "agent/objects/session_term.hpp"
#include "agent/objects/store_writer.hpp"
#include "base/loop.hpp"
#include "model/model.hpp"
#include "store/store.hpp"

namespace berth::agent {

class FenceKeeper {
 public:
  static constexpr std::chrono::seconds kLookEvery{1};           ///< At berth-fence.
  static constexpr std::chrono::milliseconds kAnswerSoon{2};     ///< It takes less than one; doubled ...
  static constexpr std::chrono::milliseconds kAnswerLater{256};  ///< ... up to this.
  static constexpr std::chrono::seconds kStopPatience{4};        ///< For the Node's write before an end.

  struct Context {
    Loop& loop;
    StoreWriter& writer;
    const store::Store& store;
    FencePage& page;
    const SessionTerm& term;
    EventSink events;
    std::string node;
    bool wanted = false;  ///< cluster.fencing; false: what is armed from before is disarmed.
    /// Where the pod's cgroup is, or will be: "/berth-pods/burstable/pod<uid>".
    std::function<std::string(const model::Pod&)> cgroup_of;
    std::function<void(const std::string& uid)> kick;  ///< The pod may ask again.
    std::function<BootTime()> now = &boot_time;
  };

  explicit FenceKeeper(Context context);
  ~FenceKeeper();
  FenceKeeper(const FenceKeeper&) = delete;
  FenceKeeper& operator=(const FenceKeeper&) = delete;

  /// The store was seen as a whole.
  void begin();
  /// Our Node is stored, or stored otherwise.
  void on_node() { look(); }
  /// Another session holds than before.
  void on_session() { look(); }

  /// Why the pod's volumes may not be brought here yet; empty: they may, now. kick() follows. A pod that does not ask
  /// for fencing may always. Who takes a fenced pod's volumes away for the end of our last session does so only while
  /// the Node is as it was then: until it is written anew they may go at any moment.
  std::string may_mount(const model::Pod& pod);
  /// The same of its containers.
  std::string may_start(const model::Pod& pod);
  /// Has the fence taken it down since it last was let start?
  bool took_down(const model::Pod& pod) const;
  /// Nothing of it is here any more.
  void on_gone(const std::string& uid) {
    waiting_.erase(uid);
    context_.page.drop(uid);
  }

  /// We are about to end, and pods run on: nobody is to count on our fence, which is disarmed then. `done` once, in
  /// kStopPatience at the latest. When the store does not take that the fence stays armed, which is said.
  void stop(std::function<void()> done);

  /// What next_step() decides by, as it is now.
  ArmingFacts facts() const;
  /// Looks at berth-fence, and does what has to be done. Called by its own timer; tests may.
  void look();

 private:
  void arm();
  void disarm();
  void stopped(const Status& written);
  std::string wait(const model::Pod& pod, const std::string& why);
  void await_answer(std::uint64_t generation);
  void look_for_answer();
  void wake_waiting();
  bool node_says_armed() const;
  bool holds(const SessionTerm::Kept& session) const;

  Context context_;
  std::uint64_t armed_for_ = 0;
  bool writing_ = false;
  bool begun_ = false;
  bool stopping_ = false;
  bool said_armed_ = false;
  std::function<void()> stopped_;
  std::map<std::string, std::string> waiting_;  ///< uid of pods that asked in vain: what they were told.
  std::unique_ptr<LoopHandle> timer_;
  std::uint64_t awaited_ = 0;  ///< This generation's acknowledgement.
  std::chrono::milliseconds patience_{};
  std::unique_ptr<LoopHandle> answer_timer_;
  std::unique_ptr<LoopHandle> stop_timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::agent
