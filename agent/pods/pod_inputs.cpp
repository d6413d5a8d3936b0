// agent/pods/pod_inputs.cpp - see pod_inputs.hpp.
#include "agent/pods/pod_inputs.hpp"

#include <fmt/format.h>

#include "agent/objects/pod_facts.hpp"
#include "agent/pods/registry_keys.hpp"

namespace berth::agent {
namespace {

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

PullKeys pull_keys(const model::Pod& pod, const std::string& image, const ObjectCache& cache) {
  PullKeys keys;
  std::vector<std::shared_ptr<const model::Secret>> secrets;
  for (const auto& name : pod.spec.image_pull_secrets) {
    const auto secret = cache.secrets().find({pod.meta.ns, name});
    if (secret == cache.secrets().end()) {
      keys.missing.push_back(name);
    } else {
      secrets.push_back(secret->second);
    }
  }
  keys.auths = registry_keys(secrets, image);
  return keys;
}

}  // namespace berth::agent
