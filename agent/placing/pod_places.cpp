// agent/placing/pod_places.cpp - see pod_places.hpp.
#include "agent/placing/pod_places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/selector.hpp"

namespace berth::agent {
namespace {

void add(std::map<std::string, std::int64_t>& counts, const std::string& key, int more) {
  const auto found = counts.try_emplace(key).first;
  found->second += more;
  if (found->second == 0) counts.erase(found);
}

void say(std::map<std::string, PodPlaces::Saying>& all, const model::PodTerm& term, std::int64_t weight,
         const std::string& node, int more) {
  const auto id = weight == 0 ? term.id : fmt::format("{} {}", weight, term.id);
  auto found = all.find(id);
  if (found == all.end()) found = all.emplace(id, PodPlaces::Saying{term, weight, {}}).first;
  add(found->second.nodes, node, more);
  if (found->second.nodes.empty()) all.erase(found);
}

}  // namespace

void PodPlaces::put_node(std::shared_ptr<const model::Node> node, Allocatable allocatable) {
  auto& host = hosts_[node->meta.name];
  host.node = std::move(node);
  host.allocatable = std::move(allocatable);
}

void PodPlaces::drop_node(const std::string& name) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return;
  if (found->second.here.all.empty()) {
    hosts_.erase(found);
  } else {
    found->second.node = nullptr;
    found->second.allocatable.clear();
  }
}

void PodPlaces::put(const Tenant& tenant, PodPtr pod, const std::string& node) {
  const auto found = placed_.find(tenant.name);
  if (found != placed_.end()) {
    auto& before = found->second;
    const auto same = before.tenant == &tenant && before.pod->meta.uid == pod->meta.uid && before.node == node &&
                      before.leaving == tenant.leaving;
    if (same) {
      before.pod = std::move(pod);
      return;
    }
    drop(tenant.name);
  }
  const auto& placed =
      placed_.emplace(tenant.name, Placed{&tenant, std::move(pod), node, tenant.leaving}).first->second;
  add(hosts_[node].here, tenant);
  count(placed, 1);
}

void PodPlaces::drop(const Name& name) {
  const auto found = placed_.find(name);
  if (found == placed_.end()) return;
  const auto placed = std::move(found->second);
  placed_.erase(found);
  count(placed, -1);
  const auto host = hosts_.find(placed.node);
  auto left = std::move(host->second.here.all);
  std::erase(left, placed.tenant);
  if (host->second.node == nullptr && left.empty()) {
    hosts_.erase(host);
  } else {
    host->second.here = together(std::move(left));
  }
}

void PodPlaces::count(const Placed& placed, int sign) {
  const auto& tenant = *placed.tenant;
  if (!tenant.set.empty() && !placed.leaving) {
    auto& nodes = sets_[tenant.set];
    add(nodes, placed.node, sign);
    if (nodes.empty()) sets_.erase(tenant.set);
  }
  if (!tenant.wishes) return;
  for (const auto& term : tenant.wishes->apart) say(apart_, term, 0, placed.node, sign);
  for (const auto& term : tenant.wishes->near) say(rather_, term, 1, placed.node, sign);
  for (const auto& wish : tenant.wishes->rather) {
    if (wish.weight != 0) say(rather_, wish.term, wish.weight, placed.node, sign);
  }
}

const PodPlaces::Host* PodPlaces::host(const std::string& name) const {
  const auto found = hosts_.find(name);
  return found == hosts_.end() ? nullptr : &found->second;
}

const PodPlaces::Placed* PodPlaces::find(const Name& name) const {
  const auto found = placed_.find(name);
  return found == placed_.end() ? nullptr : &found->second;
}

const std::map<std::string, std::int64_t>& PodPlaces::of_set(const std::string& uid) const {
  static const std::map<std::string, std::int64_t> kNone;
  const auto found = sets_.find(uid);
  return found == sets_.end() ? kNone : found->second;
}

void PodPlaces::each_taken(const std::string& ns, const model::LabelSelector& selector,
                           const std::function<void(const Placed&)>& visit) const {
  for (const auto& pod : cache_.pods_taken(ns, selector)) {
    if (const auto* placed = find({ns, pod->meta.name})) visit(*placed);
  }
}

void PodPlaces::each_taken(const model::PodTerm& term, const std::function<void(const Placed&)>& visit) const {
  if (!term.selector) return;
  std::set<std::string> namespaces(term.namespaces.begin(), term.namespaces.end());
  if (term.namespace_selector) {
    for (const auto& [name, meta] : cache_.namespaces()) {
      if (model::matches(*term.namespace_selector, meta->labels)) namespaces.insert(name.second);
    }
  }
  for (const auto& ns : namespaces) each_taken(ns, *term.selector, visit);
}

const model::StringMap& PodPlaces::labels_of_namespace(const std::string& ns) const {
  static const model::StringMap kNone;
  const auto found = cache_.namespaces().find({"", ns});
  return found == cache_.namespaces().end() ? kNone : found->second->labels;
}

}  // namespace berth::agent
