// runtime/logs/logd_main.cpp - berth-logd: one small process that stores the output of every container.
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "runtime/log_settings.hpp"
#include "runtime/logs/collector.hpp"

namespace {

volatile sig_atomic_t stopping = 0;
int wake_fd = -1;

/// A flag alone could be set just before a wait begins and be seen when that ends; the descriptor ends it. Not blocked
/// with signalfd(2), so that a send to a journald that hangs is interrupted, too.
void on_signal(int) {
  stopping = 1;
  const auto saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd, &one, sizeof one);
  errno = saved;
}

/// The protocol of sd_notify(3): one datagram. libsystemd would be a fifth of this process.
void notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto size = std::strlen(path);
  if (size == 0 || size >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
  const berth::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  [[maybe_unused]] const auto sent =
      ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
}

struct Options {
  std::filesystem::path run_dir = "/run/berth";
  std::filesystem::path state_dir = "/var/lib/berth";
  std::string_view sink = "auto";
  berth::runtime::LineLimit journal{.lines = 300'000, .period = std::chrono::seconds(30)};
};

constexpr const char* kUsage =
    "usage: berth-logd [--run-dir DIR] [--state-dir DIR] [--sink auto|journal|files] [--journal-lines N]\n"
    "\n"
    "Reads the output of all containers from DIR/io and stores it: in the journal when journald\n"
    "runs here, and in size-rotated files where berthd.yaml says (logs.directory).\n"
    "  --run-dir DIR    default /run/berth\n"
    "  --state-dir DIR  default /var/lib/berth\n"
    "  --sink WHICH     default auto\n"
    "  --journal-lines N  of one container to the journal in 30 s; default 300000, 0: no limit\n";

/// By hand: an option library would be a third of this process.
bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view key = argv[i];
    const std::string_view value = argv[i + 1];
    if (key == "--run-dir") {
      options.run_dir = value;
    } else if (key == "--state-dir") {
      options.state_dir = value;
    } else if (key == "--sink" && (value == "auto" || value == "journal" || value == "files")) {
      options.sink = value;
    } else if (key == "--journal-lines") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), options.journal.lines);
      if (error != std::errc() || end != value.data() + value.size()) return false;
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

/// Keeps the file with what is not stored true: soon after a change, and its sums now and then.
class HealthFile {
 public:
  explicit HealthFile(std::filesystem::path path) : path_(std::move(path)) {}

  void keep(const berth::runtime::Collector& collector, const berth::runtime::CopyingSink* files) {
    constexpr std::chrono::seconds kSoon{1};
    constexpr std::chrono::seconds kNowAndThen{10};
    const auto changes = all_changes(collector, files);
    const auto lines = collector.counters().lines;
    const auto passed = std::chrono::steady_clock::now() - written_;
    const auto due = (changes != changes_ && passed >= kSoon) || (lines != lines_ && passed >= kNowAndThen);
    if (begun_ && !due) return;
    begun_ = true;
    written_ = std::chrono::steady_clock::now();
    auto health = collector.health();
    if (files != nullptr) health.files = files->trouble();
    if (auto done = berth::write_file(path_, encode_log_health(health)); !done) return;  // Again later.
    changes_ = changes;
    lines_ = lines;
  }

  /// Something is to be written that had to wait.
  bool pending(const berth::runtime::Collector& collector, const berth::runtime::CopyingSink* files) const {
    return all_changes(collector, files) != changes_;
  }

 private:
  static std::uint64_t all_changes(const berth::runtime::Collector& collector,
                                   const berth::runtime::CopyingSink* files) {
    return collector.health_changes() + (files != nullptr ? files->trouble_changes() : 0);
  }

  std::filesystem::path path_;
  std::chrono::steady_clock::time_point written_{};
  std::uint64_t changes_ = 0;
  std::uint64_t lines_ = 0;
  bool begun_ = false;
};

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

/// Where lines go, by the settings of the moment.
struct Sinks {
  std::unique_ptr<berth::runtime::LogSink> sink;
  const berth::runtime::CopyingSink* files = nullptr;  ///< The same, when it is two.
  std::string into;
};

