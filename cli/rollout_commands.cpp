// cli/rollout_commands.cpp - berth rollout status, history, undo, restart, pause, resume.
#include <chrono>
#include <ctime>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/describe_text.hpp"
#include "cli/dry_run.hpp"
#include "cli/messages.hpp"
#include "cli/rollout_text.hpp"
#include "cli/selection.hpp"
#include "cli/watch_until.hpp"

namespace berth::cli {

namespace {

struct RolloutOptions {
  Choice choice;
  std::optional<std::int64_t> revision;
  std::optional<std::chrono::milliseconds> timeout;
  DryRun dry_run = DryRun::None;
  bool watch = true;
};

using Step = std::function<Status(const Server&, const Chosen&)>;

int for_each_set(const Global& global, const RolloutOptions& options, const Arguments& arguments, const Step& step) {
  auto choice = options.choice;
  choice.words = arguments.words;
  if (choice.words.empty() && !choice.files.given()) {
    return fail({ErrorCode::InvalidArgument, "required resource not specified"});
  }
  const Server server(global);
  const auto chosen = choose(server, global, choice, /*allow_bare=*/true);
  if (!chosen) return fail(chosen.error());
  if (chosen->empty()) {
    std::cerr << fmt::format("No resources found in {} namespace.\n", global.ns);
    return 0;
  }
  int code = 0;
  for (const auto& object : *chosen) {
    if (auto done = step(server, object); !done) code = fail(done.error());
  }
  return code;
}

bool is_set(const Chosen& object) {
  const auto kind = object.kind->kind;
  return kind == model::Kind::StatefulSet || kind == model::Kind::DaemonSet || kind == model::Kind::Deployment;
}

/// Prints each new sentence until the rollout is done.
Status follow(const Server& server, const RolloutOptions& options, const Chosen& object, const Deadline& deadline) {
  std::string said;
  bool seen = false;
  const auto look = [&](const json::value& set) -> Result<bool> {
    seen = true;
    const auto state = rollout_state(*object.kind, set);
    if (!state) return state.error();
    if (state->sentence != said) std::cout << state->sentence << std::flush;
    said = state->sentence;
    return state->done || !options.watch;
  };
  const Waiter waiter{[&](const json::array& items) -> Result<bool> {
                        if (!items.empty()) return look(items[0]);
                        if (seen) return Error(ErrorCode::NotFound, "object has been deleted");
                        const auto missing =
                            server.get(*object.kind, object.ns, object.name);  // for the server's own words
                        return missing ? look(*missing) : missing.error();
                      },
                      [&](std::string_view type, const json::value& set) -> Result<bool> {
                        if (type == "DELETED") return Error(ErrorCode::NotFound, "object has been deleted");
                        return look(set);
                      }};
  return watch_until(server, *object.kind, object.ns, {"", fmt::format("metadata.name={}", object.name)}, deadline,
                     waiter);
}

struct History {
  json::value set;
  std::vector<json::value> revisions;
};

Result<History> history_of(const Server& server, const Chosen& object) {
  auto set = server.get(*object.kind, object.ns, object.name);
  if (!set) return set.error();
  // A Deployment's old templates are in its ReplicaSets.
  const auto of_deployment = object.kind->kind == model::Kind::Deployment;
  const auto kept_in = of_deployment ? model::Kind::ReplicaSet : model::Kind::ControllerRevision;
  const auto list = server.list(model::info(kept_in), object.ns, {});
  if (!list) return list.error();
  History out;
  out.revisions = of_deployment ? revisions_of_deployment(*set, items_of(*list)) : revisions_of(*set, items_of(*list));
  out.set = *std::move(set);
  return out;
}

Status show_history(const Server& server, const RolloutOptions& options, const Chosen& object) {
  if (!is_set(object)) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("no history viewer has been implemented for \"{}\"", object.kind->name));
  }
  const auto history = history_of(server, object);
  if (!history) return history.error();
  if (!options.revision || *options.revision == 0) {
    std::cout << fmt::format("{} \n{}\n", object.display(), revision_table(history->revisions));
    return Ok{};
  }
  const auto revision = revision_to_restore(history->revisions, *options.revision);
  if (!revision) {
    return Error(ErrorCode::NotFound, "unable to find the specified revision");
  }
  const auto* pod = find(*revision, {"data", "spec", "template"});
  std::cout << fmt::format("{} with revision #{}\n{}\n", object.display(), *options.revision,
                           describe_pod_template(pod == nullptr ? json::value{} : *pod));
  return Ok{};
}

