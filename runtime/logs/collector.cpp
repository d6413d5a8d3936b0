// runtime/logs/collector.cpp - see collector.hpp.
#include "runtime/logs/collector.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "runtime/log_settings.hpp"
#include "runtime/logs/attach_server.hpp"

namespace berth::runtime {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::size_t kBatch = std::size_t{64} * 1024;
constexpr std::size_t kMaxStreams = 8192;
constexpr unsigned kMaxDoublings = 5;  ///< Of the time to the next try of one stream.
constexpr unsigned kGiveUpAfter = 8;   ///< Failures in a row of a stream whose directory is gone.
constexpr std::chrono::minutes kCleanUpEvery{1};

/// One FIFO.
struct Stream {
  LogSource source;
  std::string directory;  ///< Name of the directory that it is in.
  bool is_stderr = false;
  bool terminal = false;  ///< Lines end in "\r\n": the terminal's doing, not the program's (ONLCR, termios(3)).
  UniqueFd fd;
  std::size_t waiting = 0;  ///< Bytes of an unfinished line that were seen and left in the FIFO.
  unsigned failures = 0;    ///< In a row, of this stream alone.
  bool hung_up = false;     ///< All writers were gone when we last heard. Others may have come: ask again.
  bool removed = false;     ///< Its directory is gone: what is left is all there will be.
  bool queued = false;      ///< In the ready queue, or waiting for another try.
};

const char* fifo_name(bool is_stderr) { return is_stderr ? "stderr" : "stdout"; }

/// Whether nobody has the FIFO open for writing, now. See pipe_poll() in the kernel: only when somebody had.
bool writers_gone(int fd) {
  pollfd now{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&now, 1, 0) == 1 && (now.revents & (POLLHUP | POLLERR)) != 0;
}

/// Whole milliseconds until `then`, rounded up; 0 when it has passed.
std::chrono::milliseconds until(steady_clock::time_point then) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - steady_clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

class FifoCollector final : public Collector {
 public:
  FifoCollector(fs::path directory, LogSink& sink, const CollectorOptions& options)
      : directory_(std::move(directory)),
        sink_(sink),
        options_(options),
        mark_(options.mark != nullptr ? *options.mark : unshared_) {}

  Status open();
  ~FifoCollector() override;
  FifoCollector(const FifoCollector&) = delete;
  FifoCollector& operator=(const FifoCollector&) = delete;
  Result<bool> turn(std::chrono::milliseconds timeout) override;
  Counters counters() const override {
    auto now = counters_;
    now.streams = streams_.size();
    return now;
  }
  LogHealth health() const override;
  std::uint64_t health_changes() const override { return health_changes_; }
  std::uint64_t settings_changes() const override { return settings_changes_; }

 private:
  /// What is kept of a container over its runs.
  struct Account {
    explicit Account(const LineLimit& limit) : budget(limit) {}
    LineBudget budget;
    LogSource source;           ///< Of its newest run.
    std::uint64_t dropped = 0;  ///< Lines.
    std::uint64_t unsaid = 0;   ///< Of those, since its log last spoke of it.
    steady_clock::time_point say_at{};
    std::string error;  ///< Why it is not stored now.
    std::optional<WallTime> since;
    steady_clock::time_point failing_from{};
    bool told = false;  ///< The failure is in health().
  };

  enum class Outcome { Drained, More, AllWait, StreamWaits, Ended };

  void scan();
  void adopt(const fs::path& dir);
  void adopt_stream(const fs::path& fifo, const LogSource& source, bool is_stderr);
  int find_for_reader(const std::string& container, bool is_stderr);
  void drop(int fd);
  void end_removed(const std::string& id);
  bool still_there(const Stream& stream) const;
  void read_inotify();
  void queue(Stream& stream);
  void release_due();
  std::chrono::milliseconds time_to_wait(std::chrono::milliseconds timeout) const;
  Outcome take_batch(Stream& stream);
  void finish_batch();
  void resume(Stream& stream, const BatchMark::Pending& batch);
  static void end_terminal_lines(const Stream& stream, std::vector<LinePiece>& lines);
  bool consume(Stream& stream, std::size_t bytes);
  Result<std::size_t> peek(const Stream& stream, std::size_t available);
  Account& account_of(const LogSource& source);
  std::vector<LinePiece> within_limit(Account& account, std::vector<LinePiece> lines, std::uint64_t& cost) const;
  Outcome not_stored(Stream& stream, const Error& error);
  void stored(Stream& stream, Account& account, std::size_t dropped);
  bool say_dropped(Account& account);
  void say_what_is_due();
  void clean_up();

