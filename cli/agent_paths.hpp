// cli/agent_paths.hpp - where an agent's configuration says that things are; for commands that work without the agent.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::cli {

/// berthd's defaults; see docs/operations.md.
struct AgentPaths {
  std::filesystem::path containerd = "/run/containerd/containerd.sock";
  std::filesystem::path state_dir = "/var/lib/berth";
  std::filesystem::path run_dir = "/run/berth";
  std::filesystem::path socket = "/run/berth/berthd.sock";
  std::string cluster_domain = "cluster.local";
};

/// Of the text of a berthd.yaml; only these keys are looked at, `berthd --check` judges the rest. InvalidArgument with
/// the line: no YAML, or a key that is no text. Pure.
Result<AgentPaths> agent_paths(std::string_view yaml);

/// Of a file and what is laid over it (base/drop_ins): a later file's word counts. NotFound when there is none of them.
Result<AgentPaths> read_agent_paths(const std::filesystem::path& file);

}  // namespace berth::cli
