// cli/wait_command.cpp - berth wait: until objects meet a condition, appear or are gone.
#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/messages.hpp"
#include "cli/selection.hpp"
#include "cli/wait_condition.hpp"
#include "cli/watch_until.hpp"

namespace berth::cli {

namespace {

constexpr std::chrono::seconds kDefaultTimeout{30};

struct WaitOptions {
  Choice choice;
  std::string condition;
  std::optional<std::chrono::milliseconds> timeout = kDefaultTimeout;
};

Status wait_for_one(const Server& server, const WaitCondition& condition, const Chosen& object, const std::string& uid,
                    const Deadline& deadline) {
  const bool deleting = condition.type() == WaitCondition::Type::Delete;
  bool seen = condition.type() == WaitCondition::Type::Create;
  const Waiter waiter{
      [&](const json::array& items) -> Result<bool> {
        if (deleting) {
          return std::none_of(items.begin(), items.end(), [&](const json::value& item) { return uid_of(item) == uid; });
        }
        if (!items.empty()) {
          seen = true;
          return condition.is_met(items[0]);
        }
        if (seen) return false;
        const auto missing = server.get(*object.kind, object.ns, object.name);  // for the server's own words
        return missing ? condition.is_met(*missing) : Result<bool>(missing.error());
      },
      [&](std::string_view type, const json::value& now) -> Result<bool> {
        if (deleting) return type == "DELETED" || uid_of(now) != uid;
        return type != "DELETED" && condition.is_met(now);
      }};
  auto done = watch_until(server, *object.kind, object.ns, {"", fmt::format("metadata.name={}", object.name)}, deadline,
                          waiter);
  if (failed_with(done, ErrorCode::DeadlineExceeded)) {
    return Error(ErrorCode::DeadlineExceeded,
                 fmt::format("timed out waiting for the condition on {}/{}", object.kind->plural, object.name));
  }
  return done;
}

int wait(const Global& global, const WaitOptions& options, const Arguments& arguments) {
  const auto condition = WaitCondition::parse(options.condition);
  if (!condition) return fail(condition.error());
  auto choice = options.choice;
  choice.words = arguments.words;
  const Server server(global);
  const auto chosen = choose(server, global, choice);
  if (!chosen) return fail(chosen.error());
  const bool deleting = condition->type() == WaitCondition::Type::Delete;
  if (chosen->empty() && !deleting) return fail({ErrorCode::NotFound, "no matching resources found"});
  // 0 looks once; what is negative waits for a week.
  const auto deadline =
      options.timeout->count() == 0 ? Deadline(std::chrono::steady_clock::now()) : deadline_after(options.timeout);
  int code = 0;
  for (const auto& object : *chosen) {
    std::string uid;
    if (deleting) {
      const auto now = server.get(*object.kind, object.ns, object.name);
      if (failed_with(now, ErrorCode::NotFound)) continue;
      if (!now) {
        code = fail(now.error());
        continue;
      }
      uid = uid_of(*now);
    }
    if (auto done = wait_for_one(server, *condition, object, uid, deadline); !done) {
      code = fail(done.error());
      continue;
    }
    std::cout << object.display() << " condition met" << std::endl;
  }
  return code;
}

}  // namespace

Command wait_command() {
  auto options = std::make_shared<WaitOptions>();
  Command command;
  command.usage = "(KIND NAME... | KIND/NAME... | KIND -l SELECTOR | KIND --all) --for=CONDITION [flags]";
  command.words = Words::Objects;
  auto& flags = command.flags;
  flags
      .add(options->condition, "for", 0, "CONDITION",
           "delete, create, condition=NAME[=VALUE] or jsonpath={PATH}[=VALUE]")
      .choices = {"delete", "create", "condition=Ready", "jsonpath="};
  flags.add(options->timeout, "timeout", 0, "How long to wait (default 30s); 0: look once; negative: a week");
  flags.add(options->choice.all_namespaces, "all-namespaces", 'A', "With --all or a selector: in every namespace");
  add_choice_flags(flags, options->choice);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return wait(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
