// runtime/attach_session.hpp - the streams of a container's own process: kubectl attach.
#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "runtime/exec_session.hpp"

namespace berth::runtime {

class ContainerdAttachSession final : public ExecSession {
 public:
  ContainerdAttachSession(ContainerdRuntime& runtime, std::string container, std::string key)
      : runtime_(runtime), container_(std::move(container)), key_(std::move(key)) {}
  ~ContainerdAttachSession() override;

  int stdin_fd() const override { return stdin_.get(); }
  int stdout_fd() const override { return stdout_.get(); }
  int stderr_fd() const override { return stderr_.get(); }
  Status close_stdin() override;
  Status resize(std::uint16_t columns, std::uint16_t rows) override;
  void on_exit(std::function<void(Result<std::int32_t>)> on_exit) override;

  /// Gets the streams: outputs from the collector, stdin from its FIFO.
  Status open(const ContainerStreams& streams, const AttachOptions& options);
  const std::shared_ptr<ExecEnd>& end() const { return end_; }

 private:
  ContainerdRuntime& runtime_;
  const std::string container_;
  const std::string key_;    ///< In the runtime's registry of who waits for an end.
  bool ends_stdin_ = false;  ///< The end of ours is that of the container's.
  UniqueFd stdin_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  std::shared_ptr<ExecEnd> end_ = std::make_shared<ExecEnd>();
};

}  // namespace berth::runtime
