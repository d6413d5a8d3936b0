// cli/autoscale_command.cpp - berth autoscale: an autoscaler for a set, by the CPU that its pods use.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/selection.hpp"
#include "cli/server.hpp"
#include "cli/yaml_text.hpp"

namespace berth::cli {

namespace {

struct AutoscaleOptions {
  Choice choice;
  std::string name;
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
  std::optional<std::int64_t> cpu_percent;
  std::string output;
  DryRun dry_run = DryRun::None;
};

json::value wanted_autoscaler(const AutoscaleOptions& options, const Chosen& set) {
  json::object spec{
      {"scaleTargetRef",
       json::object{{"apiVersion", set.kind->api_version()}, {"kind", set.kind->name}, {"name", set.name}}},
      {"maxReplicas", *options.max}};
  if (options.min.value_or(0) > 0) spec["minReplicas"] = *options.min;
  if (options.cpu_percent.value_or(0) > 0) {
    spec["metrics"] = json::array{json::object{
        {"type", "Resource"},
        {"resource", json::object{{"name", "cpu"},
                                  {"target", json::object{{"type", "Utilization"},
                                                          {"averageUtilization", *options.cpu_percent}}}}}}};
  }
  const auto& kind = model::info(model::Kind::HorizontalPodAutoscaler);
  return json::object{
      {"apiVersion", kind.api_version()},
      {"kind", kind.name},
      {"metadata", json::object{{"name", options.name.empty() ? set.name : options.name}, {"namespace", set.ns}}},
      {"spec", std::move(spec)}};
}

Status autoscale_one(const Server& server, const AutoscaleOptions& options, const Chosen& set) {
  // kubectl asks before it makes one: it is not for a set that is not there.
  if (auto there = server.get(*set.kind, set.ns, set.name); !there) return there.error();
  if (!set.kind->has_scale) {
    return Error(ErrorCode::InvalidArgument, fmt::format("cannot autoscale {}: it has no replicas", set.display()));
  }
  auto scaler = wanted_autoscaler(options, set);
  const auto& kind = model::info(model::Kind::HorizontalPodAutoscaler);
  if (options.dry_run != DryRun::Client) {
    auto made = server.create(resource_path(kind, set.ns, "") + dry_run_query(options.dry_run), scaler);
    if (!made) return made.error();
    scaler = *std::move(made);
  }
  if (options.output.empty()) {
    std::cout << chosen_of(kind, scaler).display() << " autoscaled" << dry_run_suffix(options.dry_run) << std::endl;
  } else {
    std::cout << (options.output == "yaml" ? to_yaml(scaler) : to_pretty_json(scaler));
  }
  return Ok{};
}

int autoscale(const Global& global, const AutoscaleOptions& options, const Arguments& arguments) {
  if (options.max.value_or(0) < 1) {
    return fail({ErrorCode::InvalidArgument, "--max=MAXPODS is required and must be at least 1"});
  }
  if (options.min && *options.max < *options.min) {
    return fail({ErrorCode::InvalidArgument,
                 fmt::format("--max=MAXPODS must be larger or equal to --min=MINPODS, max: {}, min: {}", *options.max,
                             *options.min)});
  }
  auto choice = options.choice;
  choice.words = arguments.words;
  const Server server(global);
  const auto chosen = choose(server, global, choice);
  if (!chosen) return fail(chosen.error());
  if (chosen->empty()) return fail({ErrorCode::InvalidArgument, "no objects passed to autoscale"});
  int code = 0;
  for (const auto& set : *chosen) {
    if (auto done = autoscale_one(server, options, set); !done) code = fail(done.error());
  }
  return code;
}

}  // namespace

Command autoscale_command() {
  auto options = std::make_shared<AutoscaleOptions>();
  Command command;
  command.usage = "(deploy NAME | sts/NAME... | -f FILE) [--min=N] --max=N [--cpu-percent=N] [flags]";
  command.details =
      "Makes a HorizontalPodAutoscaler: pods come and go so that they use that much of the CPU they request.";
  command.words = Words::Sets;
  auto& flags = command.flags;
  flags.add(options->max, "max", 0, "N", "Never more than these; required");
  flags.add(options->min, "min", 0, "N", "Never fewer; 1 when it is not said");
  flags.add(options->cpu_percent, "cpu-percent", 0, "N", "How much of the requested CPU; 80 when it is not said");
  flags.add(options->name, "name", 0, "NAME", "Name of the autoscaler; that of the set when it is not said");
  add_choice_flags(flags, options->choice);
  add_dry_run_flag(flags, options->dry_run);
  flags.add(options->output, "output", 'o', "FORMAT", "yaml or json: the autoscaler").choices = {"yaml", "json"};
  command.run = [options](const Global& global, const Arguments& arguments) {
    return autoscale(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
