// agent/config_change.hpp - what differs between the configuration that runs and the one that was read again.
#pragma once

#include <string>
#include <vector>

#include "agent/config.hpp"

namespace berth::agent {

struct ConfigChange {
  std::vector<std::string> live;     ///< Keys that take effect now, see take_live().
  std::vector<std::string> restart;  ///< Keys that take effect when berthd is started again.
};

/// Keys as in berthd.yaml, in its order. Pure.
ConfigChange compare(const Config& running, const Config& wanted);

/// Sets in `running` what can change while we run.
void take_live(Config& running, const Config& wanted);

}  // namespace berth::agent
