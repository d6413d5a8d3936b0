// api/streams/remote_command.hpp - a process's streams and its client: exec and attach, whatever carries them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/request/api_context.hpp"

namespace berth::api {

/// How it ended: metav1.Status, as the error channel carries it since protocol v4, and as plain text before.
struct CommandOutcome {
  bool success = true;
  std::string status;
  std::string text;  ///< Empty for success.
};

/// `command terminated with non-zero exit code: exit status 3`, with the code among the causes.
CommandOutcome exit_outcome(std::int32_t exit_code);
/// `Internal error occurred: error executing command in container: <why>`
CommandOutcome failed_outcome(std::string_view doing, std::string_view why);

/// The client's end of a command. API thread only.
class CommandPeer {
 public:
  virtual ~CommandPeer() = default;
  enum class Output { Stdout, Stderr };
  virtual void send_output(Output which, std::string bytes) = 0;
  /// Octets on their way: no more output comes while this is above kMaxQueued, until RemoteCommand::drained().
  virtual std::size_t queued_bytes() const = 0;
  /// Stops or resumes reading what the client sends.
  virtual void set_reading(bool reading) = 0;
  /// The last call: everything was sent, this is how it ended.
  virtual void finish(const CommandOutcome& outcome) = 0;
};

struct CommandOptions {
  /// Starts the command or joins the container's process. Runs on the lane: it may block.
  std::function<Result<std::unique_ptr<runtime::ExecSession>>()> begin;
  std::string doing = "executing command in container";  ///< For "error <doing>: <why>".
  /// The container's own process: its exit code is no failure of ours (it is in the pod's status), and the end of its
  /// outputs is the end.
  bool attached = false;
};

/// Runs one command for one client. When the client goes away the session is destroyed, which ends a command. Neither
/// side's slowness grows our memory beyond kMaxQueued each way. API thread only.
class RemoteCommand {
 public:
  virtual ~RemoteCommand() = default;
  /// The client's streams are there: begin. `peer` must live until peer_gone(), or until it was given finish().
  virtual void start(CommandPeer& peer) = 0;
  virtual void input(std::string_view bytes) = 0;
  virtual void end_input() = 0;
  /// `{"Width":80,"Height":24}`, one or more; anything else is ignored.
  virtual void resize(std::string_view sizes) = 0;
  virtual void drained() = 0;
  virtual void peer_gone() = 0;
};

std::shared_ptr<RemoteCommand> make_remote_command(ApiContext& context, CommandOptions options);

}  // namespace berth::api
