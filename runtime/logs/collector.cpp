// runtime/logs/collector.cpp - see collector.hpp.
#include "runtime/logs/collector.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <set>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::size_t kBatch = 64 * 1024;
constexpr std::size_t kMaxStreams = 8192;
constexpr std::chrono::seconds kSinkRetry{1};
constexpr std::chrono::minutes kCleanUpEvery{10};

/// One FIFO.
struct Stream {
  LogSource source;
  bool is_stderr = false;
  UniqueFd fd;
  std::size_t waiting = 0;  ///< Bytes of an unfinished line that were seen and left in the FIFO.
  bool hung_up = false;     ///< All writers are gone: what is left is all there will be.
  bool queued = false;      ///< In the ready queue.
};

class FifoCollector final : public Collector {
 public:
  FifoCollector(fs::path directory, LogSink& sink) : directory_(std::move(directory)), sink_(sink) {}

  Status open();
  Result<bool> turn(std::chrono::milliseconds timeout) override;
  Counters counters() const override {
    auto now = counters_;
    now.streams = streams_.size();
    return now;
  }

 private:
  enum class Outcome { Drained, More, SinkFailed, Ended };

  void scan();
  void adopt(const fs::path& dir);
  void adopt_stream(const fs::path& fifo, const LogSource& source, bool is_stderr);
  void drop(int fd);
  void drop_directory(const std::string& id);
  void read_inotify();
  void queue(Stream& stream);
  Outcome take_batch(Stream& stream);
  Result<std::size_t> peek(const Stream& stream, std::size_t available);
  void clean_up();

  fs::path directory_;
  LogSink& sink_;
  UniqueFd lock_;
  UniqueFd epoll_;
  UniqueFd inotify_;
  UniqueFd scratch_read_;
  UniqueFd scratch_write_;
  std::map<int, Stream> streams_;  ///< By descriptor.
  std::map<std::string, std::vector<int>> by_container_;
  std::deque<int> ready_;
  std::array<char, kBatch> buffer_{};
  steady_clock::time_point blocked_until_{};  ///< The sink failed: no stream is read before.
  steady_clock::time_point next_clean_up_ = steady_clock::now() + kCleanUpEvery;
  Counters counters_;
};

Status FifoCollector::open() {
  if (auto made = make_directories(directory_, 0711); !made) return made;
  const auto lock = directory_ / ".collector";
  lock_.reset(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) return Error::from_errno(errno, "open " + lock.string());
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(ErrorCode::FailedPrecondition, lock.string() + ": another collector is running");
  }
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return Error::from_errno(errno, "epoll_create");
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) {
    return Error::from_errno(errno, "inotify_init (see fs.inotify.max_user_instances in sysctl(8))");
  }
  // Watch first, then scan: what appears in between is seen twice, and adopted once.
  if (::inotify_add_watch(inotify_.get(), directory_.c_str(),
                          IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR) < 0) {
    return Error::from_errno(errno, "inotify_add_watch " + directory_.string());
  }
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) return Error::from_errno(errno, "pipe");
  scratch_read_.reset(pipe[0]);
  scratch_write_.reset(pipe[1]);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = inotify_.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, inotify_.get(), &event) != 0) {
    return Error::from_errno(errno, "epoll_ctl inotify");
  }
  scan();
  return Ok{};
}

void FifoCollector::scan() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) adopt(entry.path());
}

void FifoCollector::adopt(const fs::path& dir) {
  const auto id = dir.filename().string();
  if (id.starts_with('.') || by_container_.contains(id)) return;
  const auto meta = read_file(dir / "meta", 64 * 1024);
  if (!meta) return;  // Not a container's directory, or gone again.
  const auto source = parse_log_source(*meta);
  if (!source) {
    log(LogLevel::Warning, "log stream not read", {{"directory", dir.string()}, {"error", source.error().message()}});
    return;
  }
  adopt_stream(dir / "stdout", *source, /*is_stderr=*/false);
  adopt_stream(dir / "stderr", *source, /*is_stderr=*/true);
}

void FifoCollector::adopt_stream(const fs::path& fifo, const LogSource& source, bool is_stderr) {
  if (streams_.size() >= kMaxStreams) {
    log(LogLevel::Error, "too many log streams, not reading", {{"fifo", fifo.string()}});
    return;
  }
  UniqueFd fd(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return;  // A container with a terminal has no stderr.
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0 || !S_ISFIFO(facts.st_mode)) return;
  // Edge-triggered: an unfinished line that we leave in the FIFO must not wake us again and again.
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.fd = fd.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) return;
  const auto key = fd.get();
  by_container_[fifo.parent_path().filename().string()].push_back(key);
  auto& stream = streams_[key];
  stream = {.source = source, .is_stderr = is_stderr, .fd = std::move(fd)};
  queue(stream);  // What was written before we came makes no edge.
}

void FifoCollector::queue(Stream& stream) {
  if (stream.queued) return;
  stream.queued = true;
  ready_.push_back(stream.fd.get());
}

void FifoCollector::drop(int fd) {
  const auto found = streams_.find(fd);
  if (found == streams_.end()) return;
  const auto source = found->second.source;
  streams_.erase(found);  // Closing takes it out of the epoll set, too.
  std::erase(ready_, fd);
  auto& fds = by_container_[source.container_id];
  std::erase(fds, fd);
  if (!fds.empty()) return;
  by_container_.erase(source.container_id);
  sink_.finish(source);
}

