// agent/store_hold.hpp - the right to plan on a store that other hosts reach, too: one agent at a time has it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/result.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Held by a session of the store. When that is lost, because the store was away for longer than it lives, it is taken
/// again as soon as the store answers.
class StoreHold {
 public:
  /// `store` must outlive it. Errors: AlreadyExists (another host's agent has it; the message says whose), those of
  /// Store::open_session(). Blocks as that does.
  static Result<std::unique_ptr<StoreHold>> take(store::Store& store);

  /// Takes it again from now on whenever it is lost. `on_taken`, once, on a thread of its own: another agent was
  /// faster. Who hears that has to end.
  void keep(std::function<void(Error)> on_taken);

  ~StoreHold();
  StoreHold(const StoreHold&) = delete;
  StoreHold& operator=(const StoreHold&) = delete;

 private:
  explicit StoreHold(store::Store& store);
  Result<std::unique_ptr<store::Session>> open();
  void run();

  store::Store& store_;
  std::function<void(Error)> on_taken_;
  std::unique_ptr<store::Session> session_;  ///< Of the thread, once there is one.
  std::mutex mutex_;
  std::condition_variable wake_;
  bool lost_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace berth::agent
