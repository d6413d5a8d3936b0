// cli/standard_streams.hpp - standard input and output, which are shared with whoever started us and may be anything.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <streambuf>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::cli {

/// Writes all of `bytes`, however slowly they are read: on a descriptor that somebody made non-blocking it waits
/// (poll(2)), and what was taken in part is continued. Errors: as of write(2); EPIPE is Cancelled.
Status write_fully(int fd, std::string_view bytes);

/// The buffer of std::cout and std::cerr. libstdc++'s own takes EAGAIN of a slow reader's pipe for an error, and keeps
/// no reason.
class OutputBuffer final : public std::streambuf {
 public:
  /// `size` bytes are collected before they are written; 0: each piece at once.
  OutputBuffer(int fd, std::size_t size);

  /// Why nothing is written any more: the first failure. What comes after it is refused.
  const std::optional<Error>& failure() const { return failure_; }

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* data, std::streamsize size) override;
  int sync() override;

 private:
  bool put(std::string_view bytes);
  bool empty_buffer();

  int fd_;
  std::vector<char> buffer_;
  std::optional<Error> failure_;
};

/// As long as it lives, std::cout and std::cerr write through OutputBuffer.
class StandardOutput {
 public:
  StandardOutput();
  ~StandardOutput();
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

  /// Writes what is collected. The exit code of a command that ended with `code`: a reader that went away is nobody to
  /// tell (141, as of one that died by SIGPIPE); another failure, a full disk for one, is said on standard error and 1.
  int finish(int code);

 private:
  OutputBuffer out_;
  OutputBuffer err_;
  std::streambuf* old_out_;
  std::streambuf* old_err_;
};

/// A descriptor that is readable (EPOLLIN) while `fd` has one of `events` (or EPOLLERR, EPOLLHUP): for Asio, which
/// makes what it waits for non-blocking, and with it the same file of the shell that started us. None (`-1`) for what
/// cannot be waited for, a regular file.
UniqueFd watch_shared(int fd, std::uint32_t events);

/// Whether a read(2) of `fd` would find something or its end, now.
bool readable_now(int fd);

}  // namespace berth::cli
