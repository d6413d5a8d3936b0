// cli/new_images.cpp - see new_images.hpp.
#include "cli/new_images.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <fmt/format.h>

namespace berth::cli {

namespace {

using Path = std::span<const std::string_view>;

constexpr std::array<std::string_view, 5> kDeep{"spec", "jobTemplate", "spec", "template", "spec"};

/// Where an object of that kind has its pod spec.
Path pod_spec_path(const model::KindInfo& kind) {
  const Path all(kDeep);
  if (kind.kind == model::Kind::CronJob) return all;
  return kind.kind == model::Kind::Pod ? all.first(1) : all.last(3);
}

const json::value* value_at(const json::value& object, Path path) {
  const auto* at = &object;
  for (const auto name : path) {
    if (at == nullptr || !at->is_object()) return nullptr;
    at = at->get_object().if_contains(name);
  }
  return at;
}

}  // namespace

Result<NewImages> take_images(std::vector<std::string>& words) {
  NewImages out;
  std::erase_if(words, [&](const std::string& word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == word.size()) return false;
    out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    return true;
  });
  if (out.empty()) return Error(ErrorCode::InvalidArgument, "at least one image update is required");
  return out;
}

Result<json::object> image_patch(const model::KindInfo& kind, const json::value& object, const NewImages& images) {
  const auto path = pod_spec_path(kind);
  const auto* pod = value_at(object, path);
  if (pod == nullptr || find(*pod, {"containers"}) == nullptr) {
    return Error(ErrorCode::InvalidArgument, fmt::format("a {} has no containers to give an image to", kind.name));
  }
  json::object changed;
  std::vector<bool> met(images.size(), false);
  for (const auto* list : {"containers", "initContainers"}) {
    const auto* containers = find(*pod, {list});
    if (containers == nullptr || !containers->is_array()) continue;
    json::array entries;
    for (const auto& container : containers->get_array()) {
      const auto name = find_string(container, {"name"});
      for (std::size_t i = 0; i < images.size(); ++i) {
        if (images[i].first != name && images[i].first != "*") continue;
        met[i] = true;
        if (find_string(container, {"image"}) == images[i].second) continue;
        entries.emplace_back(json::object{{"name", name}, {"image", images[i].second}});
      }
    }
    if (!entries.empty()) changed[list] = std::move(entries);
  }
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (!met[i]) {
      return Error(ErrorCode::InvalidArgument, fmt::format("unable to find container named \"{}\"", images[i].first));
    }
  }
  if (changed.empty()) return changed;
  for (auto at = path.rbegin(); at != path.rend(); ++at) {
    json::object outer;
    outer[*at] = std::move(changed);
    changed = std::move(outer);
  }
  return changed;
}

}  // namespace berth::cli
