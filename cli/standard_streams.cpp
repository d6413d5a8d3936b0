// cli/standard_streams.cpp - see standard_streams.hpp.
#include "cli/standard_streams.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>

namespace berth::cli {

namespace {

constexpr std::size_t kCollected = 32 * 1024;
constexpr int kDiedOfSigpipe = 128 + 13;

}  // namespace

Status write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EPIPE) return Error(ErrorCode::Cancelled, "nobody reads it any more");
    if (errno != EAGAIN) return Error::from_errno(errno, "write");
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return Error::from_errno(errno, "wait for the reader");
  }
  return Ok{};
}

OutputBuffer::OutputBuffer(int fd, std::size_t size) : fd_(fd), buffer_(size) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

bool OutputBuffer::put(std::string_view bytes) {
  if (failure_) return false;
  if (auto written = write_fully(fd_, bytes); !written) failure_ = written.error();
  return !failure_;
}

bool OutputBuffer::empty_buffer() {
  const auto collected = std::string_view(pbase(), static_cast<std::size_t>(pptr() - pbase()));
  const auto done = put(collected);
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return done;
}

OutputBuffer::int_type OutputBuffer::overflow(int_type c) {
  if (!empty_buffer()) return traits_type::eof();
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const auto byte = traits_type::to_char_type(c);
  if (buffer_.empty()) return put({&byte, 1}) ? c : traits_type::eof();
  *pptr() = byte;
  pbump(1);
  return c;
}

std::streamsize OutputBuffer::xsputn(const char* data, std::streamsize size) {
  if (size <= epptr() - pptr()) {
    std::copy_n(data, size, pptr());
    pbump(static_cast<int>(size));
    return size;
  }
  if (!empty_buffer() || !put({data, static_cast<std::size_t>(size)})) return 0;
  return size;
}

int OutputBuffer::sync() { return empty_buffer() ? 0 : -1; }

StandardOutput::StandardOutput()
    : out_(STDOUT_FILENO, kCollected),
      err_(STDERR_FILENO, 0),
      old_out_(std::cout.rdbuf(&out_)),
      old_err_(std::cerr.rdbuf(&err_)) {}

StandardOutput::~StandardOutput() {
  std::cout.flush();
  std::cout.rdbuf(old_out_);
  std::cerr.rdbuf(old_err_);
}

int StandardOutput::finish(int code) {
  std::cout.flush();
  const auto& failure = out_.failure();
  if (!failure) return code;
  if (failure->code() == ErrorCode::Cancelled) return kDiedOfSigpipe;
  std::cerr << "error: standard output: " << failure->message() << '\n';
  return code != 0 ? code : 1;
}

UniqueFd watch_shared(int fd, std::uint32_t events) {
  UniqueFd watch(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (!watch || ::epoll_ctl(watch.get(), EPOLL_CTL_ADD, fd, &event) != 0) return {};
  return watch;
}

bool readable_now(int fd) {
  pollfd now{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&now, 1, 0) == 1;
}

}  // namespace berth::cli