  fs::path directory_;
  LogSink& sink_;
  CollectorOptions options_;
  BatchMark unshared_;
  BatchMark& mark_;
  UniqueFd lock_;
  UniqueFd epoll_;
  UniqueFd inotify_;
  UniqueFd scratch_read_;
  UniqueFd scratch_write_;
  AttachServer attached_{
      [this](const auto& container, bool is_stderr) { return find_for_reader(container, is_stderr); }};
  std::map<int, Stream> streams_;  ///< By descriptor.
  std::map<std::string, std::vector<int>> by_container_;
  std::deque<int> ready_;
  std::multimap<steady_clock::time_point, int> later_;  ///< Streams that failed: not tried before.
  std::array<char, kBatch> buffer_{};
  steady_clock::time_point blocked_until_{};  ///< The sink failed: no stream is read before.
  steady_clock::time_point next_clean_up_ = steady_clock::now() + kCleanUpEvery;
  std::map<std::pair<std::string, std::string>, Account> accounts_;  ///< By pod's uid and container.
  std::optional<steady_clock::time_point> next_say_;                 ///< When a log has to speak of what was dropped.
  std::uint64_t health_changes_ = 0;
  std::uint64_t settings_changes_ = 0;
  Counters counters_;
};

FifoCollector::~FifoCollector() {
  for (auto& [name, account] : accounts_) say_dropped(account);
}

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
  if (options_.wake_fd >= 0) {
    event.data.fd = options_.wake_fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, options_.wake_fd, &event) != 0) {
      return Error::from_errno(errno, "epoll_ctl wake descriptor");
    }
  }
  if (!options_.attach_socket.empty()) {
    if (auto listening = attached_.listen(options_.attach_socket, epoll_.get()); !listening) {
      log(LogLevel::Warning, "nobody can attach to containers", {{"error", listening.error().message()}});
    }
  }
  scan();
  finish_batch();
  return Ok{};
}

/// The one that the collector before us was storing when it was killed.
void FifoCollector::finish_batch() {
  const auto batch = mark_.pending();
  if (batch) {
    const auto found = by_container_.find(batch->directory);
    if (found != by_container_.end()) {
      for (const auto fd : std::vector<int>(found->second)) {
        if (auto& stream = streams_.at(fd); stream.is_stderr == batch->is_stderr) resume(stream, *batch);
      }
    }
  }
  mark_.end();
}

void FifoCollector::resume(Stream& stream, const BatchMark::Pending& batch) {
  int pending = 0;
  if (::ioctl(stream.fd.get(), FIONREAD, &pending) != 0 || static_cast<std::size_t>(pending) < batch.bytes) return;
  const auto have = peek(stream, batch.bytes);
  if (!have || *have != batch.bytes || static_cast<unsigned char>(buffer_[batch.bytes - 1]) != batch.last) return;
  auto lines = split_lines({buffer_.data(), batch.bytes}, /*ended=*/true).lines;
  lines.resize(std::min(lines.size(), batch.lines));  // The others were over the limit.
  if (lines.empty()) return;
  end_terminal_lines(stream, lines);
  const auto done = sink_.resume(stream.source, stream.is_stderr, batch, lines);
  if (!done && mark_.stored() == 0) return;
  const auto stored = done ? lines.size() : std::min(mark_.stored(), lines.size());
  const auto bytes = done ? batch.bytes : lines[stored - 1].end;
  if (!consume(stream, bytes)) return;
  counters_.lines += stored;
  counters_.bytes += bytes;
}

void FifoCollector::scan() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) adopt(entry.path());
}

void FifoCollector::adopt(const fs::path& dir) {
  const auto id = dir.filename().string();
  if (id.starts_with('.') || by_container_.contains(id)) return;
  const auto meta = read_file(dir / "meta", std::size_t{64} * 1024);
  if (!meta) return;  // Not a container's directory, or gone again.
  const auto source = parse_log_source(*meta);
  if (!source) {
    log(LogLevel::Warning, "log stream not read", {{"directory", dir.string()}, {"error", source.error().message()}});
    return;
  }
  adopt_stream(dir / fifo_name(false), *source, /*is_stderr=*/false);
  adopt_stream(dir / fifo_name(true), *source, /*is_stderr=*/true);
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
  const auto directory = fifo.parent_path().filename().string();
  by_container_[directory].push_back(key);
  auto& stream = streams_[key];
  stream.source = source;
  stream.directory = directory;
  stream.is_stderr = is_stderr;
  std::error_code unknown;
  stream.terminal = !is_stderr && !fs::exists(fifo.parent_path() / fifo_name(true), unknown);
  stream.fd = std::move(fd);
  queue(stream);  // What was written before we came makes no edge.
}

