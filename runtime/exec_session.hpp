// runtime/exec_session.hpp - a command in a container with its streams: kubectl exec.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/lane.hpp"
#include "base/unique_fd.hpp"
#include "runtime/containerd_runtime.hpp"

namespace berth::runtime {

/// What the session and the runtime's event thread both hold.
struct ExecEnd {
  std::mutex mutex;
  std::optional<Result<std::int32_t>> result;
  std::function<void(Result<std::int32_t>)> on_exit;

  /// Keeps the result, or hands it to whoever waits already.
  void resolve(Result<std::int32_t> ended);
  /// Tells the result when it is there; on `lane` when it is there already.
  void await(std::function<void(Result<std::int32_t>)> listener, Lane& lane);
  /// Nobody waits any more. Had it ended?
  bool abandon();
};

/// What every session is: up to three descriptors, and an end that another thread hears of.
class ContainerdSession : public ExecSession {
 public:
  int stdin_fd() const final { return stdin_.get(); }
  int stdout_fd() const final { return stdout_.get(); }
  int stderr_fd() const final { return stderr_.get(); }
  const std::shared_ptr<ExecEnd>& end() const { return end_; }

 protected:
  ContainerdSession(ContainerdRuntime& runtime, std::string container)
      : runtime_(runtime), container_(std::move(container)) {}

  ContainerdRuntime& runtime_;
  const std::string container_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  const std::shared_ptr<ExecEnd> end_ = std::make_shared<ExecEnd>();
};

class ContainerdExecSession final : public ContainerdSession {
 public:
  ContainerdExecSession(ContainerdRuntime& runtime, std::string container, std::string exec)
      : ContainerdSession(runtime, std::move(container)), exec_(std::move(exec)) {}
  ~ContainerdExecSession() override;

  Status close_stdin() override;
  Status resize(std::uint16_t columns, std::uint16_t rows) override;
  void on_exit(std::function<void(Result<std::int32_t>)> on_exit) override;

  /// Makes the FIFOs below `directory` and opens our ends.
  Result<TaskStdio> open(const std::filesystem::path& directory, const ExecOptions& options);

 private:
  const std::string exec_;
};

}  // namespace berth::runtime
