// cli/create_job_command.cpp - berth create job: of an image, or now what a CronJob would make later.
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/create_job.hpp"
#include "cli/creation.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"

namespace berth::cli {

namespace {

struct CreateJobOptions {
  CreateJob job;
  std::string from;
  Creation creation;
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
  return create(server, global, model::info(model::Kind::Job), *job, options.creation);
}

}  // namespace

Command create_job_command() {
  auto options = std::make_shared<CreateJobOptions>();
  Command command;
  command.usage = "NAME (--image=IMAGE | --from=cronjob/NAME) [flags] [-- COMMAND [ARGUMENT...]]";
  auto& flags = command.flags;
  flags.add(options->job.image, "image", 0, "IMAGE", "The image that its pod runs");
  flags.add(options->from, "from", 0, "cronjob/NAME", "Make now what this CronJob makes by its schedule");
  add_creation_flags(flags, options->creation, "the job");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return create_job(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