/// The template of a revision, without the instruction to the patcher that it is stored with.
json::value template_of(const json::value& revision) {
  const auto* found = find(revision, {"data", "spec", "template"});
  auto out = found == nullptr ? json::value(json::object{}) : *found;
  if (!out.is_object()) return out;
  out.get_object().erase("$patch");
  auto* meta = out.get_object().if_contains("metadata");
  // Go writes the time of what has none.
  if (meta != nullptr && find(*meta, {"creationTimestamp"}) != nullptr &&
      find(*meta, {"creationTimestamp"})->is_null()) {
    meta->get_object().erase("creationTimestamp");
  }
  return out;
}

bool is_paused(const json::value& set) {
  const auto* paused = find(set, {"spec", "paused"});
  return paused != nullptr && paused->is_bool() && paused->get_bool();
}

Status undo(const Server& server, const RolloutOptions& options, const Chosen& object) {
  if (!is_set(object)) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("no rollbacker has been implemented for \"{}\"", object.kind->name));
  }
  const auto history = history_of(server, object);
  if (!history) return history.error();
  if (is_paused(history->set)) {
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("you cannot rollback a paused deployment; resume it first with 'berth rollout resume "
                             "deployment/{}' and try again",
                             object.name));
  }
  const auto wanted = options.revision.value_or(0);
  if (wanted < 0)
    return Error(ErrorCode::NotFound, fmt::format("unable to find specified revision {} in history", wanted));
  const auto revision = revision_to_restore(history->revisions, wanted);
  if (!revision) return revision.error();
  const auto pod = template_of(*revision);
  if (options.dry_run == DryRun::Client) {
    std::cout << fmt::format("{} {}\n", object.display(), describe_pod_template(pod));
    return Ok{};
  }
  const auto* now = find(history->set, {"spec", "template"});
  if (now != nullptr && *now == pod) {
    std::cout << fmt::format("{} skipped rollback (current template already matches revision {})\n", object.display(),
                             number_at(*revision, {"revision"}, 0));
    return Ok{};
  }
  const json::array patch{json::object{{"op", "replace"}, {"path", "/spec/template"}, {"value", pod}}};
  auto done = server.patch(object.path() + dry_run_query(options.dry_run), kJsonPatch, json::serialize(patch));
  if (!done) return done.error();
  std::cout << object.display() << " rolled back" << dry_run_suffix(options.dry_run) << std::endl;
  return Ok{};
}

Status restart(const Server& server, const Chosen& object) {
  if (!is_set(object)) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("{} \"{}\" restarting is not supported", object.kind->plural, object.name));
  }
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char when[32];
  const auto size = std::strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
  constexpr std::string_view kAnnotation = "kubectl.kubernetes.io/restartedAt";
  const auto set = server.get(*object.kind, object.ns, object.name);
  if (!set) return set.error();
  if (is_paused(*set)) {
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("can't restart paused deployment (run rollout resume first): {}", object.display()));
  }
  if (find_string(*set, {"spec", "template", "metadata", "annotations", kAnnotation}) == std::string_view(when, size)) {
    return Error(ErrorCode::FailedPrecondition,
                 "if restart has already been triggered within the past second, please wait "
                 "before attempting to trigger another");
  }
  const json::object annotations{{kAnnotation, std::string_view(when, size)}};
  const json::object metadata{{"annotations", annotations}};
  const json::object patch{{"spec", json::object{{"template", json::object{{"metadata", metadata}}}}}};
  auto done = server.patch(object.path() + "?fieldManager=kubectl-rollout", kMergePatch, json::serialize(patch));
  if (!done) return done.error();
  std::cout << object.display() << " restarted" << std::endl;
  return Ok{};
}

