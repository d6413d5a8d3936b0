// cli/set_image_command.cpp - berth set image: other images for the containers of pods and of what makes pods.
#include <iostream>
#include <memory>

#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/messages.hpp"
#include "cli/new_images.hpp"
#include "cli/selection.hpp"

namespace berth::cli {

namespace {

struct SetImageOptions {
  Choice choice;
  DryRun dry_run = DryRun::None;
};

Status set_one(const Server& server, const SetImageOptions& options, const Chosen& one, const NewImages& images) {
  const auto object = server.get(*one.kind, one.ns, one.name);
  if (!object) return object.error();
  const auto patch = image_patch(*one.kind, *object, images);
  if (!patch) return patch.error();
  if (patch->empty()) return Ok{};
  if (options.dry_run != DryRun::Client) {
    const auto done =
        server.patch(one.path() + dry_run_query(options.dry_run), kStrategicPatch, json::serialize(*patch));
    if (!done) return done.error();
  }
  std::cout << one.display() << " image updated" << dry_run_suffix(options.dry_run) << std::endl;
  return Ok{};
}

int set_image(const Global& global, const SetImageOptions& options, const Arguments& arguments) {
  auto choice = options.choice;
  choice.words = arguments.words;
  const auto images = take_images(choice.words);
  if (!images) return fail(images.error());
  const Server server(global);
  const auto chosen = choose(server, global, choice);
  if (!chosen) return fail(chosen.error());
  int code = 0;
  for (const auto& one : *chosen) {
    if (auto done = set_one(server, options, one, *images); !done) code = fail(done.error());
  }
  return code;
}

}  // namespace

Command set_image_command() {
  auto options = std::make_shared<SetImageOptions>();
  Command command;
  command.usage = "(KIND NAME | KIND/NAME | -f FILE) CONTAINER=IMAGE... [flags]";
  command.details = "\"*\" is every container. A set rolls out its pods with the new image.";
  command.words = Words::Sets;
  auto& flags = command.flags;
  add_choice_flags(flags, options->choice);
  add_dry_run_flag(flags, options->dry_run);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return set_image(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
