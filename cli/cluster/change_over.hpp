// cli/cluster/change_over.hpp - the step at which a host's agent begins to work on other objects.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "cli/cluster/host_config.hpp"
#include "cli/cluster/host_services.hpp"

namespace berth::cli {

/// Calls `holds` until it is true. False: not within `seconds`.
bool wait_until(int seconds, const std::function<bool()>& holds);

/// Does the agent answer there?
bool agent_answers(const std::filesystem::path& socket);

/// Would berthd take the configuration with `over` laid over it? InvalidArgument: what it says.
Status check_config(const HostPlaces& places, const std::filesystem::path& over);

/// Runs berthd --move-objects; what it prints goes through. InvalidArgument: names collide, which it listed.
Status move_objects(const HostPlaces& places, const std::filesystem::path& over, const std::string& where);

/// Stops the agent (pods run on), moves the objects if `move`, puts the staged drop-in in force, starts the agent and
/// waits until it answers. When the objects cannot be moved the agent is started as it was.
Status change_over(const HostPlaces& places, HostServices& services, const std::filesystem::path& socket, bool move);

}  // namespace berth::cli
