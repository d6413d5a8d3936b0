// runtime/exec_registry.hpp - who waits for which exec to end.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace berth::runtime {

/// Execs under way, by id. The end of each is told once. Any thread; callbacks run on the thread that resolves.
class ExecRegistry {
 public:
  using OnExit = std::function<void(Result<std::int32_t>)>;
  struct Pending {
    std::string exec;
    std::string container;
  };

  /// Before the exec is started: its end may be known before its start is.
  void add(const std::string& exec, const std::string& container, OnExit on_exit);
  /// Nobody waits any more.
  void forget(const std::string& exec);
  /// It has ended (or is lost, with an error). Unknown ids are ignored.
  void resolve(const std::string& exec, const Result<std::int32_t>& result);
  /// Those of one container, or all when it is empty.
  std::vector<Pending> pending(const std::string& container);

 private:
  struct Entry {
    std::string container;
    OnExit on_exit;
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace berth::runtime
