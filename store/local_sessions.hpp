// store/local_sessions.hpp - sessions of a store that only this process has: they end when their holder says so.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/result.hpp"
#include "store/session.hpp"

namespace berth::store {

/// Any thread. Sessions may outlive it.
class LocalSessions {
 public:
  /// AlreadyExists while somebody holds the name.
  Result<std::unique_ptr<Session>> open(std::string name);

 private:
  struct Names {
    std::mutex mutex;
    std::set<std::string> held;
  };
  class Held;

  std::shared_ptr<Names> names_ = std::make_shared<Names>();
};

}  // namespace berth::store
