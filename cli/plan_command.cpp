// cli/plan_command.cpp - berth plan: what an apply of these files would do, in order.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/manifests.hpp"
#include "cli/messages.hpp"
#include "cli/plan_text.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"
#include "model/planned_step.hpp"

namespace berth::cli {

namespace {

struct PlanOptions {
  ManifestFiles files;
  bool force_conflicts = false;
};

int plan(const Global& global, const PlanOptions& options, const Arguments& arguments) {
  auto files = options.files;
  files.names.insert(files.names.end(), arguments.words.begin(), arguments.words.end());
  if (!files.given()) return usage_error("plan", {ErrorCode::InvalidArgument, "name the files; - is standard input"});
  const auto read = read_manifests(global, files);
  if (!read) return fail(read.error());
  json::array applies;
  for (const auto& object : read->objects) {
    const auto path = fmt::format("{}?fieldManager=berth&force={}&fieldValidation=Strict",
                                  resource_path(*object.kind, object.ns, object.name), options.force_conflicts);
    applies.push_back(json::object{{"path", path}, {"object", object.raw}});
  }
  const auto answer = Server(global).create(model::kPlanPath, json::object{{"applies", std::move(applies)}});
  if (!answer) return fail(answer.error());
  const auto text = plan_text(*answer);
  std::cout << text.shown;
  std::cerr << text.refused;
  return read->left_out || !text.refused.empty() ? 1 : 0;
}

}  // namespace

Command plan_command() {
  auto options = std::make_shared<PlanOptions>();
  Command command;
  command.usage = "(FILE|FOLDER|URL|-... | -k FOLDER) [flags]";
  command.details =
      "First what would become of each object, then, for each of them that has pods, what the agent would do for its\n"
      "sake, in order, from how this host is now. Nothing is written: the agent applies the files to a copy of its "
      "store,\n"
      "and its controllers play on that; what is begun there is Ready at once. So it says nothing of pods that never "
      "are.\n"
      "Ends with 1 when something would be refused.";
  command.words = Words::Files;
  auto& flags = command.flags;
  add_file_flags(flags, options->files, "As a word: file, folder, URL or - (standard input)");
  flags.add(options->force_conflicts, "force-conflicts", 0, "As for apply: take over fields that others manage");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return plan(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
