// volumes/payload.cpp - see payload.hpp.
#include "volumes/payload.hpp"

#include <fmt/format.h>

#include <string_view>

namespace berth::volumes {
namespace {

constexpr std::size_t kMaxPath = 4096;      // PATH_MAX
constexpr std::size_t kMaxComponent = 255;  // NAME_MAX

Status check_path(std::string_view path) {
  const auto bad = [&](std::string_view why) {
    return Error(ErrorCode::InvalidArgument, fmt::format("path \"{}\": {}", path.substr(0, kMaxComponent), why));
  };
  if (path.empty()) return bad("must not be empty");
  if (path.size() >= kMaxPath) return bad("must be shorter than 4096 bytes");
  if (path.find('\0') != std::string_view::npos) return bad("must not contain a zero byte");
  if (path.front() == '/') return bad("must be relative");
  if (path.substr(0, 2) == "..") return bad("must not start with \"..\"");
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto component = path.substr(0, slash);
    if (component == ".." || component == "." || component.empty())
      return bad("must not contain \"..\", \".\" or \"//\"");
    if (component.size() > kMaxComponent) return bad("a component is longer than 255 bytes");
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
    if (path.empty()) return bad("must not end with \"/\"");
  }
  return Ok{};
}

}  // namespace

Status check_payload(const Payload& payload) {
  if (payload.size() > kMaxPayloadFiles) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("{} files: at most {}", payload.size(), kMaxPayloadFiles));
  }
  std::size_t bytes = 0;
  for (const auto& [path, file] : payload) {
    if (auto checked = check_path(path); !checked) return checked;
    bytes += file.content.size();
    for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (payload.contains(path.substr(0, slash))) {
        return Error(ErrorCode::InvalidArgument,
                     fmt::format("path \"{}\": \"{}\" is a file already", path, path.substr(0, slash)));
      }
    }
  }
  if (bytes > kMaxPayloadBytes) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("{} bytes: at most {}", bytes, kMaxPayloadBytes));
  }
  return Ok{};
}

Result<Payload> pick_keys(const std::map<std::string, std::string>& data, const std::vector<model::KeyToPath>& items,
                          std::int32_t default_mode, bool optional) {
  Payload payload;
  if (items.empty()) {
    for (const auto& [key, content] : data) payload[key] = {content, permissions(default_mode)};
    return payload;
  }
  for (const auto& item : items) {
    const auto found = data.find(item.key);
    if (found == data.end()) {
      if (optional) continue;
      return Error(ErrorCode::NotFound, fmt::format("no key \"{}\"", item.key));
    }
    payload[item.path] = {found->second, permissions(item.mode.value_or(default_mode))};
  }
  return payload;
}

}  // namespace berth::volumes
