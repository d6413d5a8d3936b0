// cli/node_commands.cpp - berth cordon, uncordon, drain.
#include <algorithm>
#include <iostream>
#include <memory>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/drain_plan.hpp"
#include "cli/dry_run.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/selection.hpp"
#include "cli/watch_until.hpp"

namespace berth::cli {

namespace {

using model::Kind;

constexpr std::chrono::seconds kEvictAgain{5};  // kubectl's

struct NodeOptions {
  Choice choice;
  DrainOptions drain;
  std::optional<std::int64_t> grace_period;
  std::optional<std::chrono::milliseconds> timeout;
  std::string pod_selector;
  DryRun dry_run = DryRun::None;
  bool disable_eviction = false;
};

Result<std::vector<Chosen>> nodes_of(const Server& server, const Global& global, const NodeOptions& options,
                                     const Arguments& arguments, std::string_view command) {
  auto choice = options.choice;
  if (arguments.words.empty() && choice.labels.empty()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("USAGE: {} NODE [flags]", command));
  }
  const bool names_its_kind = arguments.words.size() == 1 && arguments.words[0].find('/') != std::string::npos;
  if (!names_its_kind) choice.words.emplace_back("nodes");
  choice.words.insert(choice.words.end(), arguments.words.begin(), arguments.words.end());
  return choose(server, global, choice);
}

Status set_unschedulable(const Server& server, const NodeOptions& options, const Chosen& node, bool wanted) {
  const auto now = server.get(*node.kind, "", node.name);
  if (!now) return now.error();
  const auto* flag = find(*now, {"spec", "unschedulable"});
  const bool is = flag != nullptr && flag->is_bool() && flag->get_bool();
  const auto suffix = dry_run_suffix(options.dry_run);
  const std::string_view word = wanted ? "cordoned" : "uncordoned";
  if (is == wanted) {
    std::cout << fmt::format("{} already {}{}", node.display(), word, suffix) << std::endl;
    return Ok{};
  }
  if (options.dry_run != DryRun::Client) {
    auto done = server.patch(node.path() + dry_run_query(options.dry_run), kMergePatch,
                             wanted ? R"({"spec":{"unschedulable":true}})" : R"({"spec":{"unschedulable":null}})");
    if (!done) return done.error();
  }
  std::cout << fmt::format("{} {}{}", node.display(), word, suffix) << std::endl;
  return Ok{};
}

int mark(const Global& global, const NodeOptions& options, const Arguments& arguments, bool wanted) {
  const Server server(global);
  const auto nodes = nodes_of(server, global, options, arguments, wanted ? "cordon" : "uncordon");
  if (!nodes) return fail(nodes.error());
  int code = 0;
  for (const auto& node : *nodes) {
    if (auto done = set_unschedulable(server, options, node, wanted); !done) code = fail(done.error());
  }
  return code;
}

/// Asks once. False: a budget forbids it now.
Result<bool> evict(const Server& server, const NodeOptions& options, const Chosen& pod) {
  json::object delete_options{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (options.grace_period && *options.grace_period >= 0) delete_options["gracePeriodSeconds"] = *options.grace_period;
  const json::object eviction{{"apiVersion", "policy/v1"},
                              {"kind", "Eviction"},
                              {"metadata", json::object{{"name", pod.name}, {"namespace", pod.ns}}},
                              {"deleteOptions", delete_options}};
  std::cout << fmt::format("evicting pod {}/{}", pod.ns, pod.name) << std::endl;
  const auto done = options.disable_eviction ? server.remove(pod.path(), delete_options)
                                             : server.create(pod.path() + "/eviction", eviction);
  if (done || done.error().code() == ErrorCode::NotFound) return true;
  if (done.error().code() != ErrorCode::ResourceExhausted) {
    return done.error().context(fmt::format("error when evicting pods/\"{}\" -n \"{}\"", pod.name, pod.ns));
  }
  std::cerr << fmt::format("error when evicting pods/\"{}\" -n \"{}\" (will retry after 5s): {}\n", pod.name, pod.ns,
                           done.error().message());
  return false;
}

/// Asks for each until it is allowed. A pod that has to wait for its budget holds up no other.
Status evict_all(const Server& server, const NodeOptions& options, std::vector<Chosen> pods, const Deadline& deadline) {
  while (true) {
    std::vector<Chosen> again;
    for (const auto& pod : pods) {
      const auto gone = evict(server, options, pod);
      if (!gone) return gone.error();
      if (!*gone) again.push_back(pod);
    }
    if (again.empty()) return Ok{};
    if (deadline && std::chrono::steady_clock::now() + kEvictAgain > *deadline) {
      return Error(ErrorCode::DeadlineExceeded, fmt::format("global timeout reached: {}ms", options.timeout->count()));
    }
    std::this_thread::sleep_for(kEvictAgain);
    pods = std::move(again);
  }
}

/// Until none of these pods is there any more.
Status wait_until_gone(const Server& server, const std::string& node, std::vector<json::value> pods,
                       const Deadline& deadline) {
  std::set<std::string> left;
  for (const auto& pod : pods) left.emplace(uid_of(pod));
  const auto gone = [&](const json::value& pod) {
    if (left.erase(std::string(uid_of(pod))) > 0) std::cout << fmt::format("pod/{} evicted", name_of(pod)) << std::endl;
  };
  const Waiter waiter{[&](const json::array& items) -> Result<bool> {
                        for (const auto& pod : pods) {
                          const bool there = std::any_of(items.begin(), items.end(), [&](const json::value& item) {
                            return uid_of(item) == uid_of(pod);
                          });
                          if (!there) gone(pod);
                        }
                        return left.empty();
                      },
                      [&](std::string_view type, const json::value& pod) -> Result<bool> {
                        if (type == "DELETED") gone(pod);
                        return left.empty();
                      }};
  return watch_until(server, model::info(Kind::Pod), "", {"", fmt::format("spec.nodeName={}", node)}, deadline, waiter);
}

Status drain_one(const Server& server, const NodeOptions& options, const Chosen& node, const Deadline& deadline) {
  const auto pods =
      server.list(model::info(Kind::Pod), "", {options.pod_selector, fmt::format("spec.nodeName={}", node.name)});
  if (!pods) return pods.error();
  const auto plan = plan_drain(items_of(*pods), options.drain);
  if (!plan.errors.empty()) {
    std::string text;
    for (const auto& error : plan.errors) text += fmt::format("{}{}", text.empty() ? "" : ", ", error);
    return Error(ErrorCode::FailedPrecondition, plan.errors.size() == 1 ? text : fmt::format("[{}]", text));
  }
  if (!plan.warning.empty()) std::cerr << "Warning: " << plan.warning << '\n';
  const auto suffix = dry_run_suffix(options.dry_run);
  std::vector<Chosen> going;
  for (const auto& pod : plan.evict) {
    going.push_back(chosen_of(model::info(Kind::Pod), pod));
    if (options.dry_run == DryRun::None) continue;
    std::cout << fmt::format("evicting pod {}/{}{}\n", going.back().ns, going.back().name, suffix);
  }
  if (options.dry_run == DryRun::None) {
    if (auto done = evict_all(server, options, std::move(going), deadline); !done) return done;
  }
  if (options.dry_run == DryRun::None && !plan.evict.empty()) {
    auto done = wait_until_gone(server, node.name, plan.evict, deadline);
    if (failed_with(done, ErrorCode::DeadlineExceeded)) {
      return Error(ErrorCode::DeadlineExceeded,
                   fmt::format("drain did not complete within {}ms", options.timeout->count()));
    }
    if (!done) return done;
  }
  std::cout << node.display() << " drained" << suffix << std::endl;
  return Ok{};
}

int drain(const Global& global, const NodeOptions& options, const Arguments& arguments) {
  const Server server(global);
  const auto nodes = nodes_of(server, global, options, arguments, "drain");
  if (!nodes) return fail(nodes.error());
  const auto deadline = deadline_after(options.timeout);
  int code = 0;
  for (const auto& node : *nodes) {
    if (auto done = set_unschedulable(server, options, node, true); !done) return fail(done.error());
  }
  for (const auto& node : *nodes) {
    auto done = drain_one(server, options, node, deadline);
    if (done) continue;
    code = 1;
    std::cout.flush();
    std::cerr << fmt::format("error: unable to drain node \"{}\" due to error: {}, continuing command...\n", node.name,
                             done.error().message())
              << fmt::format("There are pending nodes to be drained:\n {}\n{}\n", node.name, done.error().message());
  }
  return code;
}

Command make(const std::shared_ptr<NodeOptions>& options) {
  Command command;
  command.usage = "NODE... [flags]";
  command.words = Words::Nodes;
  command.flags.add(options->choice.labels, "selector", 'l', "SELECTOR", "Nodes with these labels");
  add_dry_run_flag(command.flags, options->dry_run);
  return command;
}

}  // namespace

Command cordon_command() {
  auto options = std::make_shared<NodeOptions>();
  auto command = make(options);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return mark(global, *options, arguments, true);
  };
  return command;
}

Command uncordon_command() {
  auto options = std::make_shared<NodeOptions>();
  auto command = make(options);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return mark(global, *options, arguments, false);
  };
  return command;
}

Command drain_command() {
  auto options = std::make_shared<NodeOptions>();
  auto command = make(options);
  auto& flags = command.flags;
  flags.add(options->drain.ignore_daemonsets, "ignore-daemonsets", 0, "Leave pods of DaemonSets where they are");
  flags.add(options->drain.delete_emptydir_data, "delete-emptydir-data", 0,
            "Also pods whose emptyDir volumes are lost by it");
  flags.add(options->drain.force, "force", 0, "Also pods that no set makes again");
  flags.add(options->grace_period, "grace-period", 0, "SECONDS",
            "Until the containers are killed; -1: as the pod says");
  flags.add(options->timeout, "timeout", 0, "How long to wait; 0: as long as it takes");
  flags.add(options->pod_selector, "pod-selector", 0, "SELECTOR", "Only pods with these labels");
  flags.add(options->disable_eviction, "disable-eviction", 0, "Delete the pods, whatever disruption budgets say");
  command.run = [options](const Global& global, const Arguments& arguments) {
    return drain(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
