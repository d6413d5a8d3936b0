// cli/command.hpp - one command of `berth`: name, flags, help and what runs; and the table of all of them.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/flags.hpp"

namespace berth::cli {

/// What every command that talks to the agent knows.
struct Global {
  std::filesystem::path socket = "/run/berth/berthd.sock";
  std::string ns = "default";
  bool ns_given = false;                                     ///< By -n.
  std::optional<std::chrono::milliseconds> request_timeout;  ///< Unset or 0: a minute until an answer begins.
  std::optional<std::int64_t> verbosity;                     ///< From 6 on each request is a line on stderr.
};

/// What the words of a command line are, for completion.
enum class Words { None, Objects, Sets, Pods, Nodes, Files };

struct Command {
  std::string usage;    ///< What follows the name: "POD [-c CONTAINER] -- CMD".
  std::string details;  ///< Further lines of --help and of the man page; may be empty.
  Words words = Words::None;
  Flags flags;
  std::function<int(const Global&, const Arguments&)> run;  ///< Prints; returns the exit code.
};

/// A row of the table; a command is only built when it is asked for.
struct CommandEntry {
  std::string_view name;     ///< "get", "rollout status"
  std::string_view summary;  ///< One line.
  Command (*make)();
};

const std::vector<CommandEntry>& all_commands();
const CommandEntry* find_command(std::string_view name);
/// Names of the sub-commands of "rollout", "top", ...; empty when it has none.
std::vector<std::string_view> subcommands_of(std::string_view name);

Flags global_flags(Global& global);

/// Names that `word` may have meant, nearest first; at most four.
std::vector<std::string> similar_commands(std::string_view word);

std::string help_text();
std::string help_text(const CommandEntry& entry);
/// The manual page berth(1), in man(7)'s macros.
std::string man_page();

// One per command; each lives in the file that runs it.
Command annotate_command();
Command api_resources_command();
Command apply_command();
Command plan_command();
Command attach_command();
Command autoscale_command();
Command check_command();
Command completion_command();
Command cordon_command();
Command cp_command();
Command dashboard_command();
Command create_cron_job_command();
Command create_deployment_command();
Command create_job_command();
Command delete_command();
Command describe_command();
Command doctor_command();
Command drain_command();
Command events_command();
Command exec_command();
Command expose_command();
Command get_command();
Command kubeconfig_command();
Command label_command();
Command logs_command();
Command node_back_command();
Command node_lost_command();
Command patch_command();
Command pods_adopt_command();
Command pods_remove_command();
Command pods_strangers_command();
Command port_forward_command();
Command rollout_history_command();
Command rollout_restart_command();
Command rollout_pause_command();
Command rollout_resume_command();
Command rollout_status_command();
Command rollout_undo_command();
Command run_command();
Command scale_command();
Command set_image_command();
Command status_command();
Command top_node_command();
Command top_pod_command();
Command uncordon_command();
Command version_command();
Command wait_command();

}  // namespace berth::cli
