// cli/berth_main.cpp - the `berth` command: reads the command line, runs one command.
#include <csignal>
#include <iostream>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"

namespace {

using namespace berth::cli;  // NOLINT(google-build-using-namespace): this file is only the table of commands

int run(int argc, char** argv) {
  CLI::App app{"berth - stateful workloads on this host, in Kubernetes' words", "berth"};
  app.require_subcommand(1);
  app.fallthrough();
  Global global;
  app.add_option("--socket", global.socket, "Where the agent listens")->envname("BERTH_SOCKET")->capture_default_str();
  app.add_option("-n,--namespace", global.ns, "Namespace of the request")->capture_default_str();
  int code = 0;

  GetOptions get;
  auto* get_command = app.add_subcommand("get", "Show objects");
  get_command->add_option("what", get.what, "KIND[,KIND] [NAME...] | KIND/NAME... | all")->required();
  get_command->add_option("-o,--output", get.output, "wide, yaml, json or name");
  get_command->add_option("-l,--selector", get.label_selector, "Label selector: app=web,tier!=front");
  get_command->add_option("--field-selector", get.field_selector, "Field selector: status.phase=Running");
  get_command->add_flag("-w,--watch", get.watch, "Go on with every change");
  get_command->add_flag("--show-labels", get.show_labels, "Labels as the last column");
  get_command->add_flag("--no-headers", get.no_headers, "No column titles");
  get_command->add_flag("-A,--all-namespaces", global.all_namespaces, "Objects of every namespace");
  get_command->callback([&] { code = run_get(global, get); });

  DescribeOptions describe;
  auto* describe_command = app.add_subcommand("describe", "Show one object in detail, with its events");
  describe_command->add_option("what", describe.what, "KIND NAME... | KIND/NAME...")->required();
  describe_command->callback([&] { code = run_describe(global, describe); });

  LogsOptions logs;
  auto* logs_command = app.add_subcommand("logs", "Print what a container wrote");
  logs_command->add_option("pod", logs.pod, "POD")->required();
  logs_command->add_option("-c,--container", logs.container, "Container; needed when there are several");
  logs_command->add_flag("-f,--follow", logs.follow, "Go on until the container ends");
  logs_command->add_flag("-p,--previous", logs.previous, "The run before the last restart");
  logs_command->add_flag("--timestamps", logs.timestamps, "Each line with its time");
  logs_command->add_option("--tail", logs.tail, "Only the last N lines");
  logs_command->add_option("--since", logs.since, "Only newer than 90s, 5m, 1h30m");
  logs_command->callback([&] { code = run_logs(global, logs); });

  ExecCommand exec;
  auto* exec_command = app.add_subcommand("exec", "Run a command in a container: berth exec [-it] POD -- CMD");
  exec_command->add_option("pod", exec.pod, "POD")->required();
  exec_command->add_option("-c,--container", exec.container, "Container; needed when there are several");
  exec_command->add_flag("-i,--stdin", exec.has_stdin, "Pass stdin on");
  exec_command->add_flag("-t,--tty", exec.tty, "With a terminal");
  exec_command->add_option("command", exec.command, "The command and its arguments, after --")->required();
  exec_command->callback([&] { code = run_exec(global, exec); });

  DeleteOptions remove;
  auto* delete_command = app.add_subcommand("delete", "Delete objects");
  delete_command->add_option("what", remove.what, "KIND NAME... | KIND/NAME...")->required();
  delete_command->add_option("--grace-period", remove.grace_period, "Seconds until the containers are killed");
  delete_command->add_flag("--wait,!--no-wait", remove.wait, "Return when they are gone (default; --wait=false)")
      ->default_val(true);
  delete_command->add_flag("--ignore-not-found", remove.ignore_not_found, "A missing object is no error");
  delete_command->callback([&] { code = run_delete(global, remove); });

  ScaleOptions scale;
  auto* scale_command = app.add_subcommand("scale", "Set the number of replicas: berth scale sts NAME --replicas N");
  scale_command->add_option("what", scale.what, "sts NAME | sts/NAME")->required();
  scale_command->add_option("--replicas", scale.replicas, "How many")->required()->check(CLI::NonNegativeNumber);
  scale_command->callback([&] { code = run_scale(global, scale); });

  std::vector<std::string> files;
  auto* check_command = app.add_subcommand("check", "Check manifests, without an agent");
  check_command->add_option("files", files, "FILE...; - is stdin")->required();
  check_command->callback([&] { code = run_check(files); });

  std::string containerd = "/run/containerd/containerd.sock";
  auto* doctor_command = app.add_subcommand("doctor", "What this host lacks, and how to fix it");
  doctor_command->add_option("--containerd", containerd, "containerd's socket")->capture_default_str();
  doctor_command->callback([&] { code = run_doctor(containerd); });

  auto* version_command = app.add_subcommand("version", "Versions of this command and of the agent");
  version_command->callback([&] { code = run_version(global); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error of write(2)
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
