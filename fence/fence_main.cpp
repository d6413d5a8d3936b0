// fence/fence_main.cpp - berth-fence: kills the pods of a host that others may count as gone, whatever its agent does.
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "fence/cgroup_stop.hpp"
#include "fence/page.hpp"
#include "fence/storage_cut.hpp"
#include "fence/verdict.hpp"

namespace {

namespace fs = std::filesystem;
using namespace berth::fence;
using berth::UniqueFd;

struct Options {
  fs::path run_dir = "/run/berth";
  bool reboot = false;
};

constexpr const char* kUsage =
    "usage: berth-fence [--run-dir DIR] [--last-resort none|reboot]\n"
    "\n"
    "Kills the fenced pods of this host when the time is over until which its agent surely held its\n"
    "session (DIR/fence.orders), and takes their volumes away. Needs no agent for that.\n"
    "  --run-dir DIR         the agent's runDir; default /run/berth\n"
    "  --last-resort WHICH   when that is not done in 3 s: reboot the host at once (sysrq b), or go\n"
    "                        on trying (none, the default)\n";

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view key = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (key == "--run-dir" && value.starts_with('/')) {
      options.run_dir = value;
    } else if (key == "--last-resort" && (value == "none" || value == "reboot")) {
      options.reboot = value == "reboot";
    } else {
      return false;
    }
  }
  return true;
}

/// One line with its level, see sd-daemon(3). A journald that hangs does not hold us.
void say(int level, const std::string& text) {
  const auto line = "<" + std::to_string(level) + ">berth-fence: " + text + "\n";
  if (::send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != ENOTSOCK) return;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}
constexpr int kError = 3;
constexpr int kWarning = 4;
constexpr int kInfo = 6;

int fail(const std::string& doing) {
  say(kError, doing + ": " + std::strerror(errno));
  return 1;
}

/// The protocol of sd_notify(3): one datagram.
void notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto size = path == nullptr ? 0 : std::strlen(path);
  if (size == 0 || size >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  [[maybe_unused]] const auto sent = ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                              reinterpret_cast<const sockaddr*>(&address), length);
}

/// What we need must be here when memory is short and every disk hangs.
void stay_in_memory() {
  constexpr int kHeap = 4 << 20;
  ::mallopt(M_MMAP_THRESHOLD, 2 * kHeap);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kHeap);
  ::free(::malloc(kHeap));
  if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    say(kWarning, std::string("memory not locked, ignoring: ") + std::strerror(errno));
  }
}

void come_first() {
  constexpr int kPriority = 50;
  sched_param priority{};
  priority.sched_priority = kPriority;
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) != 0) {
    say(kWarning, std::string("no real-time priority, ignoring: ") + std::strerror(errno));
  }
}

class Fence {
 public:
  explicit Fence(Options options) : options_(std::move(options)), cgroups_("/sys/fs/cgroup") {}

