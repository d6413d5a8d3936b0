// cli/create_workload_commands.cpp - berth create deployment, berth create cronjob.
#include <memory>

#include "cli/command.hpp"
#include "cli/create_workload.hpp"
#include "cli/creation.hpp"
#include "cli/messages.hpp"

namespace berth::cli {

namespace {

/// Takes the name and the command behind it. InvalidArgument: there is no name.
template <typename Wanted>
Status take_words(const Arguments& arguments, Wanted& wanted) {
  if (arguments.words.empty()) return Error(ErrorCode::InvalidArgument, "exactly one NAME is required, got 0");
  wanted.name = arguments.words[0];
  wanted.command.assign(arguments.words.begin() + 1, arguments.words.end());
  if (const auto& more = arguments.after_dashes) {
    wanted.command.insert(wanted.command.end(), more->begin(), more->end());
  }
  return Ok{};
}

template <typename Wanted>
struct Options {
  Wanted wanted;
  Creation creation;
};

template <typename Wanted>
int create_wanted(const Global& global, Options<Wanted>& options, const Arguments& arguments, model::Kind kind) {
  if (auto taken = take_words(arguments, options.wanted); !taken) return fail(taken.error());
  const auto object = options.wanted.to_json();
  if (!object) return fail(object.error());
  return create(Server(global), global, model::info(kind), *object, options.creation);
}

}  // namespace

Command create_deployment_command() {
  auto options = std::make_shared<Options<CreateDeployment>>();
  Command command;
  command.usage = "NAME --image=IMAGE [flags] [-- COMMAND [ARGUMENT...]]";
  auto& flags = command.flags;
  flags.add_each(options->wanted.images, "image", 0, "IMAGE", "An image to run; one container for each");
  flags.add(options->wanted.replicas, "replicas", 'r', "N", "How many pods (default: 1)");
  flags.add(options->wanted.port, "port", 0, "PORT", "The port that the container has");
  add_creation_flags(flags, options->creation, "the deployment");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return create_wanted(global, *options, arguments, model::Kind::Deployment);
  };
  return command;
}

Command create_cron_job_command() {
  auto options = std::make_shared<Options<CreateCronJob>>();
  Command command;
  command.usage = "NAME --image=IMAGE --schedule='0/5 * * * ?' [flags] [-- COMMAND [ARGUMENT...]]";
  auto& flags = command.flags;
  flags.add(options->wanted.image, "image", 0, "IMAGE", "The image that its pods run");
  flags.add(options->wanted.schedule, "schedule", 0, "CRON", "When: minute, hour, day, month, day of the week");
  flags.add(options->wanted.restart, "restart", 0, "POLICY", "OnFailure (default) or Never").choices = {"OnFailure",
                                                                                                        "Never"};
  add_creation_flags(flags, options->creation, "the cron job");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return create_wanted(global, *options, arguments, model::Kind::CronJob);
  };
  return command;
}

}  // namespace berth::cli
