// systemd/host_state.hpp - front door: does systemd take the host down?
#pragma once

#include <string>

namespace berth::systemd {

/// Was the host booted with systemd? See sd_booted(3).
bool is_booted();

/// Is the whole system being stopped (poweroff, reboot, halt, kexec), and not only this unit? Asks systemd by its own
/// program, which as root needs neither a message bus nor logind. Blocks, for 5 s at most: call it on a lane. When
/// nobody answers: no, as stopping is all that a restart of ours ever asks for.
bool host_goes_down(const std::string& systemctl = "systemctl");

}  // namespace berth::systemd
