// cli/resources.cpp - what the words on the command line mean.
#include "cli/resources.hpp"

#include <fmt/format.h>

#include "cli/http_client.hpp"

namespace berth::cli {

namespace {

using model::Kind;

Result<std::vector<const model::KindInfo*>> parse_kinds(std::string_view words) {
  std::vector<const model::KindInfo*> out;
  while (true) {
    const auto comma = std::min(words.find(','), words.size());
    auto word = words.substr(0, comma);
    if (word == "all") {
      for (const auto kind :
           {Kind::Pod, Kind::ReplicationController, Kind::Service, Kind::DaemonSet, Kind::Deployment, Kind::ReplicaSet,
            Kind::StatefulSet, Kind::HorizontalPodAutoscaler, Kind::CronJob, Kind::Job})
        out.push_back(&model::info(kind));
    } else {
      const auto* kind = model::find_kind(word);
      // "statefulsets.apps", "statefulsets.v1.apps"
      if (kind == nullptr && word.find('.') != std::string_view::npos) {
        const auto* plain = model::find_kind(word.substr(0, word.find('.')));
        if (plain != nullptr && !plain->group.empty() && word.ends_with(fmt::format(".{}", plain->group))) kind = plain;
      }
      if (kind == nullptr) {
        return Error(ErrorCode::InvalidArgument, fmt::format("the server doesn't have a resource type \"{}\"", word));
      }
      out.push_back(kind);
    }
    if (comma == words.size()) return out;
    words.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<std::vector<ResourceRef>> parse_resources(const std::vector<std::string>& words) {
  std::vector<ResourceRef> out;
  if (words.empty()) return Error(ErrorCode::InvalidArgument, "You must specify the type of resource");
  const bool pairs = words[0].find('/') != std::string::npos;
  if (pairs) {
    for (const auto& word : words) {
      const auto slash = word.find('/');
      if (slash == std::string::npos || slash + 1 == word.size() || word.find('/', slash + 1) != std::string::npos) {
        return Error(
            ErrorCode::InvalidArgument,
            fmt::format("there is no need to specify a resource type as a separate argument when passing arguments "
                        "in resource/name form (e.g. 'berth get resource/<resource_name>' instead of 'berth get "
                        "resource resource/<resource_name>'): \"{}\"",
                        word));
      }
      auto kinds = parse_kinds(std::string_view(word).substr(0, slash));
      if (!kinds) return kinds.error();
      for (const auto* kind : *kinds) out.push_back({kind, word.substr(slash + 1)});
    }
    return out;
  }
  auto kinds = parse_kinds(words[0]);
  if (!kinds) return kinds.error();
  for (const auto* kind : *kinds) {
    if (words.size() == 1) out.push_back({kind, {}});
    for (std::size_t i = 1; i < words.size(); ++i) out.push_back({kind, words[i]});
  }
  return out;
}

std::string resource_path(const model::KindInfo& kind, std::string_view ns, std::string_view name) {
  auto path =
      kind.group.empty() ? fmt::format("/api/{}", kind.version) : fmt::format("/apis/{}/{}", kind.group, kind.version);
  if (kind.namespaced && !ns.empty()) path += fmt::format("/namespaces/{}", url_encode(ns));
  path += fmt::format("/{}", kind.plural);
  if (!name.empty()) path += fmt::format("/{}", url_encode(name));
  return path;
}

std::string display_name(const model::KindInfo& kind, std::string_view name) {
  return kind.group.empty() ? fmt::format("{}/{}", kind.singular, name)
                            : fmt::format("{}.{}/{}", kind.singular, kind.group, name);
}

}  // namespace berth::cli
