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
#include <string_view>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
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
    "runs here, else in size-rotated files below the state directory.\n"
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

  void keep(const berth::runtime::Collector& collector) {
    constexpr std::chrono::seconds kSoon{1};
    constexpr std::chrono::seconds kNowAndThen{10};
    const auto changes = collector.health_changes();
    const auto lines = collector.counters().lines;
    const auto passed = std::chrono::steady_clock::now() - written_;
    const auto due = (changes != changes_ && passed >= kSoon) || (lines != lines_ && passed >= kNowAndThen);
    if (begun_ && !due) return;
    begun_ = true;
    written_ = std::chrono::steady_clock::now();
    if (auto done = berth::write_file(path_, encode_log_health(collector.health())); !done) return;  // Again later.
    changes_ = changes;
    lines_ = lines;
  }

  /// Something is to be written that had to wait.
  bool pending(const berth::runtime::Collector& collector) const { return collector.health_changes() != changes_; }

 private:
  std::filesystem::path path_;
  std::chrono::steady_clock::time_point written_{};
  std::uint64_t changes_ = 0;
  std::uint64_t lines_ = 0;
  bool begun_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace berth;
  constexpr const char* kJournalSocket = "/run/systemd/journal/socket";
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

  const auto journal = options.sink == "journal" || (options.sink == "auto" && ::access(kJournalSocket, F_OK) == 0);
  const auto sink =
      journal ? runtime::make_journal_sink(kJournalSocket) : runtime::make_file_sink(options.state_dir / "logs");
  auto collector = runtime::make_collector(options.run_dir / "io", *sink,
                                           {.wake_fd = wake.get(),
                                            .attach_socket = options.run_dir / "attach.sock",
                                            .limit = journal ? options.journal : runtime::LineLimit{}});
  if (!collector) {
    log(LogLevel::Error, "cannot start", {{"error", collector.error().message()}});
    return 1;
  }
  log(LogLevel::Info, "collecting",
      {{"from", (options.run_dir / "io").string()},
       {"into", journal ? std::string("journal") : (options.state_dir / "logs").string()}});
  notify("READY=1");

  // Half the watchdog's time or less.
  constexpr std::chrono::milliseconds kIdle{10'000};
  constexpr std::chrono::milliseconds kSoon{1000};
  HealthFile health(runtime::log_health_path(options.run_dir));
  while (stopping == 0) {
    health.keep(**collector);
    if (auto turned = (*collector)->turn(health.pending(**collector) ? kSoon : kIdle); !turned) {
      log(LogLevel::Error, "stopped", {{"error", turned.error().message()}});
      return 1;
    }
    notify("WATCHDOG=1");
  }
  notify("STOPPING=1");
  return 0;
}
