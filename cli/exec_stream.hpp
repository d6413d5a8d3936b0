// cli/exec_stream.hpp - a command's streams in a container over WebSocket (v5.channel.k8s.io): exec, attach, cp, run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/command.hpp"

namespace berth::cli {

/// Where the command's streams come from and go to.
struct StreamEnds {
  bool own_stdin = false;  ///< Our standard input is the command's.
  bool terminal = false;   ///< With a terminal: ours is raw until the end, its size is passed on.
  /// Instead of our standard input: the next piece; empty: the end.
  std::function<std::string()> produce;
  /// Instead of our standard output. False: enough, end it.
  std::function<bool(std::string_view)> take;
};

/// Runs until the command ends; its exit code. Our terminal is as before on every way out, a signal included (then the
/// code is 128 + signal). `target` is the path with its query. Errors are worded for the user. Stderr goes to our
/// stderr.
Result<int> run_stream(const Global& global, const std::string& target, const StreamEnds& ends);

}  // namespace berth::cli