void FifoCollector::drop_directory(const std::string& id) {
  const auto found = by_container_.find(id);
  if (found == by_container_.end()) return;
  for (const auto fd : found->second) {
    if (const auto stream = streams_.find(fd); stream != streams_.end()) {
      stream->second.hung_up = true;  // Nobody can open it any more: read the rest and end.
      queue(stream->second);
    }
  }
}

void FifoCollector::read_inotify() {
  alignas(inotify_event) std::array<char, 16 * 1024> events{};
  for (;;) {
    const auto size = ::read(inotify_.get(), events.data(), events.size());
    if (size <= 0) return;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, events.data() + at, sizeof event);
      const std::string name(event.len > 0 ? events.data() + at + sizeof event : "");
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        scan();
      } else if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
        drop_directory(name);
      } else if (!name.empty()) {
        adopt(directory_ / name);
      }
    }
  }
}

/// Copies the head of the FIFO into the buffer and leaves it there; how many bytes.
Result<std::size_t> FifoCollector::peek(const Stream& stream, std::size_t available) {
  const auto teed = ::tee(stream.fd.get(), scratch_write_.get(), std::min(available, kBatch), SPLICE_F_NONBLOCK);
  if (teed < 0) return Error::from_errno(errno, "tee");
  std::size_t have = 0;
  while (have < static_cast<std::size_t>(teed)) {
    const auto got = ::read(scratch_read_.get(), buffer_.data() + have, static_cast<std::size_t>(teed) - have);
    if (got <= 0) return Error::from_errno(errno, "read back from tee");
    have += static_cast<std::size_t>(got);
  }
  return have;
}

FifoCollector::Outcome FifoCollector::take_batch(Stream& stream) {
  int pending = 0;
  if (::ioctl(stream.fd.get(), FIONREAD, &pending) != 0) return Outcome::Ended;
  const auto available = static_cast<std::size_t>(pending);
  if (available == 0) return stream.hung_up ? Outcome::Ended : Outcome::Drained;
  if (available == stream.waiting && !stream.hung_up) return Outcome::Drained;

  const auto have = peek(stream, available);
  if (!have) return have.error().code() == ErrorCode::Unavailable ? Outcome::Drained : Outcome::Ended;
  // tee(2) gives at most what fits 16 pipe buffers: "all of it" must be known before a last line counts as ended.
  const auto all = *have == available;
  const auto split = split_lines({buffer_.data(), *have}, stream.hung_up && all);
  if (split.consumed == 0) {
    stream.waiting = available;
    return Outcome::Drained;
  }
  if (auto stored = sink_.write(stream.source, stream.is_stderr, std::chrono::system_clock::now(), split.lines);
      !stored) {
    ++counters_.sink_errors;
    blocked_until_ = steady_clock::now() + kSinkRetry;
    log(LogLevel::Warning, "log lines not stored, trying again",
        {{"container", stream.source.container_id}, {"error", stored.error().message()}});
    return Outcome::SinkFailed;
  }
  // Stored: now they may leave the FIFO.
  for (auto left = split.consumed; left > 0;) {
    const auto got = ::read(stream.fd.get(), buffer_.data(), std::min(left, buffer_.size()));
    if (got <= 0) return Outcome::Ended;
    left -= static_cast<std::size_t>(got);
  }
  stream.waiting = 0;
  counters_.lines += split.lines.size();
  counters_.bytes += split.consumed;
  return Outcome::More;
}

Result<bool> FifoCollector::turn(std::chrono::milliseconds timeout) {
  const auto now = steady_clock::now();
  const auto blocked = now < blocked_until_;
  auto wait = ready_.empty() || blocked ? timeout : std::chrono::milliseconds(0);
  if (blocked)
    wait = std::min(wait, std::chrono::duration_cast<std::chrono::milliseconds>(blocked_until_ - now) +
                              std::chrono::milliseconds(1));
  std::array<epoll_event, 64> events{};
  const auto count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(wait.count()));
  if (count < 0 && errno != EINTR) return Error::from_errno(errno, "epoll_wait");
  for (auto i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == inotify_.get()) {
      read_inotify();
      continue;
    }
    const auto found = streams_.find(event.data.fd);
    if (found == streams_.end()) continue;
    if ((event.events & (EPOLLHUP | EPOLLERR)) != 0) found->second.hung_up = true;
    queue(found->second);
  }
  if (now >= next_clean_up_) clean_up();
  if (ready_.empty() || steady_clock::now() < blocked_until_) return count > 0;

  // One batch for each stream that is ready, in turn.
  for (auto left = ready_.size(); left > 0 && !ready_.empty(); --left) {
    const auto fd = ready_.front();
    ready_.pop_front();
    auto& stream = streams_.at(fd);
    stream.queued = false;
    switch (take_batch(stream)) {
      case Outcome::Drained: break;
      case Outcome::More: queue(stream); break;
      case Outcome::SinkFailed: queue(stream); return true;
      case Outcome::Ended: drop(fd); break;
    }
  }
  return true;
}

void FifoCollector::clean_up() {
  next_clean_up_ = steady_clock::now() + kCleanUpEvery;
  std::vector<std::string> live;
  for (const auto& [fd, stream] : streams_) live.push_back(stream.source.pod_uid);
  sink_.clean_up(live);
}

}  // namespace

Result<std::unique_ptr<Collector>> make_collector(const fs::path& directory, LogSink& sink) {
  auto collector = std::make_unique<FifoCollector>(directory, sink);
  if (auto opened = collector->open(); !opened) return std::move(opened).error();
  return std::unique_ptr<Collector>(std::move(collector));
}

}  // namespace berth::runtime
