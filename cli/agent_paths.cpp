// cli/agent_paths.cpp - see agent_paths.hpp.
#include "cli/agent_paths.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>

#include <fmt/format.h>

#include "base/atomic_file.hpp"
#include "base/drop_ins.hpp"
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

/// What one text says of them; `socket` only when it is named.
Status take_all(std::string_view yaml, AgentPaths& paths, std::filesystem::path& socket) {
  if (!says_anything(yaml)) return Ok{};
  const auto document = model::parse_yaml(yaml);
  if (!document) return document.error();
  if (auto taken = take(*document, {"containerd", "address"}, paths.containerd); !taken) return taken;
  if (auto taken = take(*document, {"stateDir"}, paths.state_dir); !taken) return taken;
  if (auto taken = take(*document, {"runDir"}, paths.run_dir); !taken) return taken;
  if (auto taken = take(*document, {"api", "socket"}, socket); !taken) return taken;
  std::filesystem::path domain = paths.cluster_domain;
  if (auto taken = take(*document, {"network", "clusterDomain"}, domain); !taken) return taken;
  paths.cluster_domain = domain.string();
  return Ok{};
}

}  // namespace

Result<AgentPaths> agent_paths(std::string_view yaml) {
  AgentPaths paths;
  std::filesystem::path socket;
  if (auto taken = take_all(yaml, paths, socket); !taken) return taken.error();
  paths.socket = socket.empty() ? paths.run_dir / "berthd.sock" : socket;
  return paths;
}

Result<AgentPaths> read_agent_paths(const std::filesystem::path& file) {
  const auto over = drop_ins(file);
  if (!over) return over.error();
  auto files = *over;
  files.insert(files.begin(), file);
  AgentPaths paths;
  std::filesystem::path socket;
  for (const auto& each : files) {
    const auto text = read_file(each);
    if (failed_with(text, ErrorCode::NotFound) && each == file && !over->empty()) continue;
    if (!text) return text.error();
    if (auto taken = take_all(*text, paths, socket); !taken) return Error(taken.error()).context(each.native());
  }
  paths.socket = socket.empty() ? paths.run_dir / "berthd.sock" : socket;
  return paths;
}

}  // namespace berth::cli
