// agent/services/last_known.cpp - see last_known.hpp.
#include "agent/services/last_known.hpp"

#include <utility>

#include "agent/services/names.hpp"

namespace berth::agent {
namespace {

/// A row of the cache that cannot be read is there all the same; a record, which nobody can mend, is not.
bool is_readable(const model::Object& object) {
  if (object.kind == model::Kind::Pod) return model::decode_pod(object).ok();
  if (object.kind == model::Kind::Service) return model::decode_service(object).ok();
  if (object.kind == model::Kind::NetworkPolicy) return model::decode_network_policy(object).ok();
  if (object.kind == model::Kind::Namespace) return true;
  return manual_endpoints(object).has_value();
}

bool has(const ObjectCache& cache, const model::ObjectKey& key) {
  if (key.kind == model::Kind::Service) return cache.services().contains({key.ns, key.name});
  if (key.kind == model::Kind::NetworkPolicy) return cache.network_policies().contains({key.ns, key.name});
  if (key.kind == model::Kind::Namespace) return cache.namespaces().contains({key.ns, key.name});
  return cache.manual_endpoints().contains(key);
}

}  // namespace

void LastKnown::remember(std::vector<model::ObjectPtr> records) {
  for (auto& record : records) {
    if (!is_readable(*record)) continue;
    (record->kind == model::Kind::Pod ? pods_ : services_).push_back(std::move(record));
  }
}

void LastKnown::judge(std::set<std::string> strangers) {
  judged_ = true;
  strangers_ = std::move(strangers);
}

void LastKnown::forget(const model::ObjectKey& key) {
  std::erase_if(services_, [&](const auto& each) { return each->key() == key; });
}

bool LastKnown::counts(const model::Object& pod, const ObjectCache& cache) const {
  const auto stored = cache.pod({pod.meta.ns, pod.meta.name});
  if (stored && !stored->status.pod_ip.empty()) return false;
  if (!judged_ || strangers_.contains(pod.meta.uid)) return true;
  return stored && stored->meta.uid == pod.meta.uid;
}

const ObjectCache& LastKnown::world(const ObjectCache& cache) {
  std::erase_if(pods_, [&](const auto& pod) { return !counts(*pod, cache); });
  if (pods_.empty()) {
    services_.clear();
    world_.reset();
    return cache;
  }
  auto& all = world_.emplace(cache);
  const auto add = [&all](const model::ObjectPtr& object) {
    all.apply({.type = store::ChangeType::Added, .object = object, .previous = nullptr, .revision = 0});
  };
  // In the place of a pod of that name that waits for it, and has no address.
  for (const auto& pod : pods_) add(pod);
  for (const auto& service : services_) {
    if (!has(cache, service->key())) add(service);
  }
  return all;
}

network::DnsNames LastKnown::names(const ObjectCache& cache, const std::string& cluster_domain,
                                   const std::function<bool(const model::Service&)>& leads_on) {
  return make_names(world(cache), cluster_domain, leads_on);
}

}  // namespace berth::agent
