// cli/dry_run.cpp - see dry_run.hpp.
#include "cli/dry_run.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace berth::cli {

namespace {

constexpr std::array<std::pair<std::string_view, DryRun>, 3> kWords{
    {{"none", DryRun::None}, {"client", DryRun::Client}, {"server", DryRun::Server}}};

}  // namespace

void add_dry_run_flag(Flags& flags, DryRun& into, std::string help) {
  auto& flag = flags.add_value("dry-run", 0, "WHERE", std::move(help), [&into](std::string_view text) -> Status {
    for (const auto& [word, meaning] : kWords) {
      if (text != word) continue;
      into = meaning;
      return Ok{};
    }
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("Invalid dry-run value ({}). Must be \"none\", \"server\", or \"client\".", text));
  });
  flag.bare = "client";
  for (const auto& [word, meaning] : kWords) flag.choices.emplace_back(word);
}

std::string_view dry_run_suffix(DryRun dry_run) {
  switch (dry_run) {
    case DryRun::None: return "";
    case DryRun::Client: return " (dry run)";
    case DryRun::Server: return " (server dry run)";
  }
  return "";
}

const char* dry_run_query(DryRun dry_run) { return dry_run == DryRun::Server ? "?dryRun=All" : ""; }

}  // namespace berth::cli
