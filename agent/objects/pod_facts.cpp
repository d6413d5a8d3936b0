// agent/objects/pod_facts.cpp - see pod_facts.hpp.
#include "agent/objects/pod_facts.hpp"

#include <algorithm>

#include "agent/objects/revision.hpp"

namespace berth::agent {
namespace {

void collect(const std::vector<model::Container>& containers, References& names) {
  for (const auto& container : containers) {
    for (const auto& from : container.env_from) {
      if (!from.config_map.empty()) names.config_maps.push_back(from.config_map);
      if (!from.secret.empty()) names.secrets.push_back(from.secret);
    }
    for (const auto& var : container.env) {
      if (var.config_map_key_ref) names.config_maps.push_back(var.config_map_key_ref->name);
      if (var.secret_key_ref) names.secrets.push_back(var.secret_key_ref->name);
    }
  }
}

struct CollectVolume {
  References& names;
  void operator()(const model::ConfigMapSource& source) const { names.config_maps.push_back(source.name); }
  void operator()(const model::SecretSource& source) const { names.secrets.push_back(source.secret_name); }
  void operator()(const model::ClaimSource& source) const { names.claims.push_back(source.claim_name); }
  void operator()(const model::ProjectedSource& source) const {
    for (const auto& part : source.sources) {
      if (const auto* map = std::get_if<model::ConfigMapSource>(&part)) names.config_maps.push_back(map->name);
      if (const auto* secret = std::get_if<model::SecretSource>(&part)) names.secrets.push_back(secret->secret_name);
    }
  }
  void operator()(const model::IscsiSource& source) const {
    if (!source.secret_name.empty()) names.secrets.push_back(source.secret_name);
  }
  template <typename Other>
  void operator()(const Other&) const {}
};

void tidy(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

}  // namespace

bool is_terminal(const model::Pod& pod) { return model::is_terminal_phase(pod.status.phase); }

std::string_view revision_of(const model::Pod& pod) {
  const auto found = pod.meta.labels.find(kRevisionLabel);
  return found == pod.meta.labels.end() ? std::string_view() : std::string_view(found->second);
}

References references_of(const model::PodSpec& spec) {
  References names;
  collect(spec.init_containers, names);
  collect(spec.containers, names);
  for (const auto& volume : spec.volumes) std::visit(CollectVolume{names}, volume.source);
  tidy(names.config_maps);
  tidy(names.secrets);
  tidy(names.claims);
  names.pull_secrets = spec.image_pull_secrets;
  tidy(names.pull_secrets);
  return names;
}

}  // namespace berth::agent
