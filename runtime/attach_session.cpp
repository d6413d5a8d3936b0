// runtime/attach_session.cpp - see attach_session.hpp.
#include "runtime/attach_session.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "base/log.hpp"
#include "runtime/logs/attach_stream.hpp"

namespace berth::runtime {
namespace {

constexpr auto kCollectorDeadline = std::chrono::seconds(4);

}  // namespace

ContainerdAttachSession::~ContainerdAttachSession() {
  end_->abandon();
  runtime_.attached_.forget(key_);
  if (stdin_) runtime_.forget_stdin(container_, stdin_.get());
  if (!ends_stdin_) return;
  // The call blocks, and this may be the loop's thread.
  runtime_.clean_up_->run([&runtime = runtime_, container = container_] {
    if (auto ended = runtime.end_stdin(container); !ended) {
      log(LogLevel::Warning, "cannot end a container's stdin, the next attach may",
          {{"error", ended.error().message()}});
    }
  });
}

Status ContainerdAttachSession::open(const ContainerStreams& streams, const AttachOptions& options) {
  const auto socket = runtime_.config_.run_dir / "attach.sock";
  if (options.has_stdout) {
    auto fd = attach_stream(socket, container_, /*is_stderr=*/false, kCollectorDeadline);
    if (!fd) return fd.error();
    stdout_ = *std::move(fd);
  }
  if (options.has_stderr && !streams.terminal) {
    auto fd = attach_stream(socket, container_, /*is_stderr=*/true, kCollectorDeadline);
    if (!fd) return fd.error();
    stderr_ = *std::move(fd);
  }
  if (!options.has_stdin) return Ok{};
  stdin_.reset(::open(streams.in.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  // ENOENT, ENXIO: the end of it came just now.
  if (!stdin_ && (errno == ENOENT || errno == ENXIO)) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("the stdin of container {} has ended", streams.container));
  }
  if (!stdin_) return Error::from_errno(errno, "open " + streams.in.string());
  runtime_.remember_stdin(container_, stdin_.get());
  // With a terminal the end of the file is no end for the process, and a session that was cut off is taken up again:
  // as containerd's CRI does it.
  ends_stdin_ = streams.stdin_once && !streams.terminal;
  return Ok{};
}

Status ContainerdAttachSession::close_stdin() {
  if (!stdin_) return Ok{};
  if (ends_stdin_) {
    auto ended = runtime_.end_stdin(container_);
    if (ended) ends_stdin_ = false;
    return ended;
  }
  for (const auto* output : {&stdout_, &stderr_}) {
    if (*output) ::shutdown(output->get(), SHUT_RDWR);  // what has come can still be read: unix(7)
  }
  runtime_.attached_.resolve(key_, 0);
  return Ok{};
}

Status ContainerdAttachSession::resize(std::uint16_t columns, std::uint16_t rows) {
  return ignore_not_found(runtime_.client_.resize(container_, {}, columns, rows));
}

void ContainerdAttachSession::on_exit(std::function<void(Result<std::int32_t>)> on_exit) {
  end_->await(std::move(on_exit), *runtime_.clean_up_);
}

}  // namespace berth::runtime
