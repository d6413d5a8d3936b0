// systemd/host_state.cpp - see host_state.hpp.
#include "systemd/host_state.hpp"

#include <systemd/sd-daemon.h>

#include "base/child.hpp"
#include "base/log.hpp"

namespace berth::systemd {

bool is_booted() { return ::sd_booted() > 0; }

bool host_goes_down(const std::string& systemctl) {
  // "stopping": a job for shutdown.target is queued or done, see systemctl(1). Any other state is a failure's exit
  // code, or not, and of no interest.
  const auto state = run_child({systemctl, "is-system-running"}, {.deadline = std::chrono::seconds(5)});
  if (state) return state->output == "stopping\n";
  log(LogLevel::Warning, "cannot ask systemd whether the host goes down: taken for a stop of the agent alone",
      {{"error", state.error().message()}});
  return false;
}

}  // namespace berth::systemd
