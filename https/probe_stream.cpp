// https/probe_stream.cpp - see probe_stream.hpp.
#include "https/probe_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "https/loader.hpp"

namespace berth::https {
namespace {

constexpr std::size_t kChunk = 4096;

class PlainStream final : public ProbeStream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}

  Io handshake() override { return Io::Done; }
  Io write(std::string_view& rest) override {
    events_ = POLLOUT;
    const auto sent = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) return failed();
    rest.remove_prefix(static_cast<std::size_t>(sent));
    return Io::Done;
  }
  Io read(std::string& into, std::size_t limit) override {
    events_ = POLLIN;
    std::array<char, kChunk> chunk;
    const auto got = ::recv(fd_, chunk.data(), std::min(limit, chunk.size()), 0);
    if (got < 0) return failed();
    if (got == 0) return Io::Closed;
    into.append(chunk.data(), static_cast<std::size_t>(got));
    return Io::Done;
  }
  short events() const override { return events_; }
  const std::string& error() const override { return error_; }

 private:
  Io failed() {
    if (errno == EAGAIN || errno == EINTR) return Io::Again;
    error_ = std::generic_category().message(errno);
    return Io::Failed;
  }

  int fd_;
  short events_ = POLLOUT;
  std::string error_;
};

}  // namespace

std::unique_ptr<ProbeStream> make_plain_stream(int fd) { return std::make_unique<PlainStream>(fd); }

Result<std::unique_ptr<ProbeStream>> make_tls_stream(int fd, const std::string& server_name) {
  const auto module = https_module();
  if (!module) return module.error();
  return (*module)->make_tls_stream(fd, server_name);
}

}  // namespace berth::https