/// `paused`: what it should be.
Status pause(const Server& server, const Chosen& object, bool paused) {
  if (object.kind->kind != model::Kind::Deployment) {
    return Error(ErrorCode::InvalidArgument, fmt::format("{} \"{}\" {} is not supported", object.kind->plural,
                                                         object.name, paused ? "pausing" : "resuming"));
  }
  const auto set = server.get(*object.kind, object.ns, object.name);
  if (!set) return set.error();
  if (is_paused(*set) == paused) {
    return Error(ErrorCode::FailedPrecondition,
                 fmt::format("{} \"{}\" is {} paused", object.resource(), object.name, paused ? "already" : "not"));
  }
  const json::object patch{{"spec", json::object{{"paused", paused}}}};
  auto done = server.patch(object.path() + "?fieldManager=kubectl-rollout", kMergePatch, json::serialize(patch));
  if (!done) return done.error();
  std::cout << object.display() << (paused ? " paused" : " resumed") << std::endl;
  return Ok{};
}

Command make(const std::shared_ptr<RolloutOptions>& options) {
  Command command;
  command.usage = "(deploy NAME | sts NAME | ds NAME | KIND/NAME...) [flags]";
  command.words = Words::Sets;
  add_choice_flags(command.flags, options->choice);
  return command;
}

}  // namespace

Command rollout_status_command() {
  auto options = std::make_shared<RolloutOptions>();
  auto command = make(options);
  command.flags.add(options->watch, "watch", 'w', "Go on until it is done (default; --watch=false)");
  command.flags.add(options->timeout, "timeout", 0, "How long to wait; 0: as long as it takes");
  command.flags.add(options->revision, "revision", 0, "N",
                    "As kubectl takes it; sets have no status of single revisions");
  command.run = [options](const Global& global, const Arguments& arguments) {
    const auto deadline = deadline_after(options->timeout);
    return for_each_set(global, *options, arguments, [&](const Server& server, const Chosen& object) {
      return follow(server, *options, object, deadline);
    });
  };
  return command;
}

Command rollout_history_command() {
  auto options = std::make_shared<RolloutOptions>();
  auto command = make(options);
  command.flags.add(options->revision, "revision", 0, "N", "This revision's pod template");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return for_each_set(global, *options, arguments, [&](const Server& server, const Chosen& object) {
      return show_history(server, *options, object);
    });
  };
  return command;
}

Command rollout_undo_command() {
  auto options = std::make_shared<RolloutOptions>();
  auto command = make(options);
  command.flags.add(options->revision, "to-revision", 0, "N", "Which one; 0: the one before the last");
  add_dry_run_flag(command.flags, options->dry_run);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return for_each_set(global, *options, arguments,
                        [&](const Server& server, const Chosen& object) { return undo(server, *options, object); });
  };
  return command;
}

Command rollout_restart_command() {
  auto options = std::make_shared<RolloutOptions>();
  auto command = make(options);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return for_each_set(global, *options, arguments, restart);
  };
  return command;
}

namespace {

Command pause_or_resume(bool paused) {
  auto options = std::make_shared<RolloutOptions>();
  auto command = make(options);
  command.usage = "(deploy NAME | deploy/NAME...) [flags]";
  command.run = [options, paused](const Global& global, const Arguments& arguments) {
    return for_each_set(global, *options, arguments,
                        [paused](const Server& server, const Chosen& object) { return pause(server, object, paused); });
  };
  return command;
}

}  // namespace

Command rollout_pause_command() { return pause_or_resume(/*paused=*/true); }
Command rollout_resume_command() { return pause_or_resume(/*paused=*/false); }

}  // namespace berth::cli