  /// False: said why.
  bool open() {
    const auto orders = orders_file(options_.run_dir);
    orders_.reset(::open(orders.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    state_.reset(::open(state_file(options_.run_dir).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!orders_ || !state_) return fail("open " + options_.run_dir.native() + "/fence.*") == 0;
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(state_.get(), F_SETLK, &lock) != 0) return fail("lock " + state_file(options_.run_dir).native()) == 0;
    struct stat size {};
    if (::fstat(orders_.get(), &size) != 0) return fail("look at " + orders.native()) == 0;
    if (size.st_size < static_cast<off_t>(sizeof(Page)) && ::ftruncate(orders_.get(), sizeof(Page)) != 0) {
      return fail("make room in " + orders.native()) == 0;
    }
    void* mapped = ::mmap(nullptr, sizeof(Page), PROT_READ, MAP_SHARED, orders_.get(), 0);
    if (mapped == MAP_FAILED) return fail("map " + orders.native()) == 0;
    page_ = static_cast<const Page*>(mapped);
    changes_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (::inotify_add_watch(changes_.get(), orders.c_str(), IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) <
        0) {
      return fail("watch " + orders.native()) == 0;
    }
    timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!timer_) return fail("make a timer") == 0;
    State before{};
    if (::pread(state_.get(), &before, sizeof before, 0) == static_cast<ssize_t>(sizeof before)) {
      if (const auto known = read_state(before)) fired_ = known->fired;
    }
    return true;
  }

  /// What a berth-fence before us left down stays so.
  void adopt() {
    read();
    for (const auto& pod : last_.pods) {
      if (cgroups_.is_down(pod.cgroup)) down_.emplace(pod.uid, pod);
    }
  }

  /// Everything that is due; then the timer is set.
  void look() {
    read();
    const auto now = berth::boot_time();
    const auto verdict = judge(last_, down_, now);
    for (const auto& pod : verdict.release) {
      cgroups_.release(pod.cgroup);
      down_.erase(pod.uid);
      say(kInfo, "pod " + pod.uid + " may run again, or is gone");
    }
    if (verdict.past && !last_.pods.empty() && fired_ != last_.generation) {
      fired_ = last_.generation;
      say(kWarning, "the session's time is over: killing " + std::to_string(last_.pods.size()) + " fenced pods");
    }
    bool done = true;
    for (const auto& pod : verdict.down) {
      const auto empty = cgroups_.take_down(pod.cgroup);
      if (!down_.contains(pod.uid)) say(kWarning, "pod " + pod.uid + (empty ? " is killed" : " does not die yet"));
      down_[pod.uid] = pod;
      done = empty && done;
    }
    done = cut_storage(verdict.down) && done;
    answer();
    if (verdict.past && !verdict.down.empty()) last_resort(done, now);
    set_timer(verdict.look_at);
  }

  /// Waits for what look() waits for. False: told to end, or the page is not there any more.
  bool wait(int signals) {
    std::array<pollfd, 3> all{pollfd{timer_.get(), POLLIN, 0}, {changes_.get(), POLLIN, 0}, {signals, POLLIN, 0}};
    if (::poll(all.data(), all.size(), -1) < 0 && errno != EINTR) return false;
    std::uint64_t times = 0;
    [[maybe_unused]] const auto got = ::read(timer_.get(), &times, sizeof times);
    alignas(inotify_event) std::array<char, 4096> events;
    while (::read(changes_.get(), events.data(), events.size()) > 0) {
    }
    struct stat there {};
    if (::fstat(orders_.get(), &there) != 0 || there.st_nlink == 0) {
      say(kError, "somebody removed " + orders_file(options_.run_dir).native());
      return false;
    }
    return (all[2].revents & POLLIN) == 0;
  }

 private:
  /// The newest orders that are whole. One that is being written is waited for, a moment: its agent may be stopped.
  void read() {
    constexpr int kTries = 20;
    for (int i = 0; i < kTries; ++i) {
      Page copy;
      std::memcpy(&copy, page_, sizeof copy);
      auto reading = read_page(copy, berth::boot_time());
      // What is older than what we have is what a torn one left.
      if (reading.orders && reading.orders->generation >= last_.generation) last_ = *std::move(reading.orders);
      if (!reading.torn) return;
      const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
      ::nanosleep(&moment, nullptr);
    }
  }

  void answer() {
    const auto state = make_state(last_.generation, fired_);
    if (::pwrite(state_.get(), &state, sizeof state, 0) != static_cast<ssize_t>(sizeof state)) {
      say(kError, std::string("write fence.state: ") + std::strerror(errno));
    }
  }

  /// In a child, one at a time: an unmount may wait for a server. True: there is nothing left to cut.
  bool cut_storage(const std::vector<FencedPod>& pods) {
    if (cutting_ > 0 && ::waitpid(cutting_, nullptr, WNOHANG) == 0) return false;
    cutting_ = 0;
    std::vector<Cut> cuts;
    for (const auto& pod : pods) {
      auto cut = look_at(pod);
      if (!cut.empty()) cuts.push_back(std::move(cut));
    }
    if (cuts.empty()) return true;
    cutting_ = ::fork();
    if (cutting_ == 0) {
      for (const auto& cut : cuts) make_cut(cut, "/sys");
      ::_exit(0);
    }
    return false;
  }
  /// Devices that were deleted are links to nothing by now, and not seen any more.
  Cut look_at(const FencedPod& pod) const {
    auto cut = berth::fence::look(options_.run_dir, pod.uid);
    std::error_code error;
    std::erase_if(cut.devices, [&](const std::string& device) {
      return iscsi_disk(fs::canonical("/sys/dev/block/" + device, error)).empty();
    });
    return cut;
  }

  void last_resort(bool done, berth::BootTime now) {
    if (done) {
      if (!std::exchange(all_down_, true)) say(kInfo, "all fenced pods are down, and have no storage here");
      return;
    }
    all_down_ = false;
    if (now < last_.deadline + kTimeToKill || std::exchange(gave_up_, last_.generation) == last_.generation) return;
    say(kError, options_.reboot ? "not all pods are down in time: rebooting" : "not all pods are down in time");
    if (!options_.reboot) return;
    // https://docs.kernel.org/admin-guide/sysrq.html: at once, nothing is written to disks.
    const UniqueFd trigger(::open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));
    if (!trigger || ::write(trigger.get(), "b", 1) != 1) fail("reboot by /proc/sysrq-trigger");
  }

  void set_timer(std::optional<berth::BootTime> at) {
    itimerspec when{};
    if (at) {
      const auto seconds = std::chrono::floor<std::chrono::seconds>(std::max(*at, berth::BootTime(1)));
      when.it_value.tv_sec = seconds.count();
      when.it_value.tv_nsec = (std::max(*at, berth::BootTime(1)) - seconds).count();
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
  }

  const Options options_;
  const CgroupStop cgroups_;
  UniqueFd orders_;
  UniqueFd state_;
  UniqueFd changes_;
  UniqueFd timer_;
  const Page* page_ = nullptr;
  Orders last_;
  Down down_;
  std::uint64_t fired_ = 0;
  std::uint64_t gave_up_ = 0;
  bool all_down_ = false;
  pid_t cutting_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts("berth-fence " BERTH_VERSION);
    return 0;
  }
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  const UniqueFd signals(::signalfd(-1, &ends, SFD_CLOEXEC));
  Fence fence(options);
  if (!signals || !fence.open()) return 1;
  stay_in_memory();
  come_first();
  fence.adopt();
  fence.look();
  notify("READY=1");
  while (fence.wait(signals.get())) fence.look();
  notify("STOPPING=1");
  return 0;
}