int FifoCollector::find_for_reader(const std::string& container, bool is_stderr) {
  if (container.empty() || container.find('/') != std::string::npos) return -1;
  adopt(directory_ / container);  // it may be newer than what inotify has told
  const auto found = by_container_.find(container);
  if (found == by_container_.end()) return -1;
  for (const auto fd : found->second) {
    auto& stream = streams_.at(fd);
    if (stream.is_stderr != is_stderr) continue;
    stream.waiting = 0;  // an unfinished line that was seen is news for this reader
    queue(stream);
    return fd;
  }
  return -1;
}

void FifoCollector::queue(Stream& stream) {
  if (stream.queued) return;
  stream.queued = true;
  ready_.push_back(stream.fd.get());
}

void FifoCollector::release_due() {
  const auto due = later_.upper_bound(steady_clock::now());
  for (auto at = later_.begin(); at != due; ++at) ready_.push_back(at->second);
  later_.erase(later_.begin(), due);
}

void FifoCollector::drop(int fd) {
  const auto found = streams_.find(fd);
  if (found == streams_.end()) return;
  const auto source = found->second.source;
  const auto directory = found->second.directory;
  attached_.end(fd);
  streams_.erase(found);  // Closing takes it out of the epoll set, too.
  std::erase(ready_, fd);
  auto& fds = by_container_[directory];
  std::erase(fds, fd);
  if (!fds.empty()) return;
  by_container_.erase(directory);
  if (const auto known = accounts_.find({source.pod_uid, source.container}); known != accounts_.end()) {
    auto& account = known->second;
    say_dropped(account);
    if (account.told) ++health_changes_;
    account.told = false;
    account.since.reset();
    account.error.clear();
  }
  sink_.finish(source);
  // Made again while we read the rest of the old one: the event came when the name was still taken.
  adopt(directory_ / directory);
}

/// Whether the FIFO that we have open is the one that its path leads to.
bool FifoCollector::still_there(const Stream& stream) const {
  struct stat ours {};
  struct stat there {};
  const auto path = directory_ / stream.directory / fifo_name(stream.is_stderr);
  return ::fstat(stream.fd.get(), &ours) == 0 && ::lstat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

/// Those streams of `id` that were removed have a last batch to read. The event may be older than what is there now.
void FifoCollector::end_removed(const std::string& id) {
  const auto found = by_container_.find(id);
  if (found == by_container_.end()) return;
  for (const auto fd : found->second) {
    auto& stream = streams_.at(fd);
    if (still_there(stream)) continue;
    stream.removed = true;
    queue(stream);
  }
}

void FifoCollector::read_inotify() {
  alignas(inotify_event) std::array<char, std::size_t{16} * 1024> events{};
  for (;;) {
    const auto size = ::read(inotify_.get(), events.data(), events.size());
    if (size <= 0) return;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, events.data() + at, sizeof event);
      const std::string name(event.len > 0 ? events.data() + at + sizeof event : "");
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [id, fds] : by_container_) end_removed(id);
        scan();
      } else if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
        end_removed(name);
      } else if (name == kLogSettingsFile) {
        ++settings_changes_;
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
  if (available == 0) {
    // Without writers, but in its place: whoever opens it next wakes us (edge-triggered: until then, nothing does).
    stream.waiting = 0;
    stream.hung_up = false;
    if (!attached_.idle() && writers_gone(stream.fd.get())) attached_.end(stream.fd.get());
    return stream.removed ? Outcome::Ended : Outcome::Drained;
  }
  if (available == stream.waiting && !stream.hung_up && !stream.removed) return Outcome::Drained;

  const auto have = peek(stream, available);
  if (!have) {
    return have.error().code() == ErrorCode::Unavailable ? Outcome::Drained : not_stored(stream, have.error());
  }
  if (!attached_.idle()) attached_.show(stream.fd.get(), {buffer_.data(), *have});
  // Asked after looking: when there is no writer now, nobody is in the middle of the line that we saw.
  if (stream.hung_up && !writers_gone(stream.fd.get())) stream.hung_up = false;
  // tee(2) gives at most what fits 16 pipe buffers: "all of it" must be known before a last line is stored unfinished.
  const auto all = *have == available;
  const std::string_view bytes(buffer_.data(), *have);
  auto split = split_lines(bytes, (stream.hung_up || stream.removed) && all);
  if (split.consumed == 0 && all) {
    stream.waiting = available;
    return Outcome::Drained;
  }
  if (split.consumed == 0) {
    split = {.lines = {{.text = bytes, .partial = true, .end = bytes.size()}},
             .consumed = bytes.size()};  // 16 tiny buffers: see the others.
  }
  end_terminal_lines(stream, split.lines);
  auto& account = account_of(stream.source);
  std::uint64_t cost = 0;
  const auto written = split.lines.size();
  const auto lines = within_limit(account, std::move(split.lines), cost);
  if (!lines.empty()) {
    const WallTime now = std::chrono::system_clock::now();
    mark_.begin(stream.directory, stream.is_stderr, now, bytes.substr(0, split.consumed), lines.size());
    if (auto done = sink_.write(stream.source, stream.is_stderr, now, lines); !done) {
      // What was stored is over and done with; the limit lets the first lines of a batch through, so none is between.
      const auto stored = std::min(mark_.stored(), lines.size());
      for (std::size_t i = 0; i < stored; ++i) cost -= std::min(cost, LineBudget::cost(lines[i].text.size()));
      account.budget.give_back(cost);
      if (stored > 0 && !consume(stream, lines[stored - 1].end)) return Outcome::Ended;
      mark_.end();
      counters_.lines += stored;
      return not_stored(stream, done.error());
    }
  }
  stored(stream, account, written - lines.size());
  // Stored: now they may leave the FIFO.
  if (!consume(stream, split.consumed)) return Outcome::Ended;
  mark_.end();
  counters_.lines += lines.size();
  counters_.bytes += split.consumed;
  return Outcome::More;
}

