// network/dns/zone.cpp - finding names in a zone, short names included.
#include "network/dns/zone.hpp"

#include <algorithm>

#include "network/dns/zone_hash.hpp"

namespace berth::network::dns {

const Zone::Node* Zone::find(Octets name) const {
  const auto* node = lookup(name);
  return node != nullptr && node->kind != Kind::Awaited ? node : nullptr;
}

const Zone::Node* Zone::lookup(Octets name) const {
  const auto hash = hash_name(name);
  const auto mask = slots_.size() - 1;
  for (auto at = hash & mask; slots_[at].node != 0; at = (at + 1) & mask) {
    if (slots_[at].hash != hash) continue;
    const auto& node = nodes_[slots_[at].node - 1];
    if (node.name_size == name.size() && std::memcmp(arena_.data() + node.name, name.data(), name.size()) == 0)
      return &node;
  }
  return nullptr;
}

const Zone::RecordSet* Zone::set_of(const Node& node, Type type) const {
  for (std::size_t i = 0; i < node.set_count; ++i) {
    const auto& set = sets_[node.first_set + i];
    if (set.type == static_cast<std::uint16_t>(type)) return &set;
  }
  return nullptr;
}

const Zone::Node* Zone::find_below(const Name& name, Octets suffix) const {
  auto full = name;
  if (!full.append(suffix)) return nullptr;
  const auto* node = lookup(full.view());
  return node != nullptr && node->kind != Kind::NonTerminal && node->kind != Kind::Apex ? node : nullptr;
}

bool Zone::service_below(Octets name, Octets suffix) const {
  Name full;
  if (!full.append(name) || !full.append(suffix)) return false;
  const auto* node = find(full.view());
  return node != nullptr && node->kind == Kind::Service;
}

const Name* Zone::suffix_of(const IpAddress& source) const {
  const auto found = std::ranges::lower_bound(pods_, source, {}, &PodNamespace::source);
  return found != pods_.end() && found->source == source ? &found->suffix : nullptr;
}

const Zone::Node* Zone::find_unique(Octets relative) const {
  const auto less = [](Octets a, Octets b) { return std::ranges::lexicographical_compare(a, b); };
  const auto name_of_entry = [](const auto& entry) { return entry.first.view(); };
  const auto found = std::ranges::lower_bound(unique_, relative, less, name_of_entry);
  const auto hit = found != unique_.end() && std::ranges::equal(found->first.view(), relative);
  return hit && found->second != kAmbiguous ? &nodes_[found->second] : nullptr;
}

Zone::Match Zone::found(const Node& node, bool full) {
  return {node.kind == Kind::Awaited ? nullptr : &node, /*ours=*/true, full, node.awaited};
}

Zone::Match Zone::match(const Name& name, const IpAddress& source) const {
  if (const auto* node = lookup(name.view())) return found(*node, /*full=*/is_below(name.view(), domain_.view()));
  if (is_below(name.view(), domain_.view())) return {nullptr, /*ours=*/true, /*full=*/true};
  constexpr std::size_t kMostShortLabels = 5;  // _port._tcp.service.namespace.svc
  if (name.size() == 1 || name.labels() > kMostShortLabels) return {};

  const auto* pod = suffix_of(source);
  const auto& own = pod != nullptr ? *pod : default_namespace_;
  for (const auto& suffix : {own.view(), services_.view(), domain_.view()}) {
    if (const auto* node = find_below(name, suffix)) return found(*node, /*full=*/false);
  }
  if (pod == nullptr) {
    if (const auto* node = find_unique(name.view())) return found(*node, /*full=*/false);
  }
  // A pod that is not ready: one label in front of a service. Anything longer is no name of ours, whatever its end.
  const auto parent = parent_of(name.view());
  if (parent[0] == 0) return {};
  for (const auto& suffix : {own.view(), services_.view(), domain_.view()}) {
    if (service_below(parent, suffix)) return {nullptr, /*ours=*/true, /*full=*/false};
  }
  const auto* service = pod == nullptr ? find_unique(parent) : nullptr;
  if (service != nullptr && service->kind == Kind::Service) return {nullptr, /*ours=*/true, /*full=*/false};
  return {};
}

}  // namespace berth::network::dns
