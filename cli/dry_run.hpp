// cli/dry_run.hpp - --dry-run: who works out what would happen, and how it is said.
#pragma once

#include <string>
#include <string_view>

#include "cli/flags.hpp"

namespace berth::cli {

enum class DryRun {
  None,    ///< It happens.
  Client,  ///< Nothing is asked of the agent that would change something.
  Server,  ///< The agent does all but storing.
};

/// Binds --dry-run; any other word than none, client and server is refused: what was to be tried must not happen.
void add_dry_run_flag(Flags& flags, DryRun& into,
                      std::string help = "none, client or server: only say what would be done");

/// What follows a sentence: "", " (dry run)", " (server dry run)".
std::string_view dry_run_suffix(DryRun dry_run);

/// The query of a write: "?dryRun=All" or nothing.
const char* dry_run_query(DryRun dry_run);

}  // namespace berth::cli
