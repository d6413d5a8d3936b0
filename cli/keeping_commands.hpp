// cli/keeping_commands.hpp - the commands that take a host's state along: as a copy, back again, and for who helps.
#pragma once

#include "cli/command.hpp"

namespace berth::cli {

Command backup_command();
Command restore_command();
Command support_bundle_command();

}  // namespace berth::cli
