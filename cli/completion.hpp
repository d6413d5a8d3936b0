// cli/completion.hpp - words that a shell offers after `berth`: commands, flags, kinds, and names from the agent.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"

namespace berth::cli {

/// `berth __complete WORD...`: prints, one a line, what the last word may become. Asks the agent for names, half a
/// second at most, and is silent about what fails. Always 0.
int complete(Global& global, const std::vector<std::string>& line);

}  // namespace berth::cli
