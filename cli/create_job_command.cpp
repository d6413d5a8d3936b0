// cli/create_job_command.cpp - berth create job: of an image, or now what a CronJob would make later.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/create_job.hpp"
#include "cli/dry_run.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"
#include "cli/yaml_text.hpp"

namespace berth::cli {

namespace {

struct CreateJobOptions {
  CreateJob job;
  std::string from;
  std::string output;
  DryRun dry_run = DryRun::None;
};

Result<json::value> wanted_job(const Server& server, const Global& global, const CreateJobOptions& options) {
  if (options.from.empty()) return options.job.to_json();
  const auto refs = parse_resources({options.from});
  if (!refs) return refs.error();
  const auto& ref = refs->front();
  if (ref.kind->kind != model::Kind::CronJob || ref.name.empty()) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("--from must name a CronJob (cronjob/NAME), not \"{}\"", options.from));
  }
  const auto cron = server.get(*ref.kind, global.ns, ref.name);
  if (!cron) return cron.error();
  return options.job.from_cron_job(*cron);
}

int create_job(const Global& global, CreateJobOptions& options, const Arguments& arguments) {
  if (arguments.words.empty()) return fail({ErrorCode::InvalidArgument, "exactly one NAME is required, got 0"});
  options.job.name = arguments.words[0];
  options.job.command.assign(arguments.words.begin() + 1, arguments.words.end());
  if (arguments.after_dashes) {
    options.job.command.insert(options.job.command.end(), arguments.after_dashes->begin(),
                               arguments.after_dashes->end());
  }
  if (!options.from.empty() && !options.job.image.empty()) {
    return fail({ErrorCode::InvalidArgument, "either --image or --from must be specified"});
  }
  if (!options.from.empty() && !options.job.command.empty()) {
    return fail({ErrorCode::InvalidArgument, "cannot specify --from and command"});
  }
  const Server server(global);
  const auto job = wanted_job(server, global, options);
  if (!job) return fail(job.error());
  const auto show = [&](const json::value& shown) {
    if (options.output.empty()) {
      std::cout << fmt::format("job.batch/{} created{}\n", options.job.name, dry_run_suffix(options.dry_run));
    } else {
      std::cout << (options.output == "yaml" ? to_yaml(shown) : to_pretty_json(shown));
    }
    return 0;
  };
  if (options.dry_run == DryRun::Client) return show(*job);
  const auto& kind = model::info(model::Kind::Job);
  const auto made = server.create(resource_path(kind, global.ns, "") + dry_run_query(options.dry_run), *job);
  return made ? show(*made) : fail(made.error());
}

}  // namespace

Command create_job_command() {
  auto options = std::make_shared<CreateJobOptions>();
  Command command;
  command.usage = "NAME (--image=IMAGE | --from=cronjob/NAME) [flags] [-- COMMAND [ARGUMENT...]]";
  auto& flags = command.flags;
  flags.add(options->job.image, "image", 0, "IMAGE", "The image that its pod runs");
  flags.add(options->from, "from", 0, "cronjob/NAME", "Make now what this CronJob makes by its schedule");
  add_dry_run_flag(flags, options->dry_run);
  flags.add(options->output, "output", 'o', "FORMAT", "yaml or json: the job").choices = {"yaml", "json"};
  command.run = [options](const Global& global, const Arguments& arguments) {
    return create_job(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
