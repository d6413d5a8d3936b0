// agent/placing/node_admission.cpp - see node_admission.hpp.
#include "agent/placing/node_admission.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/objects/pod_facts.hpp"
#include "agent/sources/manifest_owner.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

constexpr std::int64_t kThousand = 1000;

/// The kubelet counts processors in thousandths, everything else whole.
std::int64_t shown(const std::string& resource, const model::Amounts& amounts) {
  const auto found = amounts.find(resource);
  if (found == amounts.end()) return 0;
  return resource == "cpu" ? found->second.milli : found->second.milli / kThousand;
}

Refusal out_of(const std::string& resource, const model::Amounts& wanted, const Allocatable& allocatable,
               const Tenants& here) {
  return {"OutOf" + resource, fmt::format("Node didn't have enough resource: {}, requested: {}, used: {}, capacity: {}",
                                          resource, resource == "pods" ? 1 : shown(resource, wanted),
                                          shown(resource, here.taken), shown(resource, allocatable))};
}

Refusal broken(std::string_view predicate, std::string_view why) {
  return {std::string(predicate), fmt::format("Predicate {} failed: {}", predicate, why)};
}

/// Has the pod nothing to say of its node but its name?
bool fits_anywhere(const model::PodSpec& spec, const Tenant& pod) {
  return pod.requests.empty() && pod.ports.empty() && spec.node_selector.empty() && spec.required_node_affinity.empty();
}

}  // namespace

std::optional<Refusal> refuse(const model::PodSpec& spec, const Tenant& pod, const model::Node& node,
                              const Allocatable& allocatable, const Tenants& here) {
  constexpr std::string_view kInsufficient = "Insufficient ";
  std::string no_port;
  for (const auto& shortage : shortages(pod, allocatable, here)) {
    if (shortage == "Too many pods") return out_of("pods", pod.requests, allocatable, here);
    if (shortage.starts_with(kInsufficient))
      return out_of(shortage.substr(kInsufficient.size()), pod.requests, allocatable, here);
    no_port = shortage;
  }
  if (!model::node_matches(spec, node))
    return broken("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
  if (!no_port.empty()) return broken("NodePorts", no_port);
  return std::nullopt;
}

std::optional<Refusal> NodeAdmission::ask(const model::Pod& pod) {
  if (!pod.status.start_time.empty() || begun_.contains(pod.meta.uid) || !is_asked(pod)) return std::nullopt;
  const auto node = cache_.nodes().find({"", node_name_});
  const auto stored = store_.get({model::Kind::Node, "", node_name_});
  const auto* wanted = tenant({pod.meta.ns, pod.meta.name});
  if (node == cache_.nodes().end() || stored == nullptr || wanted == nullptr) return std::nullopt;
  const auto bound = cache_.pods_of_node(node_name_);
  const auto allocatable = allocatable_of(*stored);
  const auto most = allocatable.find("pods");
  const auto is_full =
      most != allocatable.end() && static_cast<std::int64_t>(bound.size()) * kThousand > most->second.milli;
  std::optional<Refusal> refusal;
  if (is_full || !fits_anywhere(pod.spec, *wanted)) {
    std::set<std::string> here;
    std::vector<const Tenant*> all;
    for (const auto& name : bound) {
      const auto other = cache_.pod(name);
      here.insert(other->meta.uid);
      const auto has_begun = !other->status.start_time.empty() || begun_.contains(other->meta.uid);
      if (!has_begun || other->meta.uid == pod.meta.uid || is_terminal(*other)) continue;
      if (const auto* known = tenant(name)) all.push_back(known);
    }
    std::erase_if(begun_, [&](const auto& uid) { return !here.contains(uid); });
    std::erase_if(known_, [&](const auto& each) { return !bound.contains(each.first); });
    refusal = refuse(pod.spec, *wanted, *node->second, allocatable, together(std::move(all)));
  }
  if (!refusal) begun_.insert(pod.meta.uid);
  return refusal;
}

bool NodeAdmission::is_asked(const model::Pod& pod) const {
  if (pod.meta.annotations.contains(std::string(kSourceAnnotation))) return false;
  const auto* owner = pod.meta.controller();
  if (owner == nullptr) return true;
  if (owner->kind == "StatefulSet") {
    const auto set = cache_.stateful_sets().find({pod.meta.ns, owner->name});
    return set != cache_.stateful_sets().end() && !set->second->pod_template.spec.node_name.empty();
  }
  return owner->kind != "DaemonSet" && owner->kind != "ReplicaSet" && owner->kind != "ReplicationController";
}

const Tenant* NodeAdmission::tenant(const Name& name) {
  const auto pod = cache_.pod(name);
  if (!pod) return nullptr;
  const auto found = known_.find(name);
  if (found != known_.end() && found->second.uid == pod->meta.uid) return &found->second;
  const auto stored = store_.get({model::Kind::Pod, name.first, name.second});
  if (stored == nullptr || stored->meta.uid != pod->meta.uid) return nullptr;
  return &known_.insert_or_assign(name, read_tenant(*stored, pod->spec)).first->second;
}

}  // namespace berth::agent
