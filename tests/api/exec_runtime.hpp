// tests/api/exec_runtime.hpp - a runtime whose commands are played by the test, over pipes.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "base/unique_fd.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// The test's side of one command.
struct PlayedProcess {
  std::string id;
  bool attached = false;  ///< The container's own process: options has no command.
  ExecOptions options;
  UniqueFd in, out, err;  ///< Blocking: read the stdin, write the outputs.
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void(Result<std::int32_t>)> on_exit;
  bool stdin_closed = false;
  bool killed = false;
  std::pair<int, int> size{0, 0};

  template <typename Done>
  bool wait(Done done) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), done);
  }
  void exit(std::int32_t code) {
    out.reset();
    err.reset();
    wait([this] { return on_exit != nullptr; });
    on_exit(code);
  }
};

/// Only exec_stream() and attach() work; the API calls nothing else.
class ExecRuntime final : public PodRuntime {
 public:
  /// The command that was started last; waits for it.
  std::shared_ptr<PlayedProcess> started() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [this] { return process_ != nullptr; });
    return process_;
  }
  void fail_next(Error error) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(error);
  }

  Result<std::unique_ptr<ExecSession>> exec_stream(const std::string& id, const ExecOptions& options) override {
    return play(id, options, /*attached=*/false);
  }
  Result<std::unique_ptr<ExecSession>> attach(const std::string& id, const AttachOptions& options) override {
    ExecOptions same;
    same.has_stdin = options.has_stdin;
    same.has_stdout = options.has_stdout;
    same.has_stderr = options.has_stderr;
    return play(id, same, /*attached=*/true);
  }

  Status check() override { return no(); }
  Result<std::vector<ContainerState>> containers(const std::string&) override { return no().error(); }
  Result<std::vector<ContainerState>> all_containers() override { return no().error(); }
  Status start(const ContainerSpec&) override { return no(); }
  Status kill(const std::string&, int) override { return no(); }
  Status request_stop(const std::string&) override { return no(); }
  Status remove(const std::string&) override { return no(); }
  void await_output(const std::string&) override {}
  Result<std::vector<std::string>> present_pods() override { return no().error(); }
  Status remove_pod(const std::string&) override { return no(); }
  Result<ImageInfo> image(const std::string&) override { return no().error(); }
  void pull(const std::string&, const std::vector<RegistryAuth>&,
            std::function<void(Result<ImageInfo>)> done) override {
    done(no().error());
  }
  Result<ExecResult> exec(const std::string&, const std::vector<std::string>&, std::chrono::milliseconds) override {
    return no().error();
  }
  /// What set_usage() said last.
  Result<std::vector<ContainerUsage>> usage() override {
    const std::scoped_lock lock(mutex_);
    ++usage_calls_;
    return usage_;
  }
  int usage_calls() {
    const std::scoped_lock lock(mutex_);
    return usage_calls_;
  }
  void set_usage(std::vector<ContainerUsage> usage) {
    const std::scoped_lock lock(mutex_);
    usage_ = std::move(usage);
  }
  void subscribe(std::function<void(const std::string&)>, std::function<void()>) override {}

 private:
  Result<std::unique_ptr<ExecSession>> play(const std::string& id, const ExecOptions& options, bool attached) {
    const std::scoped_lock lock(mutex_);
    if (failure_) return *std::exchange(failure_, std::nullopt);
    auto process = std::make_shared<PlayedProcess>();
    process->id = id;
    process->attached = attached;
    process->options = options;
    auto session = std::make_unique<Session>(process);
    process_ = process;
    changed_.notify_all();
    return std::unique_ptr<ExecSession>(std::move(session));
  }

  static Status no() { return Error(ErrorCode::Unimplemented, "not played"); }

  class Session final : public ExecSession {
   public:
    explicit Session(std::shared_ptr<PlayedProcess> process) : process_(std::move(process)) {
      if (process_->options.has_stdin) std::tie(process_->in, in_) = pipe(/*ours_writes=*/true);
      if (process_->options.has_stdout) std::tie(process_->out, out_) = pipe(/*ours_writes=*/false);
      if (process_->options.has_stderr) std::tie(process_->err, err_) = pipe(/*ours_writes=*/false);
    }
    ~Session() override {
      const std::scoped_lock lock(process_->mutex);
      process_->killed = true;
      process_->changed.notify_all();
    }
    int stdin_fd() const override { return in_.get(); }
    int stdout_fd() const override { return out_.get(); }
    int stderr_fd() const override { return err_.get(); }
    Status close_stdin() override {
      const std::scoped_lock lock(process_->mutex);
      in_.reset();
      process_->stdin_closed = true;
      process_->changed.notify_all();
      return Ok{};
    }
    Status resize(std::uint16_t columns, std::uint16_t rows) override {
      const std::scoped_lock lock(process_->mutex);
      process_->size = {columns, rows};
      process_->changed.notify_all();
      return Ok{};
    }
    void on_exit(std::function<void(Result<std::int32_t>)> on_exit) override {
      const std::scoped_lock lock(process_->mutex);
      process_->on_exit = std::move(on_exit);
      process_->changed.notify_all();
    }

   private:
    /// {the test's end, our non-blocking end}
    static std::pair<UniqueFd, UniqueFd> pipe(bool ours_writes) {
      int ends[2] = {-1, -1};
      if (::pipe2(ends, O_CLOEXEC) != 0) return {};
      const int ours = ours_writes ? ends[1] : ends[0];
      ::fcntl(ours, F_SETFL, ::fcntl(ours, F_GETFL) | O_NONBLOCK);
      return {UniqueFd(ours_writes ? ends[0] : ends[1]), UniqueFd(ours)};
    }

    std::shared_ptr<PlayedProcess> process_;
    UniqueFd in_, out_, err_;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<PlayedProcess> process_;
  std::vector<ContainerUsage> usage_;
  int usage_calls_ = 0;
  std::optional<Error> failure_;
};

}  // namespace berth::runtime
