// cli/label_commands.cpp - berth label, annotate and patch: changes of single fields.
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/json_path.hpp"
#include "cli/label_text.hpp"
#include "cli/messages.hpp"
#include "cli/selection.hpp"
#include "cli/yaml_text.hpp"
#include "model/model.hpp"

namespace berth::cli {

namespace {

struct LabelOptions {
  Choice choice;
  bool overwrite = false;
  bool list = false;
  DryRun dry_run = DryRun::None;
};

void print_list(const json::value& object, std::string_view field) {
  const auto* all = find(object, {"metadata", field});
  if (all == nullptr || !all->is_object()) return;
  for (const auto& [key, value] : all->get_object()) {
    std::cout << fmt::format("{}={}\n", std::string_view(key.data(), key.size()), plain_text(value));
  }
}

Status change_one(const Server& server, const LabelOptions& options, const Chosen& object, std::string_view field,
                  const std::vector<LabelChange>& changes) {
  const auto now = server.get(*object.kind, object.ns, object.name);
  if (!now) return now.error();
  if (options.list) {
    print_list(*now, field);
    return Ok{};
  }
  const auto patch = label_patch(*now, field, changes, options.overwrite);
  if (!patch) return patch.error();
  bool only_removals = true;
  for (const auto& change : changes) {
    only_removals = only_removals && !change.value;
    if (!change.value && field == "labels" && find(*now, {"metadata", field, change.key}) == nullptr) {
      std::cout << fmt::format("label \"{}\" not found.\n", change.key);
    }
  }
  if (!patch->empty() && options.dry_run != DryRun::Client) {
    auto done = server.patch(object.path() + dry_run_query(options.dry_run), kMergePatch, json::serialize(*patch));
    if (!done) return done.error();
  }
  const std::string_view word = field != "labels" ? "annotated"
                                : patch->empty()  ? "not labeled"
                                : only_removals   ? "unlabeled"
                                                  : "labeled";
  std::cout << object.display() << ' ' << word << dry_run_suffix(options.dry_run) << std::endl;
  return Ok{};
}

int change(const Global& global, const LabelOptions& options, const Arguments& arguments, std::string_view field) {
  const auto words = split_label_words(arguments.words);
  if (!words) return fail(words.error());
  if (words->changes.empty() && !options.list) {
    return fail({ErrorCode::InvalidArgument,
                 fmt::format("at least one {} update is required", field == "labels" ? "label" : "annotation")});
  }
  auto choice = options.choice;
  choice.words = words->objects;
  const Server server(global);
  const auto chosen = choose(server, global, choice);
  if (!chosen) return fail(chosen.error());
  int code = 0;
  for (const auto& object : *chosen) {
    if (auto done = change_one(server, options, object, field, words->changes); !done) code = fail(done.error());
  }
  return code;
}

Command make(std::string_view field) {
  auto options = std::make_shared<LabelOptions>();
  Command command;
  command.usage = "(KIND NAME... | KIND/NAME... | KIND --all) KEY=VALUE... KEY-... [flags]";
  command.details = "KEY- takes the key away.";
  command.words = Words::Objects;
  auto& flags = command.flags;
  flags.add(options->overwrite, "overwrite", 0, "Change keys that have another value");
  flags.add(options->list, "list", 0, "Print what is there");
  flags.add(options->choice.all_namespaces, "all-namespaces", 'A', "With --all or a selector: in every namespace");
  add_choice_flags(flags, options->choice);
  add_dry_run_flag(flags, options->dry_run);
  command.run = [options, field](const Global& global, const Arguments& arguments) {
    return change(global, *options, arguments, field);
  };
  return command;
}

struct PatchOptions {
  Choice choice;
  std::string patch;
  std::string patch_file;
  std::string type = "strategic";
  std::string subresource;
  DryRun dry_run = DryRun::None;
  std::string output;
};

Status patch_one(const Server& server, const PatchOptions& options, const Chosen& object, std::string_view content_type,
                 const std::string& body) {
  const auto before = server.get(*object.kind, object.ns, object.name);
  if (!before) return before.error();
  auto path = object.path();
  if (!options.subresource.empty()) path += fmt::format("/{}", options.subresource);
  path += dry_run_query(options.dry_run);
  auto done = options.dry_run == DryRun::Client ? before : server.patch(path, content_type, body);
  if (!done) return done.error();
  if (options.output == "yaml" || options.output == "json") {
    std::cout << (options.output == "yaml" ? to_yaml(*done) : to_pretty_json(*done));
    return Ok{};
  }
  const bool changed = options.dry_run != DryRun::None || find_string(*before, {"metadata", "resourceVersion"}) !=
                                                              find_string(*done, {"metadata", "resourceVersion"});
  std::cout << object.display() << (changed ? " patched" : " patched (no change)") << dry_run_suffix(options.dry_run)
            << std::endl;
  return Ok{};
}

int patch(const Global& global, const PatchOptions& options, const Arguments& arguments) {
  std::string_view content_type;
  for (const auto& [word, type] :
       {std::pair("strategic", kStrategicPatch), std::pair("merge", kMergePatch), std::pair("json", kJsonPatch)}) {
    if (options.type == word) content_type = type;
  }
  if (content_type.empty()) {
    return fail({ErrorCode::InvalidArgument,
                 fmt::format("--type must be one of [json merge strategic], not \"{}\"", options.type)});
  }
  if (options.patch.empty() == options.patch_file.empty()) {
    return fail(
        {ErrorCode::InvalidArgument, "must specify --patch or --patch-file containing the contents of the patch"});
  }
  const auto text = options.patch_file.empty() ? Result<std::string>(options.patch) : read_file(options.patch_file);
  if (!text) return fail(text.error());
  const auto body = model::parse_yaml(*text);
  if (!body) return fail(body.error().context("unable to parse the patch"));
  auto choice = options.choice;
  choice.words = arguments.words;
  const Server server(global);
  const auto chosen = choose(server, global, choice);
  if (!chosen) return fail(chosen.error());
  int code = 0;
  for (const auto& object : *chosen) {
    if (auto done = patch_one(server, options, object, content_type, json::serialize(*body)); !done)
      code = fail(done.error());
  }
  return code;
}

}  // namespace

Command label_command() { return make("labels"); }
Command annotate_command() { return make("annotations"); }

Command patch_command() {
  auto options = std::make_shared<PatchOptions>();
  Command command;
  command.usage = "(KIND NAME | KIND/NAME | -f FILE) -p PATCH [flags]";
  command.words = Words::Objects;
  auto& flags = command.flags;
  flags.add(options->patch, "patch", 'p', "PATCH", "JSON or YAML");
  flags.add(options->patch_file, "patch-file", 0, "FILE", "The patch is in this file");
  flags.add(options->type, "type", 0, "TYPE", "strategic (default), merge or json").choices = {"strategic", "merge",
                                                                                               "json"};
  flags.add(options->subresource, "subresource", 0, "NAME", "Patch the object's status or scale").choices = {"status",
                                                                                                             "scale"};
  flags.add(options->output, "output", 'o', "FORMAT", "yaml or json: the object afterwards").choices = {"yaml", "json"};
  add_choice_flags(flags, options->choice);
  add_dry_run_flag(flags, options->dry_run);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return patch(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
