// store/local_sessions.hpp - sessions of a store that only this process has: they end when their holder says so.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "store/holder_board.hpp"
#include "store/session.hpp"

namespace berth::store {

/// Any thread. Sessions may outlive it.
class LocalSessions {
 public:
  explicit LocalSessions(HolderBoard::Post post) : board_(std::make_shared<HolderBoard>(std::move(post))) {}
  ~LocalSessions() { board_->close(); }
  LocalSessions(const LocalSessions&) = delete;
  LocalSessions& operator=(const LocalSessions&) = delete;

  /// AlreadyExists while somebody holds the name.
  Result<std::unique_ptr<Session>> open(std::string name);
  /// Store::follow_holders().
  std::unique_ptr<Watch> follow(std::function<void(const Holders&)> on_change) {
    return board_->follow(std::move(on_change));
  }

 private:
  class Held;

  const std::shared_ptr<HolderBoard> board_;
};

}  // namespace berth::store
