// cli/delete_command.cpp - berth delete: ask, then watch until the objects are really gone.
#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/messages.hpp"
#include "cli/selection.hpp"
#include "cli/watch_until.hpp"

namespace berth::cli {

namespace {

struct DeleteOptions {
  Choice choice;
  std::optional<std::int64_t> grace_period;
  std::string cascade = "background";
  DryRun dry_run = DryRun::None;
  std::string output;
  std::optional<std::chrono::milliseconds> timeout;
  bool now = false;
  bool force = false;
  bool wait = true;
  bool ignore_not_found = false;
};

struct Deleted {
  Chosen object;
  std::string uid;
};

Result<std::string> policy_of(const std::string& cascade) {
  if (cascade == "background" || cascade == "true") return std::string("Background");
  if (cascade == "foreground") return std::string("Foreground");
  if (cascade == "orphan" || cascade == "false") return std::string("Orphan");
  return Error(
      ErrorCode::InvalidArgument,
      fmt::format("invalid cascade value ({}). Must be \"background\", \"foreground\", or \"orphan\"", cascade));
}

/// The grace period to ask for, by kubectl's rules; unset: the object's own.
Result<std::optional<std::int64_t>> grace_of(const DeleteOptions& options) {
  const auto asked = options.grace_period.value_or(-1);
  if (options.now) {
    if (asked >= 0) {
      return Error(ErrorCode::InvalidArgument, "--now and --grace-period cannot be specified together");
    }
    return std::optional<std::int64_t>(1);
  }
  if (options.force) {
    if (asked > 0) {
      return Error(ErrorCode::InvalidArgument,
                   "--force and --grace-period greater than 0 cannot be specified together");
    }
    return std::optional<std::int64_t>(0);
  }
  // A bare 0 would leave processes behind unseen; --force says that this is meant.
  if (asked == 0) return std::optional<std::int64_t>(1);
  return asked > 0 ? std::optional<std::int64_t>(asked) : std::nullopt;
}

/// Gone means: not there, or another object of that name (a set makes its pods again).
Status wait_until_gone(const Server& server, const Deleted& deleted, const Deadline& deadline) {
  const auto is_it = [&](const json::value& object) { return uid_of(object) == deleted.uid; };
  const Waiter waiter{
      [&](const json::array& items) -> Result<bool> { return std::none_of(items.begin(), items.end(), is_it); },
      [&](std::string_view type, const json::value& object) -> Result<bool> {
        return type == "DELETED" || !is_it(object);
      }};
  auto done = watch_until(server, *deleted.object.kind, deleted.object.ns,
                          {"", fmt::format("metadata.name={}", deleted.object.name)}, deadline, waiter);
  if (failed_with(done, ErrorCode::DeadlineExceeded)) {
    return Error(ErrorCode::DeadlineExceeded, fmt::format("timed out waiting for the condition on {}/{}",
                                                          deleted.object.kind->plural, deleted.object.name));
  }
  return done;
}

int remove(const Global& global, const DeleteOptions& options, const Arguments& arguments) {
  auto choice = options.choice;
  choice.words = arguments.words;
  const auto policy = policy_of(options.cascade);
  if (!policy) return fail(policy.error());
  const auto grace = grace_of(options);
  if (!grace) return fail(grace.error());
  if (choice.all && !(choice.labels.empty() && choice.fields.empty())) {
    return fail({ErrorCode::InvalidArgument, "setting 'all' parameter but found a non empty selector. "});
  }
  const Server server(global);
  auto chosen = choose(server, global, choice);
  if (!chosen) return fail(chosen.error());
  // Files are read in the order of making; what lives in a namespace goes before it.
  if (choice.files.given()) std::reverse(chosen->begin(), chosen->end());
  const bool selecting = choice.all || !choice.labels.empty() || !choice.fields.empty();
  if (chosen->empty() && selecting && !options.ignore_not_found) std::cout << "No resources found\n";
  if (options.force && *grace == 0) {
    std::cerr
        << "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
           "The resource may continue to run on the cluster indefinitely.\n";
  }
  json::object body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", *policy}};
  if (*grace) body["gracePeriodSeconds"] = **grace;
  if (options.dry_run == DryRun::Server) body["dryRun"] = json::array{"All"};
  const auto suffix = dry_run_suffix(options.dry_run);
  const auto deadline = deadline_after(options.timeout);
  int code = 0;
  std::vector<Deleted> deleted;
  for (const auto& object : *chosen) {
    auto answer = options.dry_run == DryRun::Client ? server.get(*object.kind, object.ns, object.name)
                                                    : server.remove(object.path(), body);
    if (!answer) {
      const bool missing = answer.error().code() == ErrorCode::NotFound;
      if (missing && (options.ignore_not_found || selecting)) continue;
      code = fail(answer.error());
      if (answer.error().code() == ErrorCode::Unavailable) return code;
      continue;
    }
    if (options.output == "name") {
      std::cout << object.display() << std::endl;
    } else {
      std::cout << fmt::format("{} \"{}\" {}deleted{}", object.resource(), object.name, options.force ? "force " : "",
                               suffix)
                << std::endl;
    }
    auto uid = uid_of(*answer);
    if (uid.empty()) uid = find_string(*answer, {"details", "uid"});
    if (!uid.empty()) deleted.push_back({object, std::string(uid)});
  }
  if (!options.wait || options.dry_run != DryRun::None) return code;
  for (const auto& one : deleted) {
    if (auto gone = wait_until_gone(server, one, deadline); !gone) code = fail(gone.error());
  }
  return code;
}

}  // namespace

Command delete_command() {
  auto options = std::make_shared<DeleteOptions>();
  Command command;
  command.usage = "(KIND NAME... | KIND/NAME... | KIND -l SELECTOR | KIND --all | -f FILE) [flags]";
  command.details = "Returns when the objects are gone, or replaced by new ones of the same name.";
  command.words = Words::Objects;
  auto& flags = command.flags;
  add_choice_flags(flags, options->choice);
  flags.add(options->choice.all_namespaces, "all-namespaces", 'A', "With --all or a selector: in every namespace");
  flags.add(options->grace_period, "grace-period", 0, "SECONDS",
            "Until the containers are killed; -1: as the pod says");
  flags.add(options->now, "now", 0, "As --grace-period=1");
  flags.add(options->force, "force", 0, "At once, without grace");
  auto& cascade = flags.add(options->cascade, "cascade", 0, "POLICY", "What it owns: background, foreground or orphan");
  cascade.bare = "background";
  cascade.choices = {"background", "foreground", "orphan"};
  flags.add(options->wait, "wait", 0, "Return when they are gone (default; --wait=false)");
  flags.add(options->timeout, "timeout", 0, "How long to wait; 0: as long as it takes");
  flags.add(options->ignore_not_found, "ignore-not-found", 0, "A missing object is no error");
  add_dry_run_flag(flags, options->dry_run, "none, client or server: only say what would be deleted");
  flags.add(options->output, "output", 'o', "FORMAT", "name: print kind/name only").choices = {"name"};
  command.run = [options](const Global& global, const Arguments& arguments) {
    return remove(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
