// runtime/exec_session.hpp - a command in a container with its streams: kubectl exec.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

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
};

class ContainerdExecSession final : public ExecSession {
 public:
  ContainerdExecSession(ContainerdRuntime& runtime, std::string container, std::string exec)
      : runtime_(runtime), container_(std::move(container)), exec_(std::move(exec)) {}
  ~ContainerdExecSession() override;

  int stdin_fd() const override { return stdin_.get(); }
  int stdout_fd() const override { return stdout_.get(); }
  int stderr_fd() const override { return stderr_.get(); }
  Status close_stdin() override;
  Status resize(std::uint16_t columns, std::uint16_t rows) override;
  void on_exit(std::function<void(Result<std::int32_t>)> on_exit) override;

  /// Makes the FIFOs below `directory` and opens our ends.
  Result<TaskStdio> open(const std::filesystem::path& directory, const ExecOptions& options);
  const std::shared_ptr<ExecEnd>& end() const { return end_; }

 private:
  ContainerdRuntime& runtime_;
  const std::string container_;
  const std::string exec_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  std::shared_ptr<ExecEnd> end_ = std::make_shared<ExecEnd>();
};

}  // namespace berth::runtime
