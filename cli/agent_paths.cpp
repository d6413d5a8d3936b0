// cli/agent_paths.cpp - see agent_paths.hpp.
#include "cli/agent_paths.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/json.hpp"
#include "model/model.hpp"

namespace berth::cli {
namespace {

/// Sets `into` from the text at `path`, if there is any.
Status take(const json::value& document, std::initializer_list<std::string_view> path, std::filesystem::path& into) {
  const auto* found = find(document, path);
  if (found == nullptr || found->is_null()) return Ok{};
  if (!found->is_string()) {
    std::string key;
    for (const auto& part : path) key += fmt::format("{}{}", key.empty() ? "" : ".", part);
    return Error(ErrorCode::InvalidArgument, key + ": must be a path");
  }
  into = std::string(view(found->get_string()));
  return Ok{};
}

/// A file of comments alone is the default configuration.
bool says_anything(std::string_view yaml) {
  for (std::size_t at = 0; at < yaml.size();) {
    const auto end = std::min(yaml.find('\n', at), yaml.size());
    const auto first = yaml.find_first_not_of(" \t\r", at);
    if (first < end && yaml[first] != '#') return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

Result<AgentPaths> agent_paths(std::string_view yaml) {
  AgentPaths paths;
  if (!says_anything(yaml)) return paths;
  const auto document = model::parse_yaml(yaml);
  if (!document) return document.error();
  if (auto taken = take(*document, {"containerd", "address"}, paths.containerd); !taken) return taken.error();
  if (auto taken = take(*document, {"stateDir"}, paths.state_dir); !taken) return taken.error();
  if (auto taken = take(*document, {"runDir"}, paths.run_dir); !taken) return taken.error();
  paths.socket = paths.run_dir / "berthd.sock";
  if (auto taken = take(*document, {"api", "socket"}, paths.socket); !taken) return taken.error();
  std::filesystem::path domain = paths.cluster_domain;
  if (auto taken = take(*document, {"network", "clusterDomain"}, domain); !taken) return taken.error();
  paths.cluster_domain = domain.string();
  return paths;
}

Result<AgentPaths> read_agent_paths(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (!text) return text.error();
  auto paths = agent_paths(*text);
  if (!paths) return paths.error().context(file.native());
  return paths;
}

}  // namespace berth::cli
