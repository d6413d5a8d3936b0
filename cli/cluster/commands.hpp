// cli/cluster/commands.hpp - berth cluster: from one host to many, and back.
#pragma once

#include "cli/command.hpp"

namespace berth::cli {

Command cluster_init_command();
Command cluster_join_command();
Command cluster_status_command();
Command cluster_leave_command();
Command cluster_backup_command();
Command cluster_restore_command();

}  // namespace berth::cli
