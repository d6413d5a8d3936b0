// volumes/job_runner.cpp - see job_runner.hpp. State is guarded by one mutex; callbacks run without it.
#include "volumes/job_runner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/child_process.hpp"
#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/log.hpp"

namespace berth::volumes {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxLine = 1024 * 1024;
constexpr std::size_t kMaxNoise = 1024;
/// How often a job that stays slow is told about again.
constexpr seconds kNoticeAgain{15};
/// No step of ours may claim more: a whole disk is wiped in a day.
constexpr seconds kLongestStep{86'400};

SteadyTime now() { return std::chrono::steady_clock::now(); }

/// The job's text as a file to read from: a pipe might be full, a command line is for everybody to see.
Result<UniqueFd> as_stdin(const json::object& document) {
  UniqueFd file(::memfd_create("berth-volume-job", MFD_CLOEXEC));
  if (!file) return Error::from_errno(errno, "make a memory file");
  const auto text = json::serialize(document);
  std::size_t written = 0;
  while (written < text.size()) {
    const auto put = ::write(file.get(), text.data() + written, text.size() - written);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return Error::from_errno(errno, "write the job");
    written += static_cast<std::size_t>(put);
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

/// The code of that name, as the child writes it.
ErrorCode error_code_of(std::string_view name) {
  for (auto number = static_cast<int>(ErrorCode::Cancelled); number <= static_cast<int>(ErrorCode::Unauthenticated);
       ++number) {
    if (to_string(static_cast<ErrorCode>(number)) == name) return static_cast<ErrorCode>(number);
  }
  return ErrorCode::Unknown;
}

}  // namespace

class JobRunner::Impl {
 public:
  Impl(std::filesystem::path program, JobLimits limits)
      : program_(std::move(program)), limits_(limits), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
  }

  bool start(VolumeJob job, Done done, Notice notice) {
    const auto name = job.name;
    {
      const std::lock_guard lock(mutex_);
      if (find(job.id) != nullptr) return false;
      if (entries_.size() < limits_.queued) {
        append(std::move(job), std::move(done), std::move(notice));
        wake();
        return true;
      }
    }
    done(Error(ErrorCode::ResourceExhausted, fmt::format("{}: {} jobs are waiting", name, limits_.queued)));
    return true;
  }

  void cancel(const std::string& id) {
    {
      const std::lock_guard lock(mutex_);
      auto* entry = find(id);
      if (entry == nullptr) return;
      entry->cancelled = true;
    }
    wake();
  }

  bool busy(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    return find(id) != nullptr;
  }

  bool hangs(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto* entry = find(id);
    return entry != nullptr && entry->stuck;
  }

  std::string waits_for(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto* entry = find(id);
    return entry == nullptr ? std::string() : describe(*entry);
  }

 private:
  struct Entry {
    VolumeJob job;
    Done done;
    Notice notice;
    SteadyTime since{};      ///< Queued.
    SteadyTime deadline{};   ///< Of its step; once killed: by when it must be gone.
    SteadyTime notice_at{};  ///< Tell then.
    std::optional<ChildProcess> child;
    bool cancelled = false;
    bool killed = false;
    bool stuck = false;  ///< SIGKILL did not end it; `done` has been called.
    std::string doing;
    std::string line;   ///< What of a line has come so far.
    std::string noise;  ///< What was no line of ours: the reason, when there is no answer.
    std::optional<Result<json::object>> answer;
  };
  using Entries = std::list<Entry>;

  void append(VolumeJob job, Done done, Notice notice) {
    auto& entry = entries_.emplace_back();
    entry.job = std::move(job);
    entry.done = std::move(done);
    entry.notice = std::move(notice);
    entry.since = now();
    entry.notice_at = entry.since + limits_.slow;
    if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });  // Most hosts need none.
  }

