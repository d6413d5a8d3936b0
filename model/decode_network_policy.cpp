// model/decode_network_policy.cpp - NetworkPolicy, and the addresses that its blocks mean.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "model/decode_internal.hpp"
#include "model/network_policy.hpp"

namespace berth::model {
namespace {

PolicyPort read_port(const Reader& from) {
  PolicyPort port;
  port.protocol = from.text("protocol", "TCP");
  const auto* value = from.get("port");
  if (value == nullptr) return port;
  if (value->is_string()) {
    port.name = from.text("port");
    return port;
  }
  port.first = static_cast<std::uint16_t>(from.int32("port"));
  port.last = static_cast<std::uint16_t>(from.int32("endPort", port.first));
  return port;
}

PolicyPeer read_peer(const Reader& from) {
  PolicyPeer peer;
  if (from.has("podSelector")) peer.pods = read_label_selector(from.child("podSelector"));
  if (from.has("namespaceSelector")) peer.namespaces = read_label_selector(from.child("namespaceSelector"));
  if (from.has("ipBlock")) peer.block = {from.child("ipBlock").text("cidr"), from.child("ipBlock").texts("except")};
  return peer;
}

std::vector<PolicyRule> read_rules(const Reader& spec, std::string_view name, std::string_view peers) {
  std::vector<PolicyRule> rules;
  for (const auto& each : spec.children(name)) {
    PolicyRule rule;
    for (const auto& peer : each.children(peers)) rule.peers.push_back(read_peer(peer));
    for (const auto& port : each.children("ports")) rule.ports.push_back(read_port(port));
    rules.push_back(std::move(rule));
  }
  return rules;
}

void read_policy(const Reader& root, NetworkPolicy& policy) {
  const auto spec = root.child("spec");
  policy.pods = read_label_selector(spec.child("podSelector"));
  policy.ingress = read_rules(spec, "ingress", "from");
  policy.egress = read_rules(spec, "egress", "to");
  const auto types = spec.texts("policyTypes");
  const auto says = [&](std::string_view type) { return std::find(types.begin(), types.end(), type) != types.end(); };
  // As the defaults have it, for what was stored without.
  policy.closes_ingress = types.empty() || says("Ingress");
  policy.closes_egress = types.empty() ? !policy.egress.empty() : says("Egress");
}

std::optional<AddressRange> range_of(std::string_view cidr) {
  const auto slash = cidr.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(cidr.substr(0, slash)).c_str(), &address) != 1) return std::nullopt;
  unsigned length = 0;
  const auto digits = cidr.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || length > 32) return std::nullopt;
  constexpr auto kAll = std::numeric_limits<std::uint32_t>::max();
  const auto below = length == 0 ? kAll : (length == 32 ? 0U : kAll >> length);
  const auto first = ntohl(address.s_addr) & ~below;
  return AddressRange{first, first | below};
}

}  // namespace

Result<NetworkPolicy> decode_network_policy(const Object& object) { return decode<NetworkPolicy>(object, read_policy); }

std::vector<AddressRange> joined(std::vector<AddressRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<AddressRange> out;
  for (const auto& each : ranges) {
    const auto touches = !out.empty() && (out.back().last == std::numeric_limits<std::uint32_t>::max() ||
                                          each.first <= out.back().last + 1);
    if (touches) {
      out.back().last = std::max(out.back().last, each.last);
    } else {
      out.push_back(each);
    }
  }
  return out;
}

std::vector<AddressRange> addresses_of(const IpBlock& block) {
  const auto whole = range_of(block.cidr);
  if (!whole) return {};
  std::vector<AddressRange> holes;
  for (const auto& text : block.except) {
    if (const auto hole = range_of(text)) holes.push_back(*hole);
  }
  std::vector<AddressRange> out;
  auto from = std::uint64_t{whole->first};
  for (const auto& hole : joined(std::move(holes))) {
    if (hole.last < from) continue;
    if (hole.first > whole->last) break;
    if (hole.first > from) out.push_back({static_cast<std::uint32_t>(from), hole.first - 1});
    from = std::uint64_t{hole.last} + 1;
  }
  if (from <= whole->last) out.push_back({static_cast<std::uint32_t>(from), whole->last});
  return out;
}

}  // namespace berth::model
