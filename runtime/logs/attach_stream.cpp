// runtime/logs/attach_stream.cpp - see attach_stream.hpp.
#include "runtime/logs/attach_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <cerrno>

#include "base/unix_address.hpp"
#include "runtime/logs/attach_server.hpp"

namespace berth::runtime {

Result<UniqueFd> attach_stream(const std::filesystem::path& socket, const std::string& container, bool is_stderr,
                               std::chrono::milliseconds deadline) {
  const auto away = [&](std::string_view why) {
    return Error(ErrorCode::Unavailable, fmt::format("the log collector (berth-logd) {}", why));
  };
  const auto address = unix_address(socket);
  if (!address) return away("has too long a run directory for a socket");
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "attach: socket");
  // Connecting to a unix socket is done at once or not at all: EAGAIN is a full backlog.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return away("does not run");
    if (errno == EAGAIN) return away("does not answer");
    return Error::from_errno(errno, "connect to the log collector at " + socket.native());
  }
  const auto question = fmt::format("{} {}\n", container, is_stderr ? "stderr" : "stdout");
  // One that takes nobody has answered and hung up before it was asked: its answer can still be read.
  (void)::send(fd.get(), question.data(), question.size(), MSG_NOSIGNAL);
  pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, static_cast<int>(deadline.count())) != 1) return away("does not answer");
  char answer = 0;
  if (::recv(fd.get(), &answer, 1, MSG_DONTWAIT) != 1) return away("hung up");
  switch (answer) {
    case AttachServer::kAttached: return fd;
    case AttachServer::kTooManyAttached:
      return Error(ErrorCode::ResourceExhausted,
                   fmt::format("too many are attached to containers of this host, the limit is {}", kMaxAttached));
    default: return Error(ErrorCode::NotFound, "the container has no such output stream");
  }
}

}  // namespace berth::runtime
