// cli/apply_command.cpp - berth apply: objects as files say, by server-side apply.
#include <iostream>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "cli/apply_set.hpp"
#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/manifests.hpp"
#include "cli/messages.hpp"
#include "cli/prune.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"
#include "model/reader.hpp"
#include "model/selector.hpp"

namespace berth::cli {

namespace {

struct ApplyOptions {
  ManifestFiles files;
  std::string labels;
  bool prune = false;
  bool all = false;
  std::vector<std::string> prune_allowlist;
  std::string apply_set;
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

/// What does not go together, as kubectl says it.
Status check(const ApplyOptions& options, const Arguments& arguments) {
  const auto wrong = [](std::string text) { return Error(ErrorCode::InvalidArgument, std::move(text)); };
  if (!arguments.words.empty()) return wrong(fmt::format("Unexpected args: [{}]", fmt::join(arguments.words, " ")));
  if (!options.files.given()) return wrong("must specify one of -f and -k");
  if (!options.server_side) {
    return wrong("berth apply is always server-side; --server-side=false is not offered");
  }
  const bool selecting = !options.labels.empty() || options.all || !options.prune_allowlist.empty();
  if (!options.apply_set.empty()) {
    if (!options.prune) return wrong("--applyset requires --prune");
    if (selecting) return wrong("--selector, --all and --prune-allowlist are incompatible with --applyset");
    return Ok{};
  }
  if (!options.labels.empty() && options.all) return wrong("cannot set --all and --selector at the same time");
  if (options.prune && !options.all && options.labels.empty()) {
    return wrong(
        "all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all "
        "flag. If you did not mean to prune all resources, specify a label selector");
  }
  if (!options.prune && !options.prune_allowlist.empty()) return wrong("--prune-allowlist requires --prune");
  return Ok{};
}

model::StringMap labels_of(const ManifestObject& object) {
  model::Issues checked;  // When it was read.
  return model::Reader(object.raw, "", checked).child("metadata").text_map("labels");
}

/// Keeps those that -l takes.
Status select(const std::string& labels, std::vector<ManifestObject>& objects) {
  if (labels.empty()) return Ok{};
  const auto selector = model::parse_label_selector(labels);
  if (!selector) return selector.error();
  std::erase_if(objects, [&](const auto& object) { return !model::matches(*selector, labels_of(object)); });
  if (objects.empty()) return Error(ErrorCode::InvalidArgument, "no objects passed to apply");
  return Ok{};
}

/// Says what was applied; the exit code. `reached`: false when the agent does not answer, and nothing more is to be
/// asked of it.
int apply_all(const Server& server, const ApplyOptions& options, const std::vector<ManifestObject>& objects,
              bool& reached) {
  int code = 0;
  for (const auto& object : objects) {
    if (auto done = apply_one(server, options, object); !done) {
      code = fail(done.error());
      reached = done.error().code() != ErrorCode::Unavailable;
      if (!reached) return code;
      continue;
    }
    std::cout << display_name(*object.kind, object.name) << " serverside-applied" << dry_run_suffix(options.dry_run)
              << std::endl;
  }
  return code;
}

Result<PruneChoice> prune_choice(const ApplyOptions& options, const std::vector<ManifestObject>& objects) {
  PruneChoice choice;
  choice.labels = options.labels;
  choice.manager = options.field_manager;
  choice.dry_run = options.dry_run;
  for (const auto& object : objects) {
    if (!object.ns.empty()) choice.namespaces.insert(object.ns);
  }
  choice.kinds = prunable_kinds();
  if (options.prune_allowlist.empty()) return choice;
  auto allowed = prunable_kinds(options.prune_allowlist);
  if (!allowed) return allowed.error();
  choice.kinds = std::move(*allowed);
  return choice;
}

int apply(const Global& global, const ApplyOptions& options, const Arguments& arguments) {
  if (auto fine = check(options, arguments); !fine) return fail(fine.error());
  auto read = read_manifests(global, options.files);
  if (!read) return fail(read.error());
  auto& objects = read->objects;
  if (auto done = select(options.labels, objects); !done) return fail(done.error());
  const Server server(global);
  std::optional<ApplySet> set;
  if (!options.apply_set.empty()) {
    auto opened = ApplySet::open(server, global, options.apply_set, options.field_manager, options.dry_run);
    if (!opened) return fail(opened.error());
    set.emplace(std::move(*opened));
    for (auto& object : objects) set->take(object);
    if (auto begun = set->begin(); !begun) return fail(begun.error());
  }
  const auto leftovers = set ? Result<PruneChoice>(set->leftovers()) : prune_choice(options, objects);
  if (!leftovers) return fail(leftovers.error());

  bool reached = true;
  auto code = apply_all(server, options, objects, reached);
  if (options.prune && code != 0) {
    if (reached) std::cerr << "Warning: nothing was pruned, because not everything could be applied\n";
  } else if (options.prune) {
    Applied applied;
    for (const auto& object : objects) applied.insert({object.kind->kind, object.ns, object.name});
    code = prune(server, *leftovers, applied);
    if (set && code == 0) {
      if (auto ended = set->end(); !ended) code = fail(ended.error());
    }
  }
  return read->left_out ? 1 : code;
}

}  // namespace

Command apply_command() {
  auto options = std::make_shared<ApplyOptions>();
  Command command;
  command.usage = "(-f FILE|FOLDER|URL|- | -k FOLDER) [flags]";
  command.details =
      "Everything is checked before anything is sent; an error names file, line, object and field. An object that the "
      "agent\n"
      "refuses, or of a kind that is not run here, does not keep the others from being applied; the exit code is 1.";
  command.words = Words::Files;
  auto& flags = command.flags;
  add_file_flags(flags, options->files, "File, folder, URL or - (standard input); may be repeated");
  flags.add(options->labels, "selector", 'l', "SELECTOR", "Only objects with these labels");
  flags.add(options->prune, "prune", 0, "Delete what was applied before, is selected and in the files no more");
  flags.add(options->all, "all", 0, "With --prune: everything that was applied in the namespaces of the files");
  flags.add_each(options->prune_allowlist, "prune-allowlist", 0, "GROUP/VERSION/KIND",
                 "With --prune: only these kinds");
  flags.add(options->apply_set, "applyset", 0, "[secret/|configmap/]NAME",
            "With --prune: the object that remembers what was applied together");
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
