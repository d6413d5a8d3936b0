// tests/fakes/fake_runtime.hpp - containers that exist in memory only; the test says when they end and what fails.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// An honest PodRuntime (tests/contracts/runtime_contract.hpp runs on it). Any thread; callbacks run on the thread that
/// caused them, without a lock held.
class FakeRuntime final : public PodRuntime {
 public:
  /// `clock` stamps what happens and outlives the fake; null: the host's.
  explicit FakeRuntime(const Clock* clock = nullptr);

  // --- What the test does ---------------------------------------------------------------------------------------

  /// Makes an image present. `user` as in its config.
  void add_image(const std::string& name, const std::string& user = {});
  void remove_image(const std::string& name);
  /// The StopSignal of an image; SIGTERM without this.
  void set_stop_signal(const std::string& image, int signal);
  /// What usage() answers from now on.
  void set_usage(std::vector<ContainerUsage> usage);
  /// What silent_shims() answers from now on.
  void set_silent_shims(std::vector<SilentShim> silent);
  /// Makes an image pullable, not present.
  void add_to_registry(const std::string& name, const std::string& user = {});
  /// The process of a running container ends, and the subscriber hears of it.
  void exit(const std::string& id, std::int32_t code, bool oom_killed = false);
  /// Its shim is gone: phase Unknown.
  void lose(const std::string& id);
  /// Something of that pod is here that no container's record knows of, until remove_pod().
  void leave_behind(const std::string& pod_uid);
  /// containerd was away: the subscriber is told to look at everything.
  void reconnect();
  /// The process of a running container writes: every attached session reads it.
  void write_output(const std::string& id, const std::string& text, bool to_stderr = false);
  /// The next calls of `verb` ("start", "kill", "remove", "remove_pod", "present_pods", "containers", "all_containers",
  /// "image", "pull", "exec", "check", "exec_stream", "attach", "usage") fail with `error`, each once, in order.
  void fail_next(const std::string& verb, Error error);
  /// What exec() answers from now on; by default exit code 0 and no output.
  void on_exec(
      std::function<Result<ExecResult>(const std::string& id, const std::vector<std::string>& command)> answer);
  /// Commands of exec_stream() run until finish_execs().
  void hold_execs();
  void finish_execs();
  /// How a signal acts; by default SIGTERM ends a process with 143 and SIGKILL with 137, at once.
  void on_signal(std::function<void(const std::string& id, int signal)> act);
  /// Called before each start.
  void on_start(std::function<void(const std::string& id)> act);
  /// Pulls wait until finish_pulls().
  void hold_pulls();
  void finish_pulls();

  // --- What the test asks ---------------------------------------------------------------------------------------

  /// "start db-0/main#0", "kill <id> 15", "remove <id>", "remove_pod <uid>", "pull <name>", in order;
  /// "<pod>/<container>#<attempt>" for starts.
  std::vector<std::string> calls() const;
  /// The specification a container was started with; empty name: never started.
  ContainerSpec spec(const std::string& id) const;
  std::size_t running() const;
  /// Calls of containers(): each costs the real one two questions for each container of the pod.
  std::size_t looks() const;
  /// Commands of exec_stream() that run.
  std::size_t execs() const;

  // --- PodRuntime -----------------------------------------------------------------------------------------------

  Status check() override;
  std::vector<SilentShim> silent_shims() const override;
  Result<std::vector<ContainerState>> containers(const std::string& pod_uid) override;
  Result<std::vector<ContainerState>> all_containers() override;
  Status start(const ContainerSpec& spec) override;
  Status kill(const std::string& id, int signal) override;
  Status request_stop(const std::string& id) override;
  Status remove(const std::string& id) override;
  void await_output(const std::string& id) override;
  Result<std::vector<std::string>> present_pods() override;
  Status remove_pod(const std::string& pod_uid) override;
  Result<ImageInfo> image(const std::string& reference) override;
  void pull(const std::string& reference, const std::vector<RegistryAuth>& auths,
            std::function<void(Result<ImageInfo>)> done) override;
  Result<ExecResult> exec(const std::string& id, const std::vector<std::string>& command,
                          std::chrono::milliseconds deadline) override;
  /// A command whose end on_exec() says, with its output on stdout; at once, unless hold_execs().
  Result<std::unique_ptr<ExecSession>> exec_stream(const std::string& id, const ExecOptions& options) override;
  /// A process with stdin is a `cat`: what a session types comes back as its own output, and the end of stdin is the
  /// end of the process, with 0.
  Result<std::unique_ptr<ExecSession>> attach(const std::string& id, const AttachOptions& options) override;
  Result<std::vector<ContainerUsage>> usage() override;
  void subscribe(std::function<void(const std::string&)> on_change, std::function<void()> on_reconnect) override;

 private:
  class Attached;
  class Command;
  void end_stdin(const std::string& id);

  WallTime wall() const;
  /// The scripted failure of that verb, if there is one. Lock held.
  std::optional<Error> scripted(const std::string& verb);
  void complete_pull(const std::string& reference, const std::function<void(Result<ImageInfo>)>& done);

  const Clock* clock_;
  mutable std::mutex mutex_;
  std::map<std::string, ImageInfo> images_;
  std::map<std::string, ImageInfo> registry_;
  std::map<std::string, ContainerState> containers_;
  std::map<std::string, ContainerSpec> specs_;
  std::map<std::string, int> stop_signals_;  ///< By image.
  std::set<std::string> left_behind_;        ///< See leave_behind().
  std::vector<ContainerUsage> usage_;
  std::vector<SilentShim> silent_shims_;
  std::map<std::string, std::deque<Error>> failures_;
  std::set<std::string> stdin_closed_;  ///< Containers whose stdin has ended.
  std::vector<Attached*> attached_;     ///< Each takes itself out when it goes.
  std::vector<std::string> calls_;
  std::function<Result<ExecResult>(const std::string&, const std::vector<std::string>&)> exec_answer_;
  std::function<void(const std::string&, int)> signal_;
  std::function<void(const std::string&)> start_;
  std::function<void(const std::string&)> on_change_;
  std::function<void()> on_reconnect_;
  bool hold_pulls_ = false;
  bool hold_execs_ = false;
  std::vector<Command*> commands_;  ///< Those that run; each takes itself out when it goes.
  std::vector<std::pair<std::string, std::function<void(Result<ImageInfo>)>>> held_;
  std::size_t looks_ = 0;
  std::uint32_t next_pid_ = 1000;
};

}  // namespace berth::runtime
