// volumes/network_mounts.cpp - see network_mounts.hpp.
#include "volumes/network_mounts.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <list>

namespace berth::volumes {
namespace {

constexpr int kMaxLinks = 40;  // the kernel's own limit, path_resolution(7)

std::list<std::string> components(const std::filesystem::path& path) {
  std::list<std::string> parts;
  for (const auto& part : path.relative_path()) {
    if (!part.empty() && part != ".") parts.push_back(part.string());
  }
  return parts;
}

/// The link's text; empty when it is no link or not there.
std::string link_text(const std::filesystem::path& path) {
  std::array<char, 4096> text = {};
  const auto size = ::readlink(path.c_str(), text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

Result<std::optional<std::string>> network_mount_on(const std::filesystem::path& path, const MountTable& table) {
  if (!path.is_absolute()) {
    return Error(ErrorCode::InvalidArgument, fmt::format("path \"{}\": must be absolute", path.string()));
  }
  auto rest = components(path);
  std::filesystem::path here = "/";
  int links = 0;
  while (!rest.empty()) {
    const auto name = rest.front();
    rest.pop_front();
    if (name == "..") {
      here = here.parent_path();
      continue;
    }
    here /= name;
    // Asked before the path is touched: mountinfo only.
    if (const auto* mount = table.find(here.string()); mount != nullptr && is_network_type(mount->fs_type)) {
      return std::optional(fmt::format("{} at {}", mount->fs_type, mount->target));
    }
    const auto text = link_text(here);
    if (text.empty()) continue;
    if (++links > kMaxLinks) {
      return Error(ErrorCode::InvalidArgument, fmt::format("path \"{}\": too many symbolic links", path.string()));
    }
    here = text.front() == '/' ? std::filesystem::path("/") : here.parent_path();
    rest.splice(rest.begin(), components(text));
  }
  return std::optional<std::string>();
}

}  // namespace berth::volumes
