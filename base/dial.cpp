// base/dial.cpp - see dial.hpp.
#include "base/dial.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

namespace berth {

int connect_within(const UniqueFd& fd, const sockaddr* address, socklen_t size, std::chrono::milliseconds deadline) {
  if (!fd) return EAFNOSUPPORT;
  if (::connect(fd.get(), address, size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd wanted{fd.get(), POLLOUT, 0};
  const auto ready = ::poll(&wanted, 1, static_cast<int>(deadline.count()));
  if (ready < 0) return errno;
  if (ready == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

std::string connect_error_text(int error) {
  std::string text = std::strerror(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

namespace {

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Result<Endpoint> endpoint_of(const TcpAddress& address) {
  Endpoint out;
  void* bytes = nullptr;
  if (address.is_v6()) {
    auto* const six = reinterpret_cast<sockaddr_in6*>(&out.storage);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(address.port);
    bytes = &six->sin6_addr;
    out.size = sizeof(*six);
  } else {
    auto* const four = reinterpret_cast<sockaddr_in*>(&out.storage);
    four->sin_family = AF_INET;
    four->sin_port = htons(address.port);
    bytes = &four->sin_addr;
    out.size = sizeof(*four);
  }
  if (::inet_pton(out.storage.ss_family, address.host.c_str(), bytes) != 1) {
    return Error(ErrorCode::InvalidArgument, fmt::format("dial tcp: \"{}\" is no address", address.host));
  }
  return out;
}

Error dial_error(const TcpAddress& address, int error) {
  return {ErrorCode::Unavailable, fmt::format("dial tcp {}: connect: {}", address.text(), connect_error_text(error))};
}

}  // namespace

Result<UniqueFd> begin_dial_tcp(const TcpAddress& address) {
  const auto to = endpoint_of(address);
  if (!to) return to.error();
  UniqueFd fd(::socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return dial_error(address, errno);
  if (::connect(fd.get(), to->address(), to->size) != 0 && errno != EINPROGRESS) return dial_error(address, errno);
  return fd;
}

Result<UniqueFd> dial_tcp(const TcpAddress& address, std::chrono::milliseconds deadline) {
  const auto to = endpoint_of(address);
  if (!to) return to.error();
  UniqueFd fd(::socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto failed = connect_within(fd, to->address(), to->size, deadline);
  if (failed != 0) return dial_error(address, failed);
  return fd;
}

}  // namespace berth