void FifoCollector::end_terminal_lines(const Stream& stream, std::vector<LinePiece>& lines) {
  if (!stream.terminal) return;
  for (auto& line : lines) {
    if (!line.partial && line.text.ends_with('\r')) line.text.remove_suffix(1);
  }
}

/// Takes the first `bytes` of the FIFO, which are in the buffer, away; the last one in such a way that it is known.
bool FifoCollector::consume(Stream& stream, std::size_t bytes) {
  auto* const last = mark_.leaving({buffer_.data(), bytes});
  for (auto left = bytes; left > 0;) {
    const std::array<iovec, 2> into{iovec{.iov_base = buffer_.data(), .iov_len = left - 1},
                                    iovec{.iov_base = last, .iov_len = 1}};
    const auto got = ::readv(stream.fd.get(), into.data(), static_cast<int>(into.size()));
    if (got <= 0) return false;
    left -= static_cast<std::size_t>(got);
  }
  if (!attached_.idle()) attached_.consumed(stream.fd.get(), bytes);
  stream.waiting = 0;
  return true;
}

FifoCollector::Account& FifoCollector::account_of(const LogSource& source) {
  auto& account = accounts_.try_emplace({source.pod_uid, source.container}, options_.limit).first->second;
  if (account.source.container_id != source.container_id) account.source = source;
  return account;
}

/// Those of `lines` that may be stored, and what was taken from the budget for them.
std::vector<LinePiece> FifoCollector::within_limit(Account& account, std::vector<LinePiece> lines,
                                                   std::uint64_t& cost) const {
  if (options_.limit.lines == 0) return lines;
  const auto now = steady_clock::now();
  std::erase_if(lines, [&](const auto& line) {
    const auto price = LineBudget::cost(line.text.size());
    const auto taken = account.budget.take(now, price);
    if (taken) cost += price;
    return !taken;
  });
  return lines;
}

/// Who has to wait: everybody when the sink is away, else only this stream.
FifoCollector::Outcome FifoCollector::not_stored(Stream& stream, const Error& error) {
  ++counters_.sink_errors;
  const auto for_all = error.code() == ErrorCode::Unavailable;
  const auto full = error.code() == ErrorCode::ResourceExhausted;
  if (for_all) {
    blocked_until_ = steady_clock::now() + options_.sink_retry;
  } else if (full) {
    stream.failures = 1;  // Room may come at any time: no longer wait each time, and what is left is not given up.
  } else if (++stream.failures >= kGiveUpAfter && stream.removed) {
    log(LogLevel::Error, "last log lines not stored, giving up",
        {{"container", stream.source.container_id}, {"error", error.message()}});
    return Outcome::Ended;
  }
  auto& account = account_of(stream.source);
  const auto now = steady_clock::now();
  if (!account.since) {
    account.since = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    account.failing_from = now;
    log(LogLevel::Warning, "log lines not stored, trying again",
        {{"pod", stream.source.ns + "/" + stream.source.pod},
         {"container", stream.source.container},
         {"error", error.message()}});
  }
  account.error = error.message();
  if (!account.told && now - account.failing_from >= options_.tell_after) {
    account.told = true;
    ++health_changes_;
  }
  return for_all ? Outcome::AllWait : Outcome::StreamWaits;
}

