// cli/cluster/host_services.hpp - starts and stops this host's agent and its member of the etcd.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "cli/cluster/host_config.hpp"

namespace berth::cli {

/// Blocking. Each may be called twice. Errors: Unavailable, with what was run and what it said; NotFound: no such
/// program. That it was started does not mean that it answers.
class HostServices {
 public:
  virtual ~HostServices() = default;
  virtual Status start_etcd() = 0;
  virtual Status stop_etcd() = 0;
  virtual Status start_agent() = 0;
  virtual Status stop_agent() = 0;
};

/// By systemctl(1) where systemd is the host's init, see sd_booted(3). Elsewhere the programs are started themselves,
/// in sessions of their own: etcd's output goes to <runDir>/etcd.log; the agent gets the command line and the output
/// that it had, else <runDir>/berthd.log. `socket`: the agent's; who listens there is the agent.
std::unique_ptr<HostServices> host_services(const HostPlaces& places, const std::filesystem::path& socket);

/// The program of that name beside this one, or where packages put it. NotFound.
Result<std::filesystem::path> beside_us(const std::string& name);

}  // namespace berth::cli
