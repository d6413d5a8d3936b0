// cli/node_lost_commands.cpp - berth node lost, berth node back: a person's word that a host is gone.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/lost_node.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/selection.hpp"
#include "cli/server.hpp"

namespace berth::cli {

namespace {

constexpr int kTries = 5;

struct LostOptions {
  bool yes = false;
  bool force = false;
};

/// Somebody who types the name has read it.
Status ask(const std::string& name) {
  if (::isatty(STDIN_FILENO) != 1) {
    return Error(ErrorCode::FailedPrecondition, "nobody is there to be asked; say --yes if the host is off");
  }
  std::cerr << fmt::format(
      "The objects of all pods of node \"{}\" go, and their sets make them elsewhere. If the host is only cut off, "
      "they\n"
      "run twice until it is off. Type the node's name if it is off: ",
      name);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == name) return Ok{};
  return Error(ErrorCode::FailedPrecondition, "that is not its name: nothing was done");
}

/// Writes the taints that `change` makes of the node; anew when somebody else was faster. False: nothing to change.
template <typename Change>
Result<bool> change_taints(const Server& server, const std::string& name, const Change& change) {
  for (int left = kTries;; --left) {
    const auto node = server.get(model::info(model::Kind::Node), "", name);
    if (!node) return node.error();
    const auto taints = change(*node);
    if (!taints) return taints.error();
    if (!*taints) return false;
    const json::object patch{
        {"metadata", json::object{{"resourceVersion", find_string(*node, {"metadata", "resourceVersion"})}}},
        {"spec", json::object{{"taints", **taints}}}};
    auto done =
        server.patch(chosen_of(model::info(model::Kind::Node), *node).path(), kMergePatch, json::serialize(patch));
    if (done) return true;
    if (done.error().code() != ErrorCode::Aborted || left <= 1) return done.error();
  }
}

Result<std::string> one_node(const Arguments& arguments, std::string_view command) {
  if (arguments.words.size() == 1) return arguments.words.front();
  return Error(ErrorCode::InvalidArgument, fmt::format("USAGE: {} NODE [flags]", command));
}

int lost(const Global& global, const LostOptions& options, const Arguments& arguments) {
  const Server server(global);
  const auto name = one_node(arguments, "node lost");
  if (!name) return fail(name.error());
  const auto node = server.get(model::info(model::Kind::Node), "", *name);
  if (!node) return fail(node.error());
  if (auto may = may_be_lost(*node); !may && !options.force) return fail(may.error());
  if (!options.yes) {
    if (auto answered = ask(*name); !answered) return fail(answered.error());
  }
  const auto changed = change_taints(server, *name, [&](const json::value& now) -> Result<std::optional<json::array>> {
    // It may be heard of again by now.
    if (auto may = may_be_lost(now); !may && !options.force) return may.error();
    return with_lost_taint(now);
  });
  if (!changed) return fail(changed.error());
  std::cout << fmt::format("node/{} {}lost", *name, *changed ? "" : "already ") << std::endl;
  return 0;
}

int back(const Global& global, const Arguments& arguments) {
  const Server server(global);
  const auto name = one_node(arguments, "node back");
  if (!name) return fail(name.error());
  const auto changed = change_taints(server, *name, [](const json::value& now) -> Result<std::optional<json::array>> {
    return without_lost_taint(now);
  });
  if (!changed) return fail(changed.error());
  std::cout << fmt::format("node/{} {}", *name, *changed ? "back" : "was not lost") << std::endl;
  return 0;
}

}  // namespace

Command node_lost_command() {
  auto options = std::make_shared<LostOptions>();
  Command command;
  command.usage = "NODE [flags]";
  command.details =
      "Writes the taint node.kubernetes.io/out-of-service, after asking back. While the node is heard of it is "
      "refused.\n"
      "Switch the host off first: of a host that is only cut off all pods would run twice.";
  command.words = Words::Nodes;
  command.flags.add(options->yes, "yes", 'y', "Do not ask");
  command.flags.add(options->force, "force", 0, "Also of a node that is heard of");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return lost(global, *options, arguments);
  };
  return command;
}

Command node_back_command() {
  Command command;
  command.usage = "NODE";
  command.details = "Takes the taint away that 'berth node lost' wrote: the node gets pods again once it is heard of.";
  command.words = Words::Nodes;
  command.run = back;
  return command;
}

}  // namespace berth::cli
