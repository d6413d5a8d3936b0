// cli/command.cpp - the table of commands, their help and the manual page.
#include "cli/command.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/edit_distance.hpp"
#include "cli/keeping_commands.hpp"

namespace berth::cli {

namespace {

std::string flag_title(const Flag& flag) {
  auto out = flag.letter == 0 ? fmt::format("    --{}", flag.name) : fmt::format("-{}, --{}", flag.letter, flag.name);
  if (!flag.placeholder.empty()) {
    out += flag.bare.empty() ? fmt::format(" {}", flag.placeholder) : fmt::format("[={}]", flag.placeholder);
  }
  return out;
}

std::string flag_lines(const Flags& flags) {
  std::size_t width = 0;
  for (const auto& flag : flags.all()) width = std::max(width, flag_title(flag).size());
  std::string out;
  for (const auto& flag : flags.all()) out += fmt::format("  {:<{}}  {}\n", flag_title(flag), width, flag.help);
  return out;
}

/// Text for roff: a backslash and a line's first dot or quote are none of ours.
std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    line_begins = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '^' || c == '~' || c == '`') {
      out += c == '^' ? "\\(ha" : c == '~' ? "\\(ti" : "\\(ga";
    } else {
      out += c;
    }
  }
  return out;
}

std::string roff_flags(const Flags& flags) {
  std::string out;
  for (const auto& flag : flags.all()) {
    out += ".TP\n.B ";
    if (flag.letter != 0) out += fmt::format("\\-{}, ", flag.letter);
    out += fmt::format("\\-\\-{}", roff(flag.name));
    if (!flag.placeholder.empty()) {
      out +=
          flag.bare.empty() ? fmt::format(" {}", roff(flag.placeholder)) : fmt::format("[={}]", roff(flag.placeholder));
    }
    out += fmt::format("\n{}.\n", roff(flag.help));
  }
  return out;
}

}  // namespace

const std::vector<CommandEntry>& all_commands() {
  static const std::vector<CommandEntry> kCommands = {
      {"get", "Show objects", get_command},
      {"describe", "Show objects in detail, with their events", describe_command},
      {"apply", "Create or change objects as files say (server-side apply)", apply_command},
      {"plan", "What an apply would do here, step by step, without doing it", plan_command},
      {"create deployment", "Make a Deployment of an image", create_deployment_command},
      {"create cronjob", "Make a job of an image by a schedule", create_cron_job_command},
      {"create job", "Make a job, also from a CronJob's template", create_job_command},
      {"delete", "Delete objects", delete_command},
      {"expose", "Make a Service before the pods of an object", expose_command},
      {"set image", "Give containers another image", set_image_command},
      {"scale", "Set the number of replicas", scale_command},
      {"autoscale", "Let the number of replicas follow what the pods use", autoscale_command},
      {"rollout status", "Watch a rollout until it is done", rollout_status_command},
      {"rollout history", "Revisions of a set", rollout_history_command},
      {"rollout undo", "Go back to an earlier revision", rollout_undo_command},
      {"rollout restart", "Restart the pods of a set, in order", rollout_restart_command},
      {"rollout pause", "Keep a Deployment's pods as they are, whatever its template says", rollout_pause_command},
      {"rollout resume", "Go on with a paused Deployment", rollout_resume_command},
      {"wait", "Wait for a condition of objects", wait_command},
      {"logs", "Print what containers wrote", logs_command},
      {"exec", "Run a command in a container", exec_command},
      {"attach", "Join a running container's streams", attach_command},
      {"port-forward", "Forward local ports to a pod", port_forward_command},
      {"cp", "Copy files from and to containers", cp_command},
      {"run", "Run an image in a pod", run_command},
      {"events", "List events", events_command},
      {"top pod", "CPU and memory of pods", top_pod_command},
      {"top node", "CPU and memory of nodes", top_node_command},
      {"label", "Change labels", label_command},
      {"annotate", "Change annotations", annotate_command},
      {"patch", "Change fields of an object", patch_command},
      {"cordon", "Mark a node as unschedulable", cordon_command},
      {"uncordon", "Mark a node as schedulable", uncordon_command},
      {"drain", "Evict the pods of a node", drain_command},
      {"node lost", "Say that a host is gone: its pods are made elsewhere", node_lost_command},
      {"node back", "Say that a host that was lost is there again", node_back_command},
      {"status", "How this host is, on one screen", status_command},
      {"dashboard", "This host in a browser: berths, logs, events, disks", dashboard_command},
      {"pods strangers", "Pods that run here and have no object", pods_strangers_command},
      {"pods adopt", "Make the object of a pod that has none", pods_adopt_command},
      {"pods remove", "Take down a pod that has no object", pods_remove_command},
      {"backup", "Keep a copy of all objects in a file", backup_command},
      {"restore", "Put a copy of all objects back, while berthd is stopped", restore_command},
      {"check", "Check manifests, without an agent", check_command},
      {"doctor", "What this host lacks, and how to fix it", doctor_command},
      {"support-bundle", "Pack what somebody who helps wants to see, without secrets", support_bundle_command},
      {"kubeconfig", "Print what kubectl needs to reach the agent over TLS", kubeconfig_command},
      {"api-resources", "Kinds that the agent knows", api_resources_command},
      {"completion", "Print the completion script of a shell", completion_command},
      {"version", "Versions of this command and of the agent", version_command},
  };
  return kCommands;
}

