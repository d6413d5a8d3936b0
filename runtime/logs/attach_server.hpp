// runtime/logs/attach_server.hpp - hands copies of what the collector reads to those who ask: kubectl attach.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {

/// At once, of all containers. More are refused.
constexpr std::size_t kMaxAttached = 64;
/// A reader that is further behind (what the kernel's socket buffer holds comes on top) is dropped. The log never is.
constexpr std::size_t kMaxAttachedBehind = std::size_t{1} << 20;

/// A unix socket. Whoever connects (root, or the user that we run as: SO_PEERCRED, see unix(7)) sends one line,
/// "<container id> stdout\n" or "<container id> stderr\n". The answer is one byte: kAttached, and then the stream as it
/// is read until it ends; or kNoSuchStream or kTooManyAttached, and the end.
///
/// A part of the collector, on its thread and in its epoll(7) set; nothing here blocks. While nobody is attached it
/// costs one descriptor.
class AttachServer {
 public:
  static constexpr char kAttached = '+';
  static constexpr char kNoSuchStream = '?';
  static constexpr char kTooManyAttached = '!';

  /// Finds a stream by what a reader asked for, and has all that is in it shown soon. -1: there is none.
  using Find = std::function<int(const std::string& container, bool is_stderr)>;

  explicit AttachServer(Find find) : find_(std::move(find)) {}
  ~AttachServer();
  AttachServer(const AttachServer&) = delete;
  AttachServer& operator=(const AttachServer&) = delete;

  /// Listens at `path`, mode 0600; what is there is replaced, so only one collector may. `epoll` outlives this.
  Status listen(const std::filesystem::path& path, int epoll);

  /// Deals with an event of the epoll set. False: `fd` is none of ours.
  bool handle(int fd, std::uint32_t events);

  /// Nobody reads along: the calls below have nothing to do.
  bool idle() const { return readers_.empty(); }

  /// What is at the head of a stream now. Each reader gets what it was not shown before: looking at the same bytes
  /// twice is no harm.
  void show(int stream, std::string_view head);
  /// The first `bytes` of that head are gone from the stream.
  void consumed(int stream, std::size_t bytes);
  /// There will be no more; readers get what they have not read yet, and then the end.
  void end(int stream);

 private:
  struct Reader {
    UniqueFd fd;
    int stream = -1;       ///< -1: it has not said yet which.
    std::string text;      ///< What it has asked so far, then what it has still to get.
    std::size_t seen = 0;  ///< Bytes at the head of the stream that it was given.
    bool ending = false;
    bool writable_awaited = false;
  };
  enum class Keep : bool { No, Yes };

  void accept_all();
  Keep read_question(Reader& reader);
  Keep send(Reader& reader, std::string_view bytes);
  Keep flush(Reader& reader);
  Keep await_writable(Reader& reader, bool wanted) const;
  /// What `act` says decides whether a reader of that stream stays.
  template <typename Act>
  void for_each(int stream, Act act);

  Find find_;
  std::filesystem::path path_;
  int epoll_ = -1;
  UniqueFd listener_;
  std::map<int, Reader> readers_;  ///< By descriptor.
};

}  // namespace berth::runtime
