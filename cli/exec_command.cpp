// cli/exec_command.cpp - berth exec, attach and run: a container's streams with this terminal.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/dry_run.hpp"
#include "cli/exec_stream.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"
#include "cli/run_pod.hpp"
#include "cli/selection.hpp"
#include "cli/watch_until.hpp"
#include "cli/yaml_text.hpp"

namespace berth::cli {

namespace {

using model::Kind;

struct StreamOptions {
  std::string container;
  bool has_stdin = false;
  bool tty = false;
  bool quiet = false;
};

void add_stream_flags(Flags& flags, StreamOptions& options) {
  flags.add(options.has_stdin, "stdin", 'i', "Pass standard input on");
  flags.add(options.tty, "tty", 't', "With a terminal");
  flags.add(options.quiet, "quiet", 'q', "Only what the container says");
}

void add_session_flags(Flags& flags, StreamOptions& options) {
  flags.add(options.container, "container", 'c', "NAME", "Which container; needed when there are several");
  add_stream_flags(flags, options);
}

/// A terminal is only possible where there is one.
bool usable_tty(const StreamOptions& options) {
  if (!options.tty || ::isatty(STDIN_FILENO) == 1) return options.tty;
  std::cerr << "Unable to use a TTY - input is not a terminal or the right kind of file\n";
  return false;
}

std::string stream_query(const StreamOptions& options, const std::string& container, bool tty) {
  auto out = fmt::format("?container={}&stdout=true", url_encode(container));
  if (options.has_stdin) out += "&stdin=true";
  return out + (tty ? "&tty=true" : "&stderr=true");
}

/// Is the pod's container made for a terminal? Only then an attached one is of use.
bool container_has_tty(const json::value& pod, std::string_view container) {
  const auto* containers = find(pod, {"spec", "containers"});
  if (containers == nullptr || !containers->is_array()) return false;
  return std::any_of(containers->get_array().begin(), containers->get_array().end(), [&](const json::value& one) {
    const auto* tty = find(one, {"tty"});
    return find_string(one, {"name"}) == container && tty != nullptr && tty->is_bool() && tty->get_bool();
  });
}

Result<int> attach_to(const Global& global, const StreamOptions& options, const json::value& pod) {
  const auto container = options.container.empty() ? default_container(pod) : options.container;
  bool tty = usable_tty(options);
  if (tty && !container_has_tty(pod, container)) {
    std::cerr << fmt::format("error: Unable to use a TTY - container {} did not allocate one\n", container);
    tty = false;
  }
  if (tty && options.has_stdin && !options.quiet)
    std::cerr << "If you don't see a command prompt, try pressing enter.\n";
  const auto path = resource_path(model::info(Kind::Pod), namespace_of(pod), name_of(pod)) + "/attach" +
                    stream_query(options, container, tty);
  return run_stream(global, path, {.own_stdin = options.has_stdin, .terminal = tty, .produce = {}, .take = {}});
}

int exec(const Global& global, const StreamOptions& options, const Arguments& arguments) {
  if (arguments.words.empty()) {
    return usage_error("exec", {ErrorCode::InvalidArgument, "pod, type/name or --filename must be specified"});
  }
  if (!arguments.after_dashes) {
    if (arguments.words.size() > 1) {
      return fail({ErrorCode::InvalidArgument,
                   "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead"});
    }
    return fail({ErrorCode::InvalidArgument, "you must specify at least one command for the container"});
  }
  if (arguments.after_dashes->empty()) {
    return fail({ErrorCode::InvalidArgument, "you must specify at least one command for the container"});
  }
  const auto pod = pod_behind(Server(global), global, arguments.words[0]);
  if (!pod) return fail(pod.error());
  const auto phase = find_string(*pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") {
    return fail({ErrorCode::FailedPrecondition,
                 fmt::format("cannot exec into a container in a completed pod; current phase is {}", phase)});
  }
  const auto container = options.container.empty() ? default_container(*pod) : options.container;
  const bool tty = usable_tty(options);
  auto path = resource_path(model::info(Kind::Pod), namespace_of(*pod), name_of(*pod)) + "/exec" +
              stream_query(options, container, tty);
  for (const auto& word : *arguments.after_dashes) path += fmt::format("&command={}", url_encode(word));
  const auto code =
      run_stream(global, path, {.own_stdin = options.has_stdin, .terminal = tty, .produce = {}, .take = {}});
  return code ? *code : fail(code.error());
}

int attach(const Global& global, const StreamOptions& options, const Arguments& arguments) {
  if (arguments.words.size() != 1) {
    return fail({ErrorCode::InvalidArgument, "POD or TYPE/NAME is required for attach"});
  }
  const auto pod = pod_behind(Server(global), global, arguments.words[0]);
  if (!pod) return fail(pod.error());
  const auto phase = find_string(*pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") {
    return fail({ErrorCode::FailedPrecondition,
                 fmt::format("cannot attach a container in a completed pod; current phase is {}", phase)});
  }
  const auto code = attach_to(global, options, *pod);
  return code ? *code : fail(code.error());
}

struct RunOptions {
  StreamOptions streams;
  RunPod pod;
  bool attach = false;
  bool remove = false;
  DryRun dry_run = DryRun::None;
  std::string output;
  std::optional<std::chrono::milliseconds> timeout = std::chrono::seconds(60);
};

bool has_ended(const json::value& pod) {
  const auto phase = find_string(pod, {"status", "phase"});
  return phase == "Succeeded" || phase == "Failed";
}

Result<json::value> wait_for_pod(const Server& server, const Chosen& object, const Deadline& deadline,
                                 const std::function<bool(const json::value&)>& is_done) {
  json::value last;
  const auto look = [&](const json::value& pod) -> Result<bool> {
    last = pod;
    return is_done(pod);
  };
  const Waiter waiter{[&](const json::array& items) -> Result<bool> {
                        if (items.empty())
                          return Error(ErrorCode::NotFound, fmt::format("pod {} was deleted", object.name));
                        return look(items[0]);
                      },
                      [&](std::string_view type, const json::value& pod) -> Result<bool> {
                        if (type == "DELETED")
                          return Error(ErrorCode::NotFound, fmt::format("pod {} was deleted", object.name));
                        return look(pod);
                      }};
  auto done = watch_until(server, *object.kind, object.ns, {"", fmt::format("metadata.name={}", object.name)}, deadline,
                          waiter);
  if (!done) return done.error();
  return last;
}

/// What the container wrote before we could join it.
void print_logs(const Server& server, const Chosen& object) {
  const auto done = server.http().stream({.method = "GET",
                                          .target = object.path() + "/log",
                                          .accept = "*/*",
                                          .content_type = {},
                                          .body = {},
                                          .deadline = {}},
                                         [](std::string_view piece) {
                                           std::cout << piece << std::flush;
                                           return static_cast<bool>(std::cout);
                                         });
  static_cast<void>(done);
}

/// Joins the pod's container until it ends; its exit code where it can be known.
Result<int> run_attached(const Global& global, const Server& server, const RunOptions& options, const Chosen& object) {
  auto pod = wait_for_pod(server, object, deadline_after(options.timeout), [](const json::value& now) {
    return find_string(now, {"status", "phase"}) == "Running" || has_ended(now);
  });
  if (!pod) return pod.error();
  if (has_ended(*pod)) {
    print_logs(server, object);
  } else {
    auto code = attach_to(global, options.streams, *pod);
    if (!code && !failed_with(code, ErrorCode::Unavailable)) {
      std::cerr << fmt::format("warning: couldn't attach to pod/{}, falling back to streaming logs: {}\n", object.name,
                               code.error().message());
      print_logs(server, object);
    }
  }
  if (options.pod.restart == "Always") return 0;
  pod = wait_for_pod(server, object, {}, has_ended);
  if (!pod) return pod.error();
  const auto* statuses = find(*pod, {"status", "containerStatuses"});
  if (statuses == nullptr || !statuses->is_array() || statuses->get_array().empty()) return 0;
  const auto code = number_at(statuses->get_array()[0], {"state", "terminated", "exitCode"}, 0);
  if (code != 0)
    std::cerr << fmt::format("pod {}/{} terminated ({})\n", object.ns, object.name,
                             find_string(statuses->get_array()[0], {"state", "terminated", "reason"}));
  return static_cast<int>(code);
}

int run(const Global& global, RunOptions& options, const Arguments& arguments) {
  if (arguments.words.empty()) return fail({ErrorCode::InvalidArgument, "NAME is required for run"});
  options.pod.name = arguments.words[0];
  options.pod.args.assign(arguments.words.begin() + 1, arguments.words.end());
  if (arguments.after_dashes) {
    options.pod.args.insert(options.pod.args.end(), arguments.after_dashes->begin(), arguments.after_dashes->end());
  }
  options.pod.has_stdin = options.streams.has_stdin;
  options.pod.tty = options.streams.tty;
  const bool attached = options.attach || options.streams.has_stdin || options.streams.tty;
  if (options.streams.tty && !options.streams.has_stdin) {
    return fail({ErrorCode::InvalidArgument, "-i/--stdin is required for containers with -t/--tty=true"});
  }
  if (options.remove && !attached) {
    return fail({ErrorCode::InvalidArgument, "--rm should only be used for attached containers"});
  }
  const auto pod = options.pod.to_json();
  if (!pod) return fail(pod.error());
  if (options.dry_run == DryRun::Client) {
    if (options.output == "yaml" || options.output == "json") {
      std::cout << (options.output == "yaml" ? to_yaml(*pod) : to_pretty_json(*pod));
    } else {
      std::cout << fmt::format("pod/{} created (dry run)\n", options.pod.name);
    }
    return 0;
  }
  const Server server(global);
  const auto& kind = model::info(Kind::Pod);
  const auto made = server.create(resource_path(kind, global.ns, "") + dry_run_query(options.dry_run), *pod);
  if (!made) return fail(made.error());
  if (!attached || options.dry_run != DryRun::None) {
    std::cout << fmt::format("pod/{} created{}\n", options.pod.name, dry_run_suffix(options.dry_run));
    return 0;
  }
  const auto object = chosen_of(kind, *made);
  auto code = run_attached(global, server, options, object);
  if (options.remove) {
    auto removed = server.remove(object.path(), {{"kind", "DeleteOptions"}, {"apiVersion", "v1"}});
    if (removed && !options.streams.quiet) std::cout << fmt::format("pod \"{}\" deleted\n", object.name);
    if (!removed && removed.error().code() != ErrorCode::NotFound) return fail(removed.error());
  }
  return code ? *code : fail(code.error());
}

}  // namespace

Command exec_command() {
  auto options = std::make_shared<StreamOptions>();
  Command command;
  command.usage = "(POD | KIND/NAME) [-c CONTAINER] [-it] -- COMMAND [ARGUMENT...]";
  command.details = "Ends with the command's exit code.";
  command.words = Words::Pods;
  add_session_flags(command.flags, *options);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return exec(global, *options, arguments);
  };
  return command;
}

