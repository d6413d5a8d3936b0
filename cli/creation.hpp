// cli/creation.hpp - how commands that make one object of their flags end: it is created, and said or shown.
#pragma once

#include <string>
#include <string_view>

#include "cli/dry_run.hpp"
#include "cli/server.hpp"

namespace berth::cli {

struct Creation {
  std::string output;  ///< "yaml", "json" or empty.
  DryRun dry_run = DryRun::None;
};

/// Binds --dry-run and -o. `noun`: what -o shows, "the job".
void add_creation_flags(Flags& flags, Creation& creation, std::string_view noun);

/// Creates `object` in the namespace of `global` unless this is a dry run, and prints "job.batch/nightly created" (or
/// another `verb`), or the object when -o says so. The exit code; blocks.
int create(const Server& server, const Global& global, const model::KindInfo& kind, const json::value& object,
           const Creation& creation, std::string_view verb = "created");

}  // namespace berth::cli
