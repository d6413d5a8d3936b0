// agent/pods/pod_inputs.cpp - see pod_inputs.hpp.
#include "agent/pods/pod_inputs.hpp"

#include <fmt/format.h>

#include "agent/objects/pod_facts.hpp"
#include "model/base64.hpp"

namespace berth::agent {
namespace {

/// The host of an image reference; Docker Hub when it names none.
std::string registry_of_image(std::string_view image) {
  const auto slash = image.find('/');
  const auto first = slash == std::string_view::npos ? std::string_view() : image.substr(0, slash);
  const auto is_host = first.find_first_of(".:") != std::string_view::npos || first == "localhost";
  if (!is_host || first == "index.docker.io") return "docker.io";
  return std::string(first);
}

/// The host of a key of `auths`: "https://index.docker.io/v1/", "registry.example:5000".
std::string registry_of_entry(std::string_view key) {
  if (const auto scheme = key.find("://"); scheme != std::string_view::npos) key.remove_prefix(scheme + 3);
  key = key.substr(0, key.find('/'));
  return key == "index.docker.io" ? "docker.io" : std::string(key);
}

/// Those of the pod's namespace, if it wants to be told, and the API's own, which everybody is told of; by namespace
/// and name.
ServiceList services_told(const model::Pod& pod, const Typed<model::Service>& all) {
  ServiceList told;
  const auto tell = [&](const Name&, const auto& service) {
    if (service->has_address()) told.push_back(service);
  };
  const Name api{"default", "kubernetes"};
  const auto& ns = pod.meta.ns;
  const auto tell_api = [&] {
    if (const auto found = all.find(api); found != all.end()) tell(api, found->second);
  };
  if (pod.spec.enable_service_links && ns == api.first) {
    each_in_namespace(all, ns, tell);
    return told;
  }
  if (api.first <= ns) tell_api();
  if (pod.spec.enable_service_links) each_in_namespace(all, ns, tell);
  if (api.first > ns) tell_api();
  return told;
}

/// A volume that is one host's at a time is not begun with on the word of a store that we may have lost sight of.
std::string why_unsure(const volumes::BoundClaim& bound) {
  if (bound.holder.empty() || bound.held_until != BootTime{}) return {};
  return fmt::format("volume \"{}\" may be another host's by now: waiting for this host's session to hold",
                     bound.volume_name);
}

}  // namespace

StepInput make_step_input(const model::Pod& pod, const ObjectCache& cache, const ClaimController& claims,
                          const HostWords& host) {
  StepInput input;
  auto& facts = input.facts;
  facts.pod = pod;
  facts.node_name = host.node_name;
  facts.host_ip = host.host_ip;
  input.cluster_domain = host.cluster_domain;
  const auto names = references_of(pod.spec);
  for (const auto& name : names.config_maps) {
    const auto found = cache.config_maps().find({pod.meta.ns, name});
    if (found != cache.config_maps().end()) facts.config_maps[name] = found->second;
  }
  for (const auto& name : names.secrets) {
    const auto found = cache.secrets().find({pod.meta.ns, name});
    if (found != cache.secrets().end()) facts.secrets[name] = found->second;
  }
  input.services = services_told(pod, cache.services());
  for (const auto& volume : pod.spec.volumes) {
    const auto* source = std::get_if<model::ClaimSource>(&volume.source);
    if (source == nullptr) continue;
    volumes::BoundClaim bound;
    auto why = claims.resolve(pod, source->claim_name, bound);
    if (why.empty()) {
      if (input.unsure.empty()) input.unsure = why_unsure(bound);
      facts.claims[source->claim_name] = std::move(bound);
    } else if (input.blocked.empty()) {
      input.blocked = std::move(why);
    }
  }
  return input;
}

std::vector<runtime::RegistryAuth> registry_auths(const model::Pod& pod, const std::string& image,
                                                  const ObjectCache& cache) {
  std::vector<runtime::RegistryAuth> auths;
  for (const auto& name : pod.spec.image_pull_secrets) {
    const auto secret = cache.secrets().find({pod.meta.ns, name});
    if (secret == cache.secrets().end()) continue;
    const auto text = secret->second->data.find(".dockerconfigjson");
    if (text == secret->second->data.end()) continue;
    const auto config = parse_json(text->second);
    if (!config) continue;
    const auto* entries = find(*config, {"auths"});
    if (entries == nullptr || !entries->is_object()) continue;
    for (const auto& entry : entries->get_object()) {
      if (registry_of_entry({entry.key().data(), entry.key().size()}) != registry_of_image(image)) continue;
      runtime::RegistryAuth auth;
      auth.username = find_string(entry.value(), {"username"});
      auth.password = find_string(entry.value(), {"password"});
      auth.identity_token = find_string(entry.value(), {"identitytoken"});
      if (const auto pair = model::decode_base64(find_string(entry.value(), {"auth"})); pair) {
        const auto colon = pair->find(':');
        if (colon != std::string::npos) {
          auth.username = pair->substr(0, colon);
          auth.password = pair->substr(colon + 1);
        }
      }
      auths.push_back(std::move(auth));
    }
  }
  return auths;
}

}  // namespace berth::agent
