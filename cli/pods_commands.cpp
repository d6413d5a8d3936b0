// cli/pods_commands.cpp - berth pods strangers, adopt, remove: pods on this host that have no object.
#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/server.hpp"
#include "cli/tab_text.hpp"
#include "cli/watch_until.hpp"
#include "model/host_status.hpp"

namespace berth::cli {

namespace {

using model::Stranger;

struct OrderOptions {
  std::optional<std::chrono::milliseconds> timeout;
};

std::string full_name(const Stranger& stranger) { return fmt::format("{}/{}", stranger.ns, stranger.name); }

Result<model::HostStatus> ask(const Server& server) {
  const auto document = server.read(std::string(model::kHostStatusPath));
  if (!document) return document.error();
  return model::decode_host_status(*document);
}

int show(const Global& global) {
  const auto status = ask(Server(global));
  if (!status) return fail(status.error());
  if (status->strangers.empty()) {
    std::cout << "No pods without an object.\n";
    return 0;
  }
  std::string rows = "UID\tNAMESPACE\tNAME\tWHY\n";
  for (const auto& each : status->strangers) {
    rows += fmt::format("{}\t{}\t{}\t{}\n", each.uid, one_line(each.ns), one_line(each.name), one_line(each.why));
  }
  std::cout << align_tabs(rows, 6, 3);
  return 0;
}

/// The stranger that `word` names, by its uid or as NAMESPACE/NAME.
Result<Stranger> find_stranger(const std::vector<Stranger>& all, const std::string& word) {
  std::vector<const Stranger*> found;
  for (const auto& each : all) {
    if (each.uid == word || full_name(each) == word) found.push_back(&each);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    return Error(ErrorCode::NotFound,
                 fmt::format("no pod without an object is called \"{}\": see berth pods strangers", word));
  }
  return Error(ErrorCode::InvalidArgument, fmt::format("{} pods are called \"{}\": say which by UID, {} or {}",
                                                       found.size(), word, found[0]->uid, found[1]->uid));
}

Status give_orders(const Server& server, const std::string& node, const std::vector<Stranger>& chosen,
                   std::string_view order) {
  json::object annotations;
  for (const auto& each : chosen) annotations[std::string(model::kStrangerOrder) + each.uid] = order;
  const json::object patch{{"metadata", json::object{{"annotations", std::move(annotations)}}}};
  const auto path = resource_path(model::info(model::Kind::Node), "", node);
  auto done = server.patch(path, kMergePatch, json::serialize(patch));
  if (!done) return done.error();
  return Ok{};
}

/// Until the agent has taken all of these orders away.
Status wait_until_carried_out(const Server& server, const std::string& node, const std::vector<Stranger>& chosen,
                              const Deadline& deadline) {
  const auto done = [&](const json::value& object) {
    return std::none_of(chosen.begin(), chosen.end(), [&](const auto& each) {
      return find(object, {"metadata", "annotations", std::string(model::kStrangerOrder) + each.uid}) != nullptr;
    });
  };
  const Waiter waiter{
      [&](const json::array& items) -> Result<bool> { return std::all_of(items.begin(), items.end(), done); },
      [&](std::string_view type, const json::value& object) -> Result<bool> {
        return type == "DELETED" || done(object);
      }};
  auto waited = watch_until(server, model::info(model::Kind::Node), "", {"", fmt::format("metadata.name={}", node)},
                            deadline, waiter);
  if (failed_with(waited, ErrorCode::DeadlineExceeded)) {
    return Error(ErrorCode::DeadlineExceeded, "timed out waiting for the agent; what was ordered stands");
  }
  return waited;
}

int decide(const Global& global, const OrderOptions& options, const Arguments& arguments, std::string_view order,
           std::string_view done) {
  if (arguments.words.empty()) {
    return usage_error(fmt::format("pods {}", order),
                       {ErrorCode::InvalidArgument, "a pod is needed: its UID, or NAMESPACE/NAME"});
  }
  const Server server(global);
  const auto before = ask(server);
  if (!before) return fail(before.error());
  std::vector<Stranger> chosen;
  for (const auto& word : arguments.words) {
    const auto stranger = find_stranger(before->strangers, word);
    if (!stranger) return fail(stranger.error());
    chosen.push_back(*stranger);
  }
  if (auto given = give_orders(server, before->node, chosen, order); !given) return fail(given.error());
  const auto deadline = deadline_after(options.timeout);
  if (auto waited = wait_until_carried_out(server, before->node, chosen, deadline); !waited) {
    return fail(waited.error());
  }
  const auto after = ask(server);
  if (!after) return fail(after.error());
  int code = 0;
  for (const auto& each : chosen) {
    const auto left = find_stranger(after->strangers, each.uid);
    if (!left) {
      std::cout << fmt::format("pod {} ({}) {}", full_name(each), each.uid, done) << std::endl;
    } else {
      code =
          fail({ErrorCode::FailedPrecondition, fmt::format("pod {} ({}): {}", full_name(each), each.uid, left->why)});
    }
  }
  return code;
}

Command make(std::string_view order, std::string_view done, std::string details) {
  auto options = std::make_shared<OrderOptions>();
  Command command;
  command.usage = "(UID | NAMESPACE/NAME)... [flags]";
  command.details = std::move(details);
  command.flags.add(options->timeout, "timeout", 0, "How long to wait; 0: as long as it takes");
  command.run = [options, order, done](const Global& global, const Arguments& arguments) {
    return decide(global, *options, arguments, order, done);
  };
  return command;
}

}  // namespace

Command pods_strangers_command() {
  Command command;
  command.usage = "[flags]";
  command.details =
      "Strangers are pods that run here and that the agent's store does not know: it was lost, or is an older copy. "
      "They "
      "run on until a person decides.";
  command.run = [](const Global& global, const Arguments&) { return show(global); };
  return command;
}

Command pods_adopt_command() {
  return make(
      "adopt", "adopted",
      "Its object is made again under its old uid, without an owner; its containers go on. Fails when there is an "
      "object of that name.");
}

Command pods_remove_command() {
  return make("remove", "removed",
              "Returns when nothing of it is left on this host. What it had in volumes of claims stays.");
}

}  // namespace berth::cli
