// network/policy_rules.cpp - see policy_rules.hpp.
#include "network/policy_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace berth::network {
namespace {

std::string mac_text(const Mac& mac) { return fmt::format("{:02x}", fmt::join(mac, ":")); }

/// Where packets for everybody go, none of which is for one pod.
std::string to_many(const FirewallPlan& plan) {
  const auto last = plan.pods.base.to_v4() | (std::numeric_limits<std::uint32_t>::max() >> plan.pods.prefix);
  return fmt::format("{{ 224.0.0.0/4, 255.255.255.255, {} }}", IpAddress::v4(last).text());
}

std::string pod_chain(bool ingress, const std::string& address) {
  return fmt::format("pod-{}-{}", ingress ? "in" : "out", address);
}

using Names = std::optional<std::vector<std::string>>;
const Names& side_of(const PolicedPod& pod, bool ingress) { return ingress ? pod.ingress : pod.egress; }

/// The rules of a closed pod's chain, a line each.
std::string pod_rules(bool ingress, const std::string& address, const std::vector<std::string>& chains) {
  auto text = fmt::format("ip {} {} accept\n", ingress ? "saddr" : "daddr", address);
  for (const auto& chain : chains) text += fmt::format("jump {}\n", chain);
  return text + "drop\n";
}

bool is_all(const model::AddressRange& range) {
  return range.first == 0 && range.last == std::numeric_limits<std::uint32_t>::max();
}

/// The ways to be one of the peers, as matches; "" matches all.
std::vector<std::string> peer_matches(bool ingress, const PolicyAllowance& allowance) {
  const auto* field = ingress ? "ip saddr" : "ip daddr";
  if (allowance.everybody || std::any_of(allowance.blocks.begin(), allowance.blocks.end(), is_all)) return {""};
  std::vector<std::string> all;
  for (const auto& set : allowance.peers) all.push_back(fmt::format("{} @{} ", field, set));
  if (allowance.blocks.empty()) return all;
  std::string list;
  for (const auto& range : allowance.blocks) {
    const auto first = IpAddress::v4(range.first).text();
    list += list.empty() ? "" : ", ";
    list += range.first == range.last ? first : fmt::format("{}-{}", first, IpAddress::v4(range.last).text());
  }
  all.push_back(fmt::format("{} {{ {} }} ", field, list));
  return all;
}

/// Ascending, none next to another: nft(8) takes no ranges that overlap.
std::vector<PolicyPorts> joined(std::vector<PolicyPorts> ports) {
  std::sort(ports.begin(), ports.end());
  std::vector<PolicyPorts> out;
  for (const auto& each : ports) {
    if (!out.empty() && out.back().protocol == each.protocol &&
        (out.back().first == 0 || each.first <= out.back().last + 1)) {
      out.back().last = std::max(out.back().last, each.last);
    } else {
      out.push_back(each);
    }
  }
  return out;
}

std::vector<std::string> port_matches(const PolicyAllowance& allowance) {
  if (allowance.every_port) return {""};
  std::map<std::string, std::string> lists;  // By protocol; empty: all its ports.
  for (const auto& each : joined(allowance.ports)) {
    auto& list = lists[each.protocol];
    if (each.first == 0) continue;
    list += list.empty() ? "" : ", ";
    list += each.first == each.last ? fmt::format("{}", each.first) : fmt::format("{}-{}", each.first, each.last);
  }
  std::vector<std::string> all;
  all.reserve(lists.size() + allowance.named_ports.size());
  for (const auto& [protocol, list] : lists) {
    all.push_back(list.empty() ? fmt::format("meta l4proto {} ", protocol)
                               : fmt::format("meta l4proto {} th dport {{ {} }} ", protocol, list));
  }
  for (const auto& set : allowance.named_ports) {
    all.push_back(fmt::format("ip daddr . meta l4proto . th dport @{} ", set));
  }
  return all;
}

std::string policy_rules(const PolicyChain& chain) {
  std::string text;
  for (const auto& allowance : chain.allows) {
    for (const auto& peer : peer_matches(chain.ingress, allowance)) {
      for (const auto& port : port_matches(allowance)) text += fmt::format("{}{}accept\n", peer, port);
    }
  }
  return text;
}

std::string indented(const std::string& lines) {
  std::string text;
  for (std::size_t begin = 0; begin < lines.size();) {
    const auto end = lines.find('\n', begin);
    text += "  " + lines.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return text;
}

using Elements = PodPolicies::Elements;

std::string elements_line(const Elements& elements) {
  return elements.empty() ? "" : fmt::format("elements = {{ {} }}", fmt::join(elements, ", "));
}

constexpr std::string_view kPeerType = "ipv4_addr";
constexpr std::string_view kPortType = "ipv4_addr . inet_proto . inet_service";

std::string whole_chain(const std::string& name, const std::string& rules) {
  return fmt::format(" chain {} {{\n{} }}\n", name, indented(rules));
}

Elements verdicts(const PodPolicies& policies, bool ingress) {
  Elements out;
  for (const auto& [address, pod] : policies.pods) {
    if (side_of(*pod, ingress)) out.insert(fmt::format("{} : jump {}", address, pod_chain(ingress, address)));
  }
  return out;
}

std::string quoted(const std::string& link) { return fmt::format("\"{}\"", link); }

/// The sets of table bridge that one cable is in.
std::vector<std::pair<const char*, std::string>> places_of(const std::string& address, const Cable& cable,
                                                           const PolicedPod* policed) {
  std::vector<std::pair<const char*, std::string>> out{
      {"links", quoted(cable.link)},
      {"cables", fmt::format("{} . {}", quoted(cable.link), mac_text(cable.mac))},
      {"addresses", fmt::format("{} . {}", quoted(cable.link), address)}};
  if (policed != nullptr && policed->ingress) out.emplace_back("closed_in", quoted(cable.link));
  if (policed != nullptr && policed->egress) out.emplace_back("closed_out", quoted(cable.link));
  return out;
}

const PolicedPod* find_pod(const PodPolicies& policies, const std::string& address) {
  const auto found = policies.pods.find(address);
  return found == policies.pods.end() ? nullptr : found->second.get();
}

/// Same object, or equal ones.
template <typename T>
bool is_same(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

/// Of two ordered maps: each name whose value is not the same, with both values (null: not there).
template <typename T, typename Visit>
void each_difference(const std::map<std::string, std::shared_ptr<const T>>& before,
                     const std::map<std::string, std::shared_ptr<const T>>& after, Visit visit) {
  auto old = before.begin();
  auto now = after.begin();
  const std::shared_ptr<const T> none;
  while (old != before.end() || now != after.end()) {
    if (now == after.end() || (old != before.end() && old->first < now->first)) {
      visit(old->first, old->second, none);
      ++old;
    } else if (old == before.end() || now->first < old->first) {
      visit(now->first, none, now->second);
      ++now;
    } else {
      if (!is_same(old->second, now->second)) visit(old->first, old->second, now->second);
      ++old;
      ++now;
    }
  }
}

/// One transaction in the order that the kernel wants: what refers goes before what is referred to, and comes after it.
class Change {
 public:
  explicit Change(std::string table) : table_(std::move(table)) {}

  void element(std::string_view family, std::string_view set, const std::string& key, const std::string& value,
               bool add) {
    auto& part = add ? new_elements_ : gone_elements_;
    part += fmt::format("{} element {} {} {} {{ {}{} }}\n", add ? "add" : "delete", family, table_, set, key,
                        add ? value : std::string());
  }
  void elements(const std::string& set, const Elements& before, const Elements& after) {
    for (const auto& each : before) {
      if (!after.contains(each)) element("ip", set, each, "", /*add=*/false);
    }
    for (const auto& each : after) {
      if (!before.contains(each)) element("ip", set, each, "", /*add=*/true);
    }
  }
  void set(const std::string& name, std::string_view type, const Elements* before, const Elements* after) {
    static const Elements kNone;
    if (before == nullptr) new_sets_ += fmt::format("add set ip {} {} {{ type {}; }}\n", table_, name, type);
    if (after == nullptr) {
      gone_sets_ += fmt::format("delete set ip {} {}\n", table_, name);
    } else {
      elements(name, before == nullptr ? kNone : *before, *after);
    }
  }
  void chain(const std::string& name, bool was_there, const std::optional<std::string>& rules) {
    if (!was_there) new_chains_ += fmt::format("add chain ip {} {}\n", table_, name);
    if (was_there) flushed_ += fmt::format("flush chain ip {} {}\n", table_, name);
    if (!rules) {
      gone_chains_ += fmt::format("delete chain ip {} {}\n", table_, name);
      return;
    }
    for (std::size_t begin = 0; begin < rules->size();) {
      const auto end = rules->find('\n', begin);
      rules_ += fmt::format("add rule ip {} {} {}\n", table_, name, rules->substr(begin, end - begin));
      begin = end + 1;
    }
  }
  /// Sets are filled before rules look into them, and maps when their chains have rules.
  std::string text() && {
    return std::move(gone_elements_) + new_sets_ + new_chains_ + flushed_ + rules_ + gone_chains_ + gone_sets_ +
           new_elements_;
  }

 private:
  std::string table_;
  std::string gone_elements_;
  std::string new_sets_;
  std::string new_chains_;
  std::string flushed_;
  std::string rules_;
  std::string gone_chains_;
  std::string gone_sets_;
  std::string new_elements_;
};

void change_pod(Change& change, const Cables& cables, const std::string& address, const PolicedPod* before,
                const PolicedPod* after) {
  const auto cable = cables.find(address);
  for (const auto ingress : {true, false}) {
    const auto* old = before != nullptr && side_of(*before, ingress) ? &*side_of(*before, ingress) : nullptr;
    const auto* now = after != nullptr && side_of(*after, ingress) ? &*side_of(*after, ingress) : nullptr;
    if (old == nullptr && now == nullptr) continue;
    if (old != nullptr && now != nullptr && *old == *now) continue;
    const auto name = pod_chain(ingress, address);
    change.chain(name, old != nullptr,
                 now == nullptr ? std::nullopt : std::optional(pod_rules(ingress, address, *now)));
    if ((old == nullptr) == (now == nullptr)) continue;
    change.element("ip", ingress ? "pods_in" : "pods_out", address, " : jump " + name, now != nullptr);
    if (cable == cables.end()) continue;
    change.element("bridge", ingress ? "closed_in" : "closed_out", quoted(cable->second.link), "", now != nullptr);
  }
}

}  // namespace

std::string policy_table(const std::string& bridge) { return "berth-" + bridge + "-policies"; }

std::string no_policies_text(const std::string& bridge) {
  // Adding before deleting makes the deletion succeed when there is no table.
  return fmt::format("add table ip {0}\ndelete table ip {0}\nadd table bridge {0}\ndelete table bridge {0}\n",
                     policy_table(bridge));
}

std::string policies_text(const FirewallPlan& plan, const Mac& bridge_mac, const Cables& cables,
                          const PodPolicies& policies, bool from_before) {
  constexpr std::string_view kTables = R"({none}table ip {table} {{
 set from_before {{ type inet_proto; flags timeout; {from_before} }}
{sets} map pods_in {{ type ipv4_addr : verdict; {pods_in} }}
 map pods_out {{ type ipv4_addr : verdict; {pods_out} }}
{chains} chain known {{
  ct state related accept
  ct state established ct direction reply accept
  ct state established meta l4proto tcp accept
 }}
 chain egress {{
  type filter hook forward priority filter - 2; policy accept;
  iifname != "{bridge}" accept
  jump known
  oifname "{bridge}" meta l4proto @from_before tcp flags & (fin | syn | rst | ack) == ack accept
  ip saddr vmap @pods_out
 }}
 chain ingress {{
  type filter hook forward priority filter - 1; policy accept;
  oifname != "{bridge}" accept
  jump known
  iifname "{bridge}" meta l4proto @from_before tcp flags & (fin | syn | rst | ack) == ack accept
  ip daddr vmap @pods_in
 }}
 chain to_host {{
  type filter hook input priority filter - 1; policy accept;
  iifname != "{bridge}" accept
  jump known
  ip daddr {{ {dns} }} meta l4proto {{ tcp, udp }} th dport {dns_port} accept
  ip saddr vmap @pods_out
 }}
 chain no_detours {{
  type filter hook output priority filter; policy accept;
  oifname "{bridge}" icmp type redirect drop
 }}
}}
table bridge {table} {{
 set links {{ type ifname; {links} }}
 set cables {{ type ifname . ether_addr; {cables} }}
 set addresses {{ type ifname . ipv4_addr; {addresses} }}
 set closed_in {{ type ifname; {closed_in} }}
 set closed_out {{ type ifname; {closed_out} }}
 chain prerouting {{
  type filter hook prerouting priority -300; policy accept;
  iifname != @links accept
  iifname . ether saddr != @cables drop
  ether type != {{ ip, ip6, arp }} drop
  ether type arp iifname . arp saddr ip != @addresses drop
  ether type ip iifname . ip saddr != @addresses drop
  ether type ip ip daddr != {many} ether daddr set {mac} meta pkttype set host
 }}
 chain input {{
  type filter hook input priority -300; policy accept;
  ether type != {{ ip, arp }} iifname @closed_out drop
 }}
 chain forward {{
  type filter hook forward priority -300; policy accept;
  ether type arp accept
  ether type ip ip daddr != {many} accept
  iifname @closed_out drop
  oifname @closed_in drop
 }}
}}
)";
  std::string sets;
  for (const auto& [name, elements] : policies.peers) {
    sets += fmt::format(" set {} {{ type {}; {} }}\n", name, kPeerType, elements_line(*elements));
  }
  for (const auto& [name, elements] : policies.ports) {
    sets += fmt::format(" set {} {{ type {}; {} }}\n", name, kPortType, elements_line(*elements));
  }
  std::string chains;
  for (const auto& [name, chain] : policies.chains) chains += whole_chain(name, policy_rules(*chain));
  for (const auto& [address, pod] : policies.pods) {
    for (const auto ingress : {true, false}) {
      const auto& side = side_of(*pod, ingress);
      if (side) chains += whole_chain(pod_chain(ingress, address), pod_rules(ingress, address, *side));
    }
  }
  std::map<std::string_view, Elements> places;
  for (const auto& [address, cable] : cables) {
    for (auto& [set, element] : places_of(address, cable, find_pod(policies, address))) {
      places[set].insert(std::move(element));
    }
  }
  auto dns = plan.gateway.text();
  for (const auto& address : plan.dns) dns += address == plan.gateway ? "" : ", " + address.text();
  return fmt::format(
      kTables, fmt::arg("none", no_policies_text(plan.bridge)), fmt::arg("table", policy_table(plan.bridge)),
      fmt::arg("bridge", plan.bridge), fmt::arg("from_before", from_before ? "elements = { tcp timeout 60s }" : ""),
      fmt::arg("sets", sets), fmt::arg("pods_in", elements_line(verdicts(policies, true))),
      fmt::arg("pods_out", elements_line(verdicts(policies, false))), fmt::arg("chains", chains), fmt::arg("dns", dns),
      fmt::arg("dns_port", plan.dns_port), fmt::arg("many", to_many(plan)), fmt::arg("mac", mac_text(bridge_mac)),
      fmt::arg("links", elements_line(places["links"])), fmt::arg("cables", elements_line(places["cables"])),
      fmt::arg("addresses", elements_line(places["addresses"])),
      fmt::arg("closed_in", elements_line(places["closed_in"])),
      fmt::arg("closed_out", elements_line(places["closed_out"])));
}

