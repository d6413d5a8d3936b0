// runtime/exec_processes.hpp - all that a command in a container has begun: its session.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace berth::runtime {

/// The session of a process, as the text of /proc/PID/stat says: see proc(5). nullopt: that is no such text, or the
/// process has ended and waits for its parent only.
std::optional<pid_t> session_in(std::string_view stat);

/// Does a process ignore SIGHUP, as the text of /proc/PID/status says?
bool ignores_hangup(std::string_view status);

/// runc makes every exec the leader of a session of its own (setsid(2)), and what it forks stays in there unless it
/// leaves. A session's number is given to no other process while one is in it. Any thread.
class ExecProcesses {
 public:
  /// While `leader` lives: reads how it takes a hang-up. `proc` is where proc is mounted.
  explicit ExecProcesses(pid_t leader, std::filesystem::path proc = "/proc");

  /// Sends SIGKILL to those of `among` that are of the session, and says to how many. Spared is who ignores SIGHUP
  /// while the leader does not: started with nohup(1), to go on when whoever began it is gone.
  std::size_t kill(const std::vector<pid_t>& among) const;

 private:
  bool is_of_it(pid_t pid) const;

  std::filesystem::path proc_;
  pid_t leader_;
  bool all_ignore_hangup_;  ///< As they were started so, it says nothing of one of them.
};

}  // namespace berth::runtime
