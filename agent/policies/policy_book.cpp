// agent/policies/policy_book.cpp - see policy_book.hpp.
#include "agent/policies/policy_book.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/sha256.hpp"
#include "model/selector.hpp"

namespace berth::agent {
namespace {

constexpr const char* kNameLabel = "kubernetes.io/metadata.name";

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// A selector in words that say the same for the same selection, however it was written.
std::string text_of(const model::LabelSelector& selector) {
  std::string text;
  for (const auto& [key, value] : selector.match_labels) text += fmt::format("{}={};", key, value);
  std::vector<std::string> rest;
  for (const auto& each : selector.match_expressions) {
    auto values = each.values;
    std::sort(values.begin(), values.end());
    rest.push_back(fmt::format("{} {} ({});", each.key, each.op, fmt::join(values, ",")));
  }
  std::sort(rest.begin(), rest.end());
  for (const auto& each : rest) text += each;
  return text;
}

/// A part of a name in nftables that stands for `text`.
std::string digest(const std::string& text) {
  constexpr std::size_t kEnough = 32;
  return sha256_hex(text).substr(0, kEnough);
}

/// "in/default/web"; nftables has no names longer than 255.
std::string chain_name(std::string_view direction, const Name& policy) {
  constexpr std::size_t kLongest = 200;
  auto name = fmt::format("{}/{}/{}", direction, policy.first, policy.second);
  return name.size() <= kLongest ? name : fmt::format("{}/{}", direction, digest(name));
}

template <typename T, typename Map>
void put_if_new(Map& map, const std::string& name, T value) {
  auto& known = map[name];
  if (known != nullptr && *known == value) return;
  known = std::make_shared<const T>(std::move(value));
}

}  // namespace

model::StringMap PolicyBook::labels_of(const std::string& ns) const {
  const auto found = namespaces_.find(ns);
  auto labels = found == namespaces_.end() ? model::StringMap() : found->second;
  labels[kNameLabel] = ns;
  return labels;
}

bool PolicyBook::is_meant(const Selector& selector, const PolicyPod& pod) const {
  if (selector.namespaces ? !model::matches(*selector.namespaces, labels_of(pod.ns)) : selector.ns != pod.ns)
    return false;
  return model::matches(selector.pods, pod.labels);
}

std::vector<std::string> PolicyBook::elements_of(const Group& group, const PolicyPod& pod) {
  if (!group.of_ports) return {pod.address};
  std::vector<std::string> out;
  for (const auto& port : pod.ports) {
    if (port.name != group.port_name || port.protocol != group.protocol) continue;
    out.push_back(fmt::format("{} . {} . {}", pod.address, lower(port.protocol), port.number));
  }
  return out;
}

/// `by` is 1 or -1: the pod comes or goes.
void PolicyBook::count(Group& group, const PolicyPod& pod, int by) const {
  if (!is_meant(group.selector, pod)) return;
  for (const auto& element : elements_of(group, pod)) {
    const auto place = group.elements.try_emplace(element, 0).first;
    const auto was = place->second;
    place->second += by;
    if ((was == 0) != (place->second == 0)) group.changed = true;
    if (place->second == 0) group.elements.erase(place);
  }
}

void PolicyBook::count_everywhere(const PolicyPod& pod, int by) {
  for (auto& [name, group] : groups_) count(group, pod, by);
}

/// The name of the group's set; it is there once for all that mean the same.
std::string PolicyBook::use_group(Group group) {
  const auto& selector = group.selector;
  const auto where = selector.namespaces ? "all " + text_of(*selector.namespaces) : "in " + selector.ns;
  const auto what = where + "\n" + text_of(selector.pods) + "\n" + group.protocol + "\n" + group.port_name;
  const auto name = (group.of_ports ? "ports-" : "peers-") + digest(what);
  const auto [place, fresh] = groups_.try_emplace(name, std::move(group));
  ++place->second.users;
  if (fresh) {
    for (const auto& [key, pod] : pods_) count(place->second, pod.facts, 1);
  }
  return name;
}

void PolicyBook::leave_group(const std::string& name) {
  const auto found = groups_.find(name);
  if (found == groups_.end() || --found->second.users > 0) return;
  (found->second.of_ports ? out_.ports : out_.peers).erase(name);
  groups_.erase(found);
}

network::PolicyAllowance PolicyBook::allowance(const model::NetworkPolicy& policy, const model::PolicyRule& rule,
                                               bool ingress, std::vector<std::string>& groups) {
  network::PolicyAllowance out;
  out.everybody = rule.peers.empty();
  out.every_port = rule.ports.empty();
  std::vector<Selector> selectors;
  for (const auto& peer : rule.peers) {
    if (peer.block) {
      const auto ranges = model::addresses_of(*peer.block);
      out.blocks.insert(out.blocks.end(), ranges.begin(), ranges.end());
      continue;
    }
    selectors.push_back({policy.meta.ns, peer.namespaces, peer.pods.value_or(model::LabelSelector())});
  }
  out.blocks = model::joined(std::move(out.blocks));
  for (const auto& selector : selectors) {
    out.peers.push_back(use_group({.selector = selector, .protocol = {}, .port_name = {}, .elements = {}}));
    groups.push_back(out.peers.back());
  }
  // A name is a port of the pod that is talked to: of the selected ones on the way in, of any pod on the way out, as
  // who that may be is said by the peers.
  auto called = Selector{policy.meta.ns, std::nullopt, policy.pods};
  if (!ingress) called = Selector{{}, model::LabelSelector(), {}};
  for (const auto& port : rule.ports) {
    if (port.name.empty()) {
      out.ports.push_back({lower(port.protocol), port.first, port.last});
      continue;
    }
    out.named_ports.push_back(use_group(
        {.selector = called, .of_ports = true, .protocol = port.protocol, .port_name = port.name, .elements = {}}));
    groups.push_back(out.named_ports.back());
  }
  for (auto* names : {&out.peers, &out.named_ports}) {
    std::sort(names->begin(), names->end());
    names->erase(std::unique(names->begin(), names->end()), names->end());
  }
  return out;
}

void PolicyBook::set_policy(std::shared_ptr<const model::NetworkPolicy> policy) {
  const Name name{policy->meta.ns, policy->meta.name};
  Policy now;
  const auto chain = [&](bool ingress, const std::vector<model::PolicyRule>& rules) {
    network::PolicyChain out{.ingress = ingress, .allows = {}};
    for (const auto& rule : rules) out.allows.push_back(allowance(*policy, rule, ingress, now.groups));
    auto its = chain_name(ingress ? "in" : "out", name);
    put_if_new(out_.chains, its, std::move(out));
    return its;
  };
  if (policy->closes_ingress) now.ingress = chain(true, policy->ingress);
  if (policy->closes_egress) now.egress = chain(false, policy->egress);
  now.object = std::move(policy);
  auto& known = policies_[name];
  // Groups that both name are never without a user.
  if (known.object != nullptr) {
    if (known.ingress == now.ingress) known.ingress.clear();
    if (known.egress == now.egress) known.egress.clear();
    forget_policy(known);
  }
  known = std::move(now);
  select_again(name.first);
}

void PolicyBook::forget_policy(Policy& policy) {
  for (const auto& group : policy.groups) leave_group(group);
  for (const auto* chain : {&policy.ingress, &policy.egress}) {
    if (!chain->empty()) out_.chains.erase(*chain);
  }
}

void PolicyBook::drop_policy(const Name& name) {
  const auto found = policies_.find(name);
  if (found == policies_.end()) return;
  forget_policy(found->second);
  policies_.erase(found);
  select_again(name.first);
}

void PolicyBook::select_again(const std::string& ns) {
  for (auto it = pods_.lower_bound({ns, ""}); it != pods_.end() && it->first.first == ns; ++it)
    select_again(it->second);
}

/// Which of its namespace's policies select the pod?
void PolicyBook::select_again(Pod& pod) {
  const auto& facts = pod.facts;
  network::PolicedPod policed;
  const auto add = [](std::optional<std::vector<std::string>>& side, const std::string& chain) {
    if (chain.empty()) return;
    if (!side) side.emplace();
    side->push_back(chain);
  };
  for (auto it = policies_.lower_bound({facts.ns, ""}); it != policies_.end() && it->first.first == facts.ns; ++it) {
    if (!facts.here || !model::matches(it->second.object->pods, facts.labels)) continue;
    add(policed.ingress, it->second.ingress);
    add(policed.egress, it->second.egress);
  }
  pod.policed = policed;
  if (!policed.ingress && !policed.egress) {
    out_.pods.erase(facts.address);
  } else {
    put_if_new(out_.pods, facts.address, std::move(policed));
  }
}

void PolicyBook::set_namespace(const std::string& name, const model::StringMap& labels) {
  const auto found = namespaces_.find(name);
  if (found == namespaces_.end() ? labels.empty() : found->second == labels) return;
  const auto each_pod = [&](int by) {
    for (auto& [set, group] : groups_) {
      if (!group.selector.namespaces) continue;
      for (auto it = pods_.lower_bound({name, ""}); it != pods_.end() && it->first.first == name; ++it) {
        count(group, it->second.facts, by);
      }
    }
  };
  each_pod(-1);
  if (labels.empty()) {
    namespaces_.erase(name);
  } else {
    namespaces_[name] = labels;
  }
  each_pod(1);
}

void PolicyBook::set_pod(const PolicyPod& facts) {
  const PodKey key{facts.ns, facts.uid};
  const auto known = pods_.find(key);
  if (known != pods_.end() && known->second.facts == facts) return;
  if (known != pods_.end()) {
    count_everywhere(known->second.facts, -1);
    if (known->second.facts.address != facts.address) {
      out_.pods.erase(known->second.facts.address);
      holders_.erase(known->second.facts.address);
    }
  }
  auto& pod = pods_[key];
  pod.facts = facts;
  ns_of_[facts.uid] = facts.ns;
  holders_[facts.address] = facts.uid;
  count_everywhere(facts, 1);
  select_again(pod);
}

void PolicyBook::drop_pod(const std::string& uid) {
  const auto ns = ns_of_.find(uid);
  if (ns == ns_of_.end()) return;
  const auto found = pods_.find({ns->second, uid});
  const auto& facts = found->second.facts;
  count_everywhere(facts, -1);
  if (holder_of(facts.address) == uid) {
    holders_.erase(facts.address);
    out_.pods.erase(facts.address);
  }
  pods_.erase(found);
  ns_of_.erase(ns);
}

std::vector<Name> PolicyBook::policy_names() const {
  std::vector<Name> names;
  for (const auto& [name, policy] : policies_) names.push_back(name);
  return names;
}

std::vector<std::string> PolicyBook::pod_uids() const {
  std::vector<std::string> uids;
  for (const auto& [uid, ns] : ns_of_) uids.push_back(uid);
  return uids;
}

const PolicyPod* PolicyBook::pod(const std::string& uid) const {
  const auto ns = ns_of_.find(uid);
  return ns == ns_of_.end() ? nullptr : &pods_.at({ns->second, uid}).facts;
}

std::string PolicyBook::holder_of(const std::string& address) const {
  const auto found = holders_.find(address);
  return found == holders_.end() ? std::string() : found->second;
}

bool PolicyBook::selects(const std::string& uid) const {
  const auto ns = ns_of_.find(uid);
  if (ns == ns_of_.end()) return false;
  const auto& policed = pods_.at({ns->second, uid}).policed;
  return policed.ingress || policed.egress;
}

const network::PodPolicies& PolicyBook::policies() {
  for (auto& [name, group] : groups_) {
    if (!std::exchange(group.changed, false)) continue;
    network::PodPolicies::Elements elements;
    for (const auto& [element, pods] : group.elements) elements.insert(element);
    put_if_new(group.of_ports ? out_.ports : out_.peers, name, std::move(elements));
  }
  return out_;
}

}  // namespace berth::agent
