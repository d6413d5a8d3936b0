// cli/commands.hpp - one function per command of `berth`; each prints and returns the exit code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace berth::cli {

/// What every command that talks to the agent knows.
struct Global {
  std::filesystem::path socket = "/run/berth/berthd.sock";
  std::string ns = "default";
  bool all_namespaces = false;
};

struct GetOptions {
  std::vector<std::string> what;  ///< "pods", "pods,svc", "sts web", "pod/web-0 svc/web", "all"
  std::string output;             ///< "", "wide", "yaml", "json", "name"
  std::string label_selector;
  std::string field_selector;
  bool watch = false;
  bool show_labels = false;
  bool no_headers = false;
};
int run_get(const Global& global, const GetOptions& options);

struct DescribeOptions {
  std::vector<std::string> what;
};
int run_describe(const Global& global, const DescribeOptions& options);

struct LogsOptions {
  std::string pod;
  std::string container;
  bool follow = false;
  bool previous = false;
  bool timestamps = false;
  std::optional<std::int64_t> tail;
  std::string since;  ///< "90s", "5m", "1h30m"
};
int run_logs(const Global& global, const LogsOptions& options);

struct ExecCommand {
  std::string pod;
  std::string container;
  bool has_stdin = false;
  bool tty = false;
  std::vector<std::string> command;
};
/// The command's own exit code.
int run_exec(const Global& global, const ExecCommand& options);

struct DeleteOptions {
  std::vector<std::string> what;
  std::optional<std::int64_t> grace_period;
  bool wait = true;
  bool ignore_not_found = false;
};
int run_delete(const Global& global, const DeleteOptions& options);

struct ScaleOptions {
  std::vector<std::string> what;
  std::int64_t replicas = 0;
};
int run_scale(const Global& global, const ScaleOptions& options);

/// Reads manifests without an agent. 1 when one has an error.
int run_check(const std::vector<std::string>& files);

/// What this host lacks, with the fix. 1 when something fails.
int run_doctor(const std::filesystem::path& containerd_socket);

int run_version(const Global& global);

}  // namespace berth::cli
