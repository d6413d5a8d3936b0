// agent/node_session.hpp - this host's session: while it holds, others count on this node, and nobody else is it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Held under "live/<node>" in a store that many hosts share. When it is lost, because the store was away for longer
/// than it lives, it is taken again as soon as the store answers.
class NodeSession {
 public:
  struct Options {
    std::string node;
    std::filesystem::path lock;  ///< Held locked meanwhile: no two agents of one host are the same node. Empty: none.
    /// A host that was booted anew finds its own session of before: for so long it is waited for that this one ends.
    std::chrono::milliseconds patience{20'000};
    std::chrono::milliseconds again{1'000};  ///< Between tries.
    bool may_be_later = false;               ///< A store that is away is no error: it is taken once it answers.
  };

  static std::string name_of(const std::string& node) { return "live/" + node; }

  /// `store` must outlive it. Errors: AlreadyExists (another machine's agent is this node, and stays; the message says
  /// whose), Unavailable (another process of this host has `lock`), those of Store::open_session(). Blocks for
  /// `patience`.
  static Result<std::unique_ptr<NodeSession>> take(store::Store& store, Options options);

  /// Takes it again from now on whenever it is lost. `on_taken`, once, on a thread of its own: another machine was
  /// faster. Who hears that has to end.
  void keep(std::function<void(Error)> on_taken);

  ~NodeSession();
  NodeSession(const NodeSession&) = delete;
  NodeSession& operator=(const NodeSession&) = delete;

 private:
  NodeSession(store::Store& store, Options options);
  Result<std::unique_ptr<store::Session>> open();
  void run();

  store::Store& store_;
  const Options options_;
  UniqueFd lock_;
  std::function<void(Error)> on_taken_;
  std::unique_ptr<store::Session> session_;  ///< Of the thread, once there is one.
  std::mutex mutex_;
  std::condition_variable wake_;
  bool lost_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace berth::agent
