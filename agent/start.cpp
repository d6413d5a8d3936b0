// agent/start.cpp - see start.hpp.
#include "agent/start.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "systemd/notify.hpp"

namespace berth::agent {
namespace {

// More than the store writes when it is opened.
constexpr std::size_t kRoom = std::size_t{256} * 1024;
constexpr std::chrono::seconds kLookAgain{1};
// How long systemd waits for our next word. A try checks the whole store, which takes a while on a slow disk.
constexpr std::chrono::minutes kPatience{2};

bool is_full(int error) { return error == ENOSPC || error == EDQUOT; }

std::optional<std::filesystem::path> full_disk(const Config& config) {
  for (const auto& directory : {config.state_dir, config.run_dir}) {
    if (disk_is_full(directory)) return directory;
  }
  return std::nullopt;
}

/// SIGTERM and SIGINT, kept for wait() as long as this lives. What came is answered before this ends.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Did one come within `time`? Returns at once when it does.
  bool wait(std::chrono::seconds time) const {
    const timespec most{.tv_sec = time.count(), .tv_nsec = 0};
    return sigtimedwait(&signals_, nullptr, &most) > 0;
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

/// Until there is room. False: we shall stop.
bool wait_for_room(const Config& config, const std::string& what_failed) {
  const StopSignals signals;
  std::filesystem::path said;
  for (auto full = full_disk(config); full; full = full_disk(config)) {
    const auto status = fmt::format("waiting for room on the disk of {}: pods run on", full->native());
    if (said != *full) {
      said = *full;
      log(LogLevel::Error, "cannot start yet, the disk is full, pods run on",
          {{"directory", full->native()}, {"error", what_failed}});
    }
    systemd::notify_starting(status, kPatience);
    if (signals.wait(kLookAgain)) return false;
  }
  return true;
}

}  // namespace

bool disk_is_full(const std::filesystem::path& directory) {
  auto name = (directory / ".room.XXXXXX").native();
  const UniqueFd file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) return is_full(errno);
  ::unlink(name.c_str());
  static constexpr std::array<char, kRoom> kNothing{};
  for (std::size_t written = 0; written < kRoom;) {
    const auto now = ::write(file.get(), kNothing.data(), kRoom - written);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return is_full(errno);
    written += static_cast<std::size_t>(now);
  }
  // Some file systems find out only when it has to be there.
  return ::fsync(file.get()) != 0 && is_full(errno);
}

Result<std::unique_ptr<Agent>> start_agent(const Config& config, const KeptSockets& kept) {
  for (;;) {
    auto agent = make_agent(config, kept);
    // Only then: too many open files, or too little memory, do not get better while we hold on to them.
    if (agent || !full_disk(config)) return agent;
    if (!wait_for_room(config, agent.error().message())) {
      return Error(ErrorCode::Cancelled, "told to stop while the disk was full");
    }
    log(LogLevel::Info, "there is room on the disk again");
    systemd::notify_starting("starting", kPatience);
  }
}

}  // namespace berth::agent