const CommandEntry* find_command(std::string_view name) {
  for (const auto& entry : all_commands()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::vector<std::string_view> subcommands_of(std::string_view name) {
  std::vector<std::string_view> out;
  for (const auto& entry : all_commands()) {
    if (entry.name.size() > name.size() + 1 && entry.name.starts_with(name) && entry.name[name.size()] == ' ') {
      out.push_back(entry.name.substr(name.size() + 1));
    }
  }
  return out;
}

Flags global_flags(Global& global) {
  Flags flags;
  flags.add(global.ns, "namespace", 'n', "NAME", "Namespace of the request (default: \"default\")").set =
      [&global](std::string_view text) -> Status {
    global.ns = text;
    global.ns_given = true;
    return Ok{};
  };
  flags.add_path(global.socket, "socket", "FILE",
                 "Where the agent listens (default: $BERTH_SOCKET, /run/berth/berthd.sock)");
  flags.add(global.request_timeout, "request-timeout", 0,
            "How long to wait for one answer; 0: a minute until it begins");
  flags.add(global.verbosity, "v", 'v', "LEVEL", "From 6 on, each request is a line on standard error");
  return flags;
}

std::vector<std::string> similar_commands(std::string_view word) {
  std::vector<std::pair<std::size_t, std::string>> near;
  std::string before;
  for (const auto& entry : all_commands()) {
    const auto name = std::string(entry.name.substr(0, entry.name.find(' ')));
    if (name == before) continue;
    before = name;
    const auto edits = edit_distance(word, name);
    if (edits <= 2 || (word.size() > 2 && name.starts_with(word))) near.emplace_back(edits, name);
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (auto& [edits, name] : near) {
    if (out.size() < 4) out.push_back(std::move(name));
  }
  return out;
}

std::string help_text() {
  std::string out = "berth - stateful workloads on this host, in Kubernetes' words\n\nCommands:\n";
  for (const auto& entry : all_commands()) out += fmt::format("  {:<16} {}\n", entry.name, entry.summary);
  Global global;
  out += fmt::format("\nFlags of every command:\n{}\nUsage:\n  berth COMMAND [flags]\n\n",
                     flag_lines(global_flags(global)));
  return out + "Use \"berth COMMAND --help\" for more about a command.\n";
}

std::string help_text(const CommandEntry& entry) {
  const auto command = entry.make();
  auto out = fmt::format("{}.\n\nUsage:\n  berth {} {}\n", entry.summary, entry.name, command.usage);
  if (!command.details.empty()) out += fmt::format("\n{}\n", command.details);
  if (!command.flags.all().empty()) out += fmt::format("\nFlags:\n{}", flag_lines(command.flags));
  Global global;
  return out + fmt::format("\nFlags of every command:\n{}", flag_lines(global_flags(global)));
}

std::string man_page() {
  std::string out =
      ".\\\" docs/man/berth.1 - made by `berth __man`; a test compares the two.\n"
      ".TH BERTH 1 \"\" \"berth " BERTH_VERSION
      "\" \"User commands\"\n"
      ".SH NAME\nberth \\- stateful workloads on this host, in Kubernetes\\(aq words\n"
      ".SH SYNOPSIS\n.B berth\n.I COMMAND\n[\n.I flags\n]\n"
      ".SH DESCRIPTION\n"
      "Talks to\n.BR berthd (8)\nover its unix socket. Words, columns, flags and exit codes are those of\n.BR kubectl "
      "(1).\n"
      "A kind may be written in full, in the plural or short (statefulset, statefulsets, sts), and KIND NAME as "
      "KIND/NAME.\n"
      ".SH COMMANDS\n";
  for (const auto& entry : all_commands()) {
    const auto command = entry.make();
    out += fmt::format(".SS berth {}\n.nf\nberth {} {}\n.fi\n.PP\n{}.\n", roff(entry.name), roff(entry.name),
                       roff(command.usage), roff(entry.summary));
    if (!command.details.empty()) out += fmt::format("{}\n", roff(command.details));
    out += roff_flags(command.flags);
  }
  Global global;
  out += fmt::format(".SH \"FLAGS OF EVERY COMMAND\"\n{}", roff_flags(global_flags(global)));
  out +=
      ".SH ENVIRONMENT\n.TP\n.B BERTH_SOCKET\nWhere the agent listens, when\n.B \\-\\-socket\nis not given.\n"
      ".SH \"EXIT STATUS\"\n0: done. 1: an error, printed on standard error.\n.B berth exec\nand\n.B berth run \\-it\n"
      "end with the exit code of the command they ran.\n"
      ".SH FILES\n.TP\n.I /run/berth/berthd.sock\nThe agent\\(aqs socket, for root and members of group berth.\n"
      ".SH \"SEE ALSO\"\n.BR berthd (8),\n.BR berthd.yaml (5),\n.BR berth\\-logd (8)\n";
  return out;
}

}  // namespace berth::cli
