// runtime/attach_session.hpp - the streams of a container's own process: kubectl attach.
#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "runtime/exec_session.hpp"

namespace berth::runtime {

class ContainerdAttachSession final : public ContainerdSession {
 public:
  ContainerdAttachSession(ContainerdRuntime& runtime, std::string container, std::string key)
      : ContainerdSession(runtime, std::move(container)), key_(std::move(key)) {}
  ~ContainerdAttachSession() override;

  Status close_stdin() override;
  Status resize(std::uint16_t columns, std::uint16_t rows) override;
  void on_exit(std::function<void(Result<std::int32_t>)> on_exit) override;

  /// Gets the streams: outputs from the collector, stdin from its FIFO.
  Status open(const ContainerStreams& streams, const AttachOptions& options);

 private:
  const std::string key_;    ///< In the runtime's registry of who waits for an end.
  bool ends_stdin_ = false;  ///< The end of ours is that of the container's.
};

}  // namespace berth::runtime
