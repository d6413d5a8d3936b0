// network/pod_paths.cpp - pure string building.
#include "network/pod_paths.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/fnv.hpp"

namespace berth::network {

PodPaths pod_paths(const std::filesystem::path& run_dir, std::string_view uid) {
  PodPaths paths;
  paths.netns = run_dir / "netns" / uid;
  paths.pod = run_dir / "pods" / uid;
  paths.etc = paths.pod / "etc";
  paths.record = paths.pod / "network.json";
  return paths;
}

std::string veth_name(std::string_view bridge, std::string_view uid) {
  const auto hash = Fnv1a().add(bridge).add("/").add(uid).value();
  return fmt::format("bth{:012x}", hash & 0xffffffffffffU);
}

Status check_uid(std::string_view uid) {
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  if (uid.empty() || uid.size() > 128 || uid.front() == '.' || !std::all_of(uid.begin(), uid.end(), safe)) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("pod uid \"{:.128}\": must be 1 to 128 of [A-Za-z0-9._-]", uid));
  }
  return Ok{};
}

}  // namespace berth::network
