// cli/scale_command.cpp - berth scale: how many replicas a set should have.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/messages.hpp"
#include "cli/selection.hpp"
#include "cli/watch_until.hpp"

namespace berth::cli {

namespace {

struct ScaleOptions {
  Choice choice;
  std::optional<std::int64_t> replicas;
  std::optional<std::int64_t> current;
  std::optional<std::chrono::milliseconds> timeout;
  DryRun dry_run = DryRun::None;
};

/// With --timeout: until as many replicas are there as were asked for.
Status wait_for_replicas(const Server& server, const Chosen& object, std::int64_t replicas, const Deadline& deadline) {
  const auto is_done = [&](const json::value& set) {
    return number_at(set, {"status", "replicas"}, 0) == replicas || number_at(set, {"spec", "replicas"}, 1) != replicas;
  };
  const Waiter waiter{
      [&](const json::array& items) -> Result<bool> { return items.empty() || is_done(items[0]); },
      [&](std::string_view type, const json::value& set) -> Result<bool> { return type == "DELETED" || is_done(set); }};
  return watch_until(server, *object.kind, object.ns, {"", fmt::format("metadata.name={}", object.name)}, deadline,
                     waiter);
}

Status scale_one(const Server& server, const ScaleOptions& options, const Chosen& object) {
  const auto set = server.get(*object.kind, object.ns, object.name);
  if (!set) return set.error();
  if (!object.kind->has_scale) {
    return Error(ErrorCode::InvalidArgument, fmt::format("cannot scale {}: it has no replicas", object.display()));
  }
  json::object patch{{"spec", json::object{{"replicas", *options.replicas}}}};
  if (options.current && *options.current >= 0) {
    const auto now = number_at(*set, {"spec", "replicas"}, 1);
    if (now != *options.current) {
      return Error(ErrorCode::FailedPrecondition,
                   fmt::format("Expected replicas to be {}, was {}", *options.current, now));
    }
    // Nobody may have changed it since we looked.
    patch["metadata"] = json::object{{"resourceVersion", find_string(*set, {"metadata", "resourceVersion"})}};
  }
  if (options.dry_run == DryRun::Client) return Ok{};
  const auto path = object.path() + (patch.contains("metadata") ? "" : "/scale") + dry_run_query(options.dry_run);
  auto done = server.patch(path, kMergePatch, json::serialize(patch));
  if (!done) return done.error();
  if (options.timeout && options.timeout->count() > 0 && options.dry_run == DryRun::None) {
    return wait_for_replicas(server, object, *options.replicas, deadline_after(options.timeout));
  }
  return Ok{};
}

int scale(const Global& global, const ScaleOptions& options, const Arguments& arguments) {
  if (!options.replicas) return fail({ErrorCode::InvalidArgument, "required flag(s) \"replicas\" not set"});
  if (*options.replicas < 0) {
    return fail({ErrorCode::InvalidArgument,
                 "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"});
  }
  auto choice = options.choice;
  choice.words = arguments.words;
  const Server server(global);
  const auto chosen = choose(server, global, choice);
  if (!chosen) return fail(chosen.error());
  if (chosen->empty()) return fail({ErrorCode::InvalidArgument, "no objects passed to scale"});
  int code = 0;
  for (const auto& object : *chosen) {
    if (auto done = scale_one(server, options, object); !done) {
      code = fail(done.error());
      continue;
    }
    std::cout << object.display() << " scaled" << dry_run_suffix(options.dry_run) << std::endl;
  }
  return code;
}

}  // namespace

Command scale_command() {
  auto options = std::make_shared<ScaleOptions>();
  Command command;
  command.usage = "(deploy NAME | sts/NAME... | -f FILE) --replicas=N [flags]";
  command.words = Words::Sets;
  auto& flags = command.flags;
  flags.add(options->replicas, "replicas", 0, "N", "How many there should be");
  flags.add(options->current, "current-replicas", 0, "N", "Only when there are so many now");
  flags.add(options->timeout, "timeout", 0, "Wait until they are there, at most so long; 0: do not wait");
  add_choice_flags(flags, options->choice);
  add_dry_run_flag(flags, options->dry_run);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return scale(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
