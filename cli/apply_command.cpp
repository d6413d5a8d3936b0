// cli/apply_command.cpp - berth apply: objects as files say, by server-side apply.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/manifests.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"

namespace berth::cli {

namespace {

struct ApplyOptions {
  std::vector<std::string> files;
  bool recursive = false;
  bool server_side = true;
  bool force_conflicts = false;
  DryRun dry_run = DryRun::None;
  std::string field_manager = "berth";
  std::string validate = "strict";
};

constexpr std::string_view kConflictHelp = R"(
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts)";

Status apply_one(const Server& server, const ApplyOptions& options, const ManifestObject& object) {
  if (options.dry_run == DryRun::Client) return Ok{};
  auto path = resource_path(*object.kind, object.ns, object.name);
  path += fmt::format("?fieldManager={}&force={}", url_encode(options.field_manager), options.force_conflicts);
  if (options.validate == "strict" || options.validate == "true") path += "&fieldValidation=Strict";
  if (options.validate == "warn") path += "&fieldValidation=Warn";
  if (options.dry_run == DryRun::Server) path += "&dryRun=All";
  const auto done = server.patch(path, kApplyPatch, json::serialize(object.raw));
  if (done) return Ok{};
  const auto& error = done.error();
  if (error.code() != ErrorCode::Aborted) return error;
  // "Error from server (Conflict): Apply failed with ..." → the sentence, then what can be done.
  auto text = error.message();
  if (const auto at = text.find("): "); at != std::string::npos) text.erase(0, at + 3);
  return Error(error.code(), fmt::format("error: {}{}", text, kConflictHelp));
}

int apply(const Global& global, const ApplyOptions& options, const Arguments& arguments) {
  if (!arguments.words.empty()) {
    return fail({ErrorCode::InvalidArgument, fmt::format("Unexpected args: [{}]", fmt::join(arguments.words, " "))});
  }
  if (options.files.empty()) {
    return fail({ErrorCode::InvalidArgument, "must specify one of -f and -k"});
  }
  if (!options.server_side) {
    return fail({ErrorCode::InvalidArgument, "berth apply is always server-side; --server-side=false is not offered"});
  }
  const auto objects = read_manifests(global, options.files, options.recursive);
  if (!objects) return fail(objects.error());
  const Server server(global);
  int code = objects->left_out ? 1 : 0;
  for (const auto& object : objects->objects) {
    if (auto done = apply_one(server, options, object); !done) {
      code = fail(done.error());
      if (done.error().code() == ErrorCode::Unavailable) return code;
      continue;
    }
    std::cout << display_name(*object.kind, object.name) << " serverside-applied" << dry_run_suffix(options.dry_run)
              << std::endl;
  }
  return code;
}

}  // namespace

Command apply_command() {
  auto options = std::make_shared<ApplyOptions>();
  Command command;
  command.usage = "-f FILE|FOLDER|- [flags]";
  command.details =
      "Everything is checked before anything is sent; an error names file, line, object and field. An object that the "
      "agent\n"
      "refuses, or of a kind that is not run here, does not keep the others from being applied; the exit code is 1.";
  command.words = Words::Files;
  auto& flags = command.flags;
  flags.add_each(options->files, "filename", 'f', "FILE", "File, folder or - (standard input); may be repeated");
  flags.add(options->recursive, "recursive", 'R', "Folders with those below them");
  add_dry_run_flag(flags, options->dry_run, "none, client (checks only) or server (all but storing)");
  flags.add(options->force_conflicts, "force-conflicts", 0, "Take over fields that others manage");
  flags.add(options->field_manager, "field-manager", 0, "NAME", "Who owns the fields (default: berth)");
  flags.add(options->server_side, "server-side", 0, "As kubectl spells it; always so here");
  auto& validate =
      flags.add(options->validate, "validate", 0, "HOW", "Unknown fields: strict (an error), warn or ignore");
  validate.bare = "strict";
  validate.choices = {"strict", "warn", "ignore"};
  command.run = [options](const Global& global, const Arguments& arguments) {
    return apply(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
