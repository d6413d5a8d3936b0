// systemd/notify.cpp - see notify.hpp.
#include "systemd/notify.hpp"

#include <ctime>

#include <systemd/sd-daemon.h>

namespace berth::systemd {
namespace {

void send(const std::string& message) { ::sd_notify(/*unset_environment=*/0, message.c_str()); }

/// One line: a newline would begin another assignment.
std::string one_line(std::string text) {
  for (auto& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

}  // namespace

void notify_starting(const std::string& status, std::chrono::seconds patience) {
  const auto usec = std::chrono::microseconds(patience).count();
  send("STATUS=" + one_line(status) + "\nEXTEND_TIMEOUT_USEC=" + std::to_string(usec));
}
void notify_ready(const std::string& status) { send("READY=1\nSTATUS=" + one_line(status)); }
void notify_reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::seconds(now.tv_sec) +
                                                                          std::chrono::nanoseconds(now.tv_nsec));
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec.count()));
}
void notify_reloaded() { send("READY=1"); }
void notify_status(const std::string& status) { send("STATUS=" + one_line(status)); }
void notify_stopping() { send("STOPPING=1"); }
void notify_stopping(const std::string& status, std::chrono::seconds patience) {
  const auto usec = std::chrono::microseconds(patience).count();
  send("STOPPING=1\nSTATUS=" + one_line(status) + "\nEXTEND_TIMEOUT_USEC=" + std::to_string(usec));
}
void notify_watchdog() { send("WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> watchdog_interval() {
  std::uint64_t usec = 0;
  if (::sd_watchdog_enabled(/*unset_environment=*/0, &usec) <= 0 || usec == 0) return std::nullopt;
  return std::chrono::milliseconds(usec / 2000);
}

}  // namespace berth::systemd