/// A batch is in the sink, but for the lines that were over the limit.
void FifoCollector::stored(Stream& stream, Account& account, std::size_t dropped) {
  stream.failures = 0;
  if (account.since) {
    log(LogLevel::Info, "log lines are stored again",
        {{"pod", stream.source.ns + "/" + stream.source.pod}, {"container", stream.source.container}});
    if (account.told) ++health_changes_;
    account.since.reset();
    account.error.clear();
    account.told = false;
  }
  if (dropped == 0) return;
  const auto now = steady_clock::now();
  if (account.unsaid == 0) account.say_at = now + options_.limit.period;
  if (!next_say_ || account.say_at < *next_say_) next_say_ = account.say_at;
  account.dropped += dropped;
  account.unsaid += dropped;
  ++health_changes_;
}

/// A line in the container's own log. False: it could not be stored now.
bool FifoCollector::say_dropped(Account& account) {
  if (account.unsaid == 0) return true;
  const auto text =
      fmt::format("berth: {} lines of this container were not stored: the limit is {} lines in {} s, see berth-logd(8)",
                  account.unsaid, options_.limit.lines, options_.limit.period.count());
  const auto done = sink_.write(account.source, /*is_stderr=*/true, std::chrono::system_clock::now(), {{.text = text}});
  if (!done) return false;
  log(LogLevel::Warning, "lines of a container were over the limit and not stored",
      {{"pod", account.source.ns + "/" + account.source.pod},
       {"container", account.source.container},
       {"lines", std::to_string(account.unsaid)}});
  account.unsaid = 0;
  return true;
}

void FifoCollector::say_what_is_due() {
  const auto now = steady_clock::now();
  if (!next_say_ || now < *next_say_) return;
  next_say_.reset();
  for (auto& [name, account] : accounts_) {
    if (account.unsaid == 0) continue;
    if (account.say_at <= now && !say_dropped(account)) account.say_at = now + options_.sink_retry;
    if (account.unsaid > 0 && (!next_say_ || account.say_at < *next_say_)) next_say_ = account.say_at;
  }
}

LogHealth FifoCollector::health() const {
  LogHealth out{.lines = counters_.lines, .bytes = counters_.bytes, .troubles = {}};
  for (const auto& [name, account] : accounts_) {
    if (account.dropped == 0 && !account.told) continue;
    out.troubles.push_back({.ns = account.source.ns,
                            .pod = account.source.pod,
                            .pod_uid = account.source.pod_uid,
                            .container = account.source.container,
                            .dropped = account.dropped,
                            .error = account.told ? account.error : std::string(),
                            .since = account.told ? account.since : std::nullopt});
  }
  return out;
}

std::chrono::milliseconds FifoCollector::time_to_wait(std::chrono::milliseconds timeout) const {
  if (next_say_) timeout = std::min(timeout, until(*next_say_));
  if (const auto blocked = until(blocked_until_); blocked.count() > 0) return std::min(timeout, blocked);
  if (!ready_.empty()) return std::chrono::milliseconds(0);
  return later_.empty() ? timeout : std::min(timeout, until(later_.begin()->first));
}

Result<bool> FifoCollector::turn(std::chrono::milliseconds timeout) {
  const auto wait = time_to_wait(timeout);
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
    if (attached_.handle(event.data.fd, event.events)) continue;
    const auto found = streams_.find(event.data.fd);
    if (found == streams_.end()) continue;  // The wake descriptor: whoever gave it to us looks at it.
    if ((event.events & (EPOLLHUP | EPOLLERR)) != 0) found->second.hung_up = true;
    queue(found->second);
  }
  if (steady_clock::now() >= next_clean_up_) clean_up();
  say_what_is_due();
  release_due();
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
      case Outcome::AllWait: queue(stream); return true;
      case Outcome::StreamWaits:
        stream.queued = true;
        later_.emplace(steady_clock::now() + options_.sink_retry * (1U << std::min(stream.failures - 1, kMaxDoublings)),
                       fd);
        break;
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
  std::erase_if(accounts_, [&](const auto& each) {
    return std::find(live.begin(), live.end(), each.first.first) == live.end() && each.second.unsaid == 0;
  });
}

}  // namespace

Result<std::unique_ptr<Collector>> make_collector(const fs::path& directory, LogSink& sink,
                                                  const CollectorOptions& options) {
  auto collector = std::make_unique<FifoCollector>(directory, sink, options);
  if (auto opened = collector->open(); !opened) return std::move(opened).error();
  return std::unique_ptr<Collector>(std::move(collector));
}

}  // namespace berth::runtime