Command attach_command() {
  auto options = std::make_shared<StreamOptions>();
  Command command;
  command.usage = "(POD | KIND/NAME) [-c CONTAINER] [-it]";
  command.words = Words::Pods;
  add_session_flags(command.flags, *options);
  command.run = [options](const Global& global, const Arguments& arguments) {
    return attach(global, *options, arguments);
  };
  return command;
}

Command run_command() {
  auto options = std::make_shared<RunOptions>();
  Command command;
  command.usage = "NAME --image=IMAGE [-it] [--rm] [--env=NAME=VALUE] [--command] -- [COMMAND] [ARGUMENT...]";
  command.details = "With -i or --attach: joins the container and ends with its exit code.";
  auto& flags = command.flags;
  flags.add(options->pod.image, "image", 0, "IMAGE", "The image");
  add_stream_flags(flags, options->streams);
  flags.add(options->attach, "attach", 0, "Join the container (the default with -i)");
  flags.add(options->remove, "rm", 0, "Delete the pod when its container has ended");
  flags.add(options->pod.restart, "restart", 0, "POLICY", "Always (default), OnFailure or Never").choices = {
      "Always", "OnFailure", "Never"};
  flags.add_each(options->pod.env, "env", 0, "NAME=VALUE", "A variable; may be repeated");
  flags.add(options->pod.labels, "labels", 'l', "LABELS", "Labels of the pod: app=web,tier=front (default: run=NAME)");
  flags.add(options->pod.port, "port", 0, "PORT", "The port that the container exposes");
  flags.add(options->pod.pull_policy, "image-pull-policy", 0, "POLICY", "Always, IfNotPresent or Never").choices = {
      "Always", "IfNotPresent", "Never"};
  flags.add(options->pod.command, "command", 0, "What follows -- is the command, not its arguments");
  flags.add(options->timeout, "pod-running-timeout", 0, "How long to wait until the container runs (default 1m)");
  add_dry_run_flag(flags, options->dry_run);
  flags.add(options->output, "output", 'o', "FORMAT", "With --dry-run=client: yaml or json").choices = {"yaml", "json"};
  command.run = [options](const Global& global, const Arguments& arguments) {
    return run(global, *options, arguments);
  };
  return command;
}

}  // namespace berth::cli
