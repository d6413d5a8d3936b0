// systemd/notify.hpp - front door: what we tell systemd. See sd_notify(3).
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace berth::systemd {

// Without NOTIFY_SOCKET every call does nothing. Any thread.

/// We are not ready yet, and why; systemd shall wait so much longer from now on, whatever TimeoutStartSec says.
void notify_starting(const std::string& status, std::chrono::seconds patience);
void notify_ready(const std::string& status);
/// The configuration is being read again; notify_reloaded() must follow.
void notify_reloading();
void notify_reloaded();
void notify_status(const std::string& status);
void notify_stopping();
/// The same; it takes that long, whatever TimeoutStopSec says.
void notify_stopping(const std::string& status, std::chrono::seconds patience);
void notify_watchdog();

/// Half of WATCHDOG_USEC: how often to call notify_watchdog; nullopt when systemd does not watch us.
std::optional<std::chrono::milliseconds> watchdog_interval();

}  // namespace berth::systemd