  Entry* find(const std::string& id) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.job.id == id; });
    return found == entries_.end() ? nullptr : &*found;
  }
  const Entry* find(const std::string& id) const { return const_cast<Impl*>(this)->find(id); }

  void wake() const {
    const std::uint64_t one = 1;
    // Full means that it is awake already.
    [[maybe_unused]] const auto put = ::write(wake_.get(), &one, sizeof one);
  }

  std::string describe(const Entry& entry) const {
    const auto silent = silent_since_.find(entry.job.peer);
    const auto since = silent == silent_since_.end() ? entry.since : silent->second;
    const auto waited = now() - since;
    auto text = entry.doing.empty() ? fmt::format("{}: waits for {}", entry.job.name, entry.job.peer)
                                    : fmt::format("{}: {}", entry.job.name, entry.doing);
    if (waited < limits_.slow) return text;
    text = fmt::format("{}: {} silent for {} s", entry.job.name, entry.job.peer,
                       std::chrono::duration_cast<seconds>(waited).count());
    if (entry.stuck) return fmt::format("{}; process {} hangs in the kernel", text, entry.child->pid);
    return entry.doing.empty() ? text : fmt::format("{} ({})", text, entry.doing);
  }

  /// Something is to be called once the mutex is free.
  using Calls = std::vector<std::function<void()>>;

  void loop() {
    for (;;) {
      std::vector<pollfd> wait{{wake_.get(), POLLIN, 0}};
      int timeout = -1;
      {
        Calls calls;
        bool end = false;
        {
          const std::lock_guard lock(mutex_);
          end = stopping_;
          if (!end) {
            look_after(calls);
            begin_jobs(calls);
          }
        }
        for (const auto& call : calls) call();
        if (end) break;
        if (!calls.empty()) continue;  // What was called may have changed something.
        const std::lock_guard lock(mutex_);
        timeout = until_next();
        for (const auto& entry : entries_) {
          if (!entry.child) continue;
          wait.push_back({entry.child->pidfd.get(), POLLIN, 0});
          if (entry.child->output) wait.push_back({entry.child->output.get(), POLLIN, 0});
        }
      }
      ::poll(wait.data(), wait.size(), timeout);
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
    }
    const std::lock_guard lock(mutex_);
    for (const auto& entry : entries_) {
      if (entry.child) ::kill(-entry.child->pid, SIGKILL);
    }
    // Most are gone at once. What is left is reaped by init when the agent has ended.
    for (const auto& entry : entries_) {
      if (entry.child) ::waitpid(entry.child->pid, nullptr, WNOHANG);
    }
  }

  /// Milliseconds for poll(2): the next deadline or notice.
  int until_next() const {
    std::optional<SteadyTime> next;
    const auto consider = [&](SteadyTime when) { next = next ? std::min(*next, when) : when; };
    for (const auto& entry : entries_) {
      if (entry.stuck) continue;
      if (entry.child) consider(entry.deadline);
      if (entry.notice) consider(entry.notice_at);
    }
    if (!next) return -1;
    const auto left = std::chrono::ceil<milliseconds>(*next - now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, 3'600'000));
  }

  /// Reads, reaps, gives up, tells: everything about jobs that are there.
  void look_after(Calls& calls) {
    for (auto it = entries_.begin(); it != entries_.end();) {
      auto& entry = *it;
      if (entry.child) {
        const auto ended = has_ended(*entry.child);  // Asked before the last read: nothing is missed.
        read_output(entry);
        if (ended) {
          finish(entry, calls);
          it = entries_.erase(it);
          continue;
        }
        check_deadline(entry, calls);
      } else if (entry.cancelled) {
        settle(entry, Error(ErrorCode::Cancelled, entry.job.name + ": no longer wanted"), calls);
        it = entries_.erase(it);
        continue;
      }
      if (entry.notice && !entry.stuck && now() >= entry.notice_at) {
        entry.notice_at = now() + kNoticeAgain;
        calls.push_back(entry.notice);
      }
      ++it;
    }
  }

  static bool has_ended(const ChildProcess& child) {
    pollfd wait{child.pidfd.get(), POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0;
  }

  void check_deadline(Entry& entry, Calls& calls) {
    if (entry.stuck) return;
    if (!entry.killed && (entry.cancelled || now() >= entry.deadline)) {
      ::kill(-entry.child->pid, SIGKILL);
      entry.killed = true;
      entry.deadline = now() + limits_.kill_grace;
      if (!entry.cancelled) silent_since_.try_emplace(entry.job.peer, entry.since);
      return;
    }
    if (!entry.killed || now() < entry.deadline) return;
    entry.stuck = true;
    log(LogLevel::Warning, "a volume's process hangs in the kernel; left alone",
        {{"volume", entry.job.name}, {"peer", entry.job.peer}, {"pid", std::to_string(entry.child->pid)}});
    settle(entry, given_up(entry), calls);
  }

  Error given_up(const Entry& entry) const {
    if (entry.cancelled) return {ErrorCode::Cancelled, entry.job.name + ": no longer wanted"};
    return {ErrorCode::DeadlineExceeded, describe(entry)};
  }

  /// Reaps a child that has ended and tells its answer.
  void finish(Entry& entry, Calls& calls) {
    int status = 0;
    while (::waitpid(entry.child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (entry.stuck) {  // Told long ago; now its volume may be tried again.
      if (entry.notice) calls.push_back(entry.notice);
      return;
    }
    if (entry.answer) {
      silent_since_.erase(entry.job.peer);
      settle(entry, *std::move(entry.answer), calls);
      return;
    }
    if (entry.killed) return settle(entry, given_up(entry), calls);
    const auto how = WIFSIGNALED(status) ? fmt::format("was ended by signal {}", WTERMSIG(status))
                                         : fmt::format("ended with {}", WEXITSTATUS(status));
    settle(entry,
           Error(ErrorCode::Unavailable,
                 fmt::format("{}: {} {} without an answer{}{}", entry.job.name, program_.filename().string(), how,
                             entry.noise.empty() ? "" : ": ", entry.noise)),
           calls);
  }

  static void settle(Entry& entry, Result<json::object> result, Calls& calls) {
    if (!entry.done) return;
    if (!failed_with(result, ErrorCode::Cancelled)) {
      counters().volume_jobs.fetch_add(1, std::memory_order_relaxed);
      if (!result) counters().volume_job_errors.fetch_add(1, std::memory_order_relaxed);
    }
    calls.emplace_back([done = std::exchange(entry.done, nullptr), result = std::move(result)] { done(result); });
  }

  static void read_output(Entry& entry) {
    if (!entry.child->output) return;
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto got = ::read(entry.child->output.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        entry.child->output.reset();
        return;
      }
      for (const auto byte : std::string_view(buffer.data(), static_cast<std::size_t>(got))) {
        if (byte != '\n') {
          if (entry.line.size() < kMaxLine) entry.line += byte;
          continue;
        }
        read_line(entry, std::exchange(entry.line, {}));
      }
    }
  }

  static void read_line(Entry& entry, const std::string& line) {
    auto parsed = line.starts_with('{') ? parse_json(line) : Result<json::value>(json::value());
    if (!parsed || !parsed->is_object()) {
      if (entry.noise.size() < kMaxNoise) entry.noise += (entry.noise.empty() ? "" : "; ") + line.substr(0, kMaxNoise);
      return;
    }
    const auto& object = parsed->get_object();
    if (const auto* result = object.if_contains("result"); result != nullptr && result->is_object()) {
      entry.answer.emplace(result->get_object());
    } else if (object.contains("error")) {
      entry.answer.emplace(Error(error_code_of(find_string(*parsed, {"error", "code"})),
                                 std::string(find_string(*parsed, {"error", "message"}))));
    } else if (object.contains("doing")) {
      entry.doing = find_string(*parsed, {"doing"});
      const auto* given = object.if_contains("seconds");
      const auto may_take = given != nullptr && given->is_int64() ? seconds(given->get_int64()) : seconds(30);
      if (!entry.killed) entry.deadline = now() + std::clamp(may_take, seconds(1), kLongestStep);
    }
  }

  /// Starts what may start, oldest first.
  void begin_jobs(Calls& calls) {
    std::size_t running = 0;
    std::map<std::string, std::size_t> per_peer;
    std::map<std::string, bool> serial;
    for (const auto& entry : entries_) {
      if (!entry.child) continue;
      serial[entry.job.serial] = true;
      ++per_peer[entry.job.peer];
      if (!entry.stuck) ++running;  // A hanging one costs nothing but its place at its peer.
    }
    for (auto it = entries_.begin(); it != entries_.end() && running < limits_.running;) {
      auto& entry = *it;
      if (entry.child || entry.cancelled || serial[entry.job.serial] || per_peer[entry.job.peer] >= limits_.per_peer) {
        ++it;
        continue;
      }
      if (auto begun = begin(entry); !begun) {
        settle(entry, begun.error().context(entry.job.name), calls);
        it = entries_.erase(it);
        continue;
      }
      serial[entry.job.serial] = true;
      ++per_peer[entry.job.peer];
      ++running;
      ++it;
    }
  }

  Status begin(Entry& entry) const {
    const auto input = as_stdin(entry.job.document);
    if (!input) return input.error();
    auto child = start_child({program_.string()}, {.input = input->get()});
    if (!child) return child.error();
    entry.child = *std::move(child);
    entry.deadline = now() + limits_.first_step;
    entry.job.document = {};
    return Ok{};
  }

  const std::filesystem::path program_;
  const JobLimits limits_;
  const UniqueFd wake_;
  mutable std::mutex mutex_;
  Entries entries_;                                 ///< Oldest first: queued, running, hanging.
  std::map<std::string, SteadyTime> silent_since_;  ///< Peers that left a job without an answer, and none since.
  bool stopping_ = false;
  std::thread thread_;
};

JobRunner::JobRunner(std::filesystem::path program, JobLimits limits)
    : impl_(std::make_unique<Impl>(std::move(program), limits)) {}
JobRunner::~JobRunner() = default;
bool JobRunner::start(VolumeJob job, Done done, Notice notice) {
  return impl_->start(std::move(job), std::move(done), std::move(notice));
}
void JobRunner::cancel(const std::string& id) { impl_->cancel(id); }
bool JobRunner::busy(const std::string& id) const { return impl_->busy(id); }
bool JobRunner::hangs(const std::string& id) const { return impl_->hangs(id); }
std::string JobRunner::waits_for(const std::string& id) const { return impl_->waits_for(id); }

}  // namespace berth::volumes