Sinks make_sinks(const Options& options, const berth::runtime::LogSettings& settings, bool journal,
                 berth::runtime::BatchMark& mark) {
  using namespace berth::runtime;
  const auto directory = log_directory(settings, options.state_dir);
  FileSinkOptions making{.links = settings.links, .owner = options.state_dir, .beside = journal, .mark = &mark};
  if (settings.directory.empty()) making = {.beside = journal, .mark = &mark};
  if (!journal) {
    if (!settings.directory.empty()) {
      if (auto moved = move_log_folders(options.state_dir / "logs", directory, options.state_dir); !moved) {
        berth::log(berth::LogLevel::Warning, "log files of an earlier berth stay where they were, ignoring",
                   {{"error", moved.error().message()}});
      }
    }
    return {.sink = make_file_sink(directory, {}, making), .into = directory};
  }
  auto first = make_journal_sink(kJournalSocket, &mark);
  if (settings.directory.empty()) return {.sink = std::move(first), .into = "journal"};
  auto both = make_copying_sink(std::move(first), make_file_sink(directory, {}, making), {.mark = &mark});
  const auto* files = both.get();
  return {.sink = std::move(both), .files = files, .into = "journal, " + directory.string()};
}

/// Until we are told to end (true), or the settings are others.
berth::Result<bool> collect(const Options& options, const berth::runtime::LogSettings& settings,
                            berth::runtime::BatchMark& mark, bool first) {
  using namespace berth;
  const auto journal = options.sink == "journal" || (options.sink == "auto" && ::access(kJournalSocket, F_OK) == 0);
  const auto sinks = make_sinks(options, settings, journal, mark);
  auto collector = runtime::make_collector(options.run_dir / "io", *sinks.sink,
                                           {.wake_fd = wake_fd,
                                            .attach_socket = options.run_dir / "attach.sock",
                                            .limit = journal ? options.journal : runtime::LineLimit{},
                                            .mark = &mark});
  if (!collector) return std::move(collector).error().context("cannot start");
  log(LogLevel::Info, "collecting", {{"from", (options.run_dir / "io").string()}, {"into", sinks.into}});
  if (first) notify("READY=1");

  // Half the watchdog's time or less.
  constexpr std::chrono::milliseconds kIdle{10'000};
  constexpr std::chrono::milliseconds kSoon{1000};
  HealthFile health(runtime::log_health_path(options.run_dir));
  // What was written before the collector began to watch is seen here; what comes later, by it.
  auto look = true;
  std::uint64_t seen = 0;
  while (stopping == 0) {
    if (look && runtime::read_log_settings(options.run_dir) != settings) return false;
    health.keep(**collector, sinks.files);
    if (auto turned = (*collector)->turn(health.pending(**collector, sinks.files) ? kSoon : kIdle); !turned) {
      return std::move(turned).error().context("stopped");
    }
    const auto changes = (*collector)->settings_changes();
    look = changes != seen;
    seen = changes;
    notify("WATCHDOG=1");
  }
  return true;
}

/// In memory alone when it cannot be shared: then a kill may have a batch stored twice.
berth::runtime::BatchMark open_mark(const Options& options) {
  using namespace berth;
  const auto file = options.run_dir / "io" / ".batch";
  if (auto made = make_directories(file.parent_path(), 0711); made) {
    auto mark = runtime::BatchMark::open(file);
    if (mark) return *std::move(mark);
    log(LogLevel::Warning, "lines may be stored twice after a kill", {{"error", mark.error().message()}});
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace berth;
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts("berth-logd " BERTH_VERSION);
    return 0;
  }
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, argc == 2 && std::string_view(argv[1]) == "--help" ? stdout : stderr);
    return argc == 2 && std::string_view(argv[1]) == "--help" ? 0 : 2;
  }
  const UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) {
    log(LogLevel::Error, "cannot start", {{"error", Error::from_errno(errno, "eventfd").message()}});
    return 1;
  }
  wake_fd = wake.get();
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);

  auto mark = open_mark(options);
  for (auto first = true;; first = false) {
    const auto ended = collect(options, runtime::read_log_settings(options.run_dir), mark, first);
    if (!ended) {
      log(LogLevel::Error, "cannot go on", {{"error", ended.error().message()}});
      return 1;
    }
    if (*ended) break;
  }
  notify("STOPPING=1");
  return 0;
}