std::string change_text(const FirewallPlan& plan, const Cables& cables, const PodPolicies& before,
                        const PodPolicies& after) {
  Change change(policy_table(plan.bridge));
  const auto sets = [&](std::string_view type, const auto& old, const auto& now) {
    each_difference(old, now, [&](const std::string& name, const auto& a, const auto& b) {
      change.set(name, type, a.get(), b.get());
    });
  };
  sets(kPeerType, before.peers, after.peers);
  sets(kPortType, before.ports, after.ports);
  each_difference(before.chains, after.chains, [&](const std::string& name, const auto& a, const auto& b) {
    change.chain(name, a != nullptr, b == nullptr ? std::nullopt : std::optional(policy_rules(*b)));
  });
  each_difference(before.pods, after.pods, [&](const std::string& address, const auto& a, const auto& b) {
    change_pod(change, cables, address, a.get(), b.get());
  });
  return std::move(change).text();
}

std::optional<NftBatch> batch_of(const FirewallPlan& plan, const PodPolicies& before, const PodPolicies& after) {
  auto is_all = true;
  NftBatch batch(policy_table(plan.bridge));
  const auto other = [&](const std::string&, const auto&, const auto&) { is_all = false; };
  each_difference(before.chains, after.chains, other);
  each_difference(before.pods, after.pods, other);
  const auto sets = [&](const auto& old, const auto& now) {
    each_difference(old, now, [&](const std::string& name, const auto& a, const auto& b) {
      if (a == nullptr || b == nullptr) {
        is_all = false;
        return;
      }
      for (const auto& each : *a) {
        if (!b->contains(each)) batch.delete_element(name, map_key(each));
      }
      for (const auto& each : *b) {
        if (!a->contains(each)) batch.add_element(name, map_key(each));
      }
    });
  };
  sets(before.peers, after.peers);
  sets(before.ports, after.ports);
  return is_all ? std::optional(std::move(batch)) : std::nullopt;
}

std::string plug_text(const std::string& bridge, const std::string& address, const Cable& cable,
                      const PolicedPod* policed) {
  std::string text;
  for (const auto& [set, element] : places_of(address, cable, policed)) {
    text += fmt::format("add element bridge {} {} {{ {} }}\n", policy_table(bridge), set, element);
  }
  return text;
}

std::string unplug_text(const std::string& bridge, const std::string& address, const Cable& cable,
                        const PolicedPod* policed) {
  std::string text;
  for (const auto& [set, element] : places_of(address, cable, policed)) {
    text += fmt::format("delete element bridge {} {} {{ {} }}\n", policy_table(bridge), set, element);
  }
  return text;
}

}  // namespace berth::network
