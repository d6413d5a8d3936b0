// network/service_rules.cpp - see service_rules.hpp.
#include "network/service_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace berth::network {
namespace {

/// A bit of the flow's mark, as kube-proxy sets it: its answers have to come back through this host.
constexpr std::string_view kMark = "0x00004000";

/// "10.98.0.4{between}8080", or the address alone.
std::string target_of(const DnatChoice& choice, const ServiceBackend& to, std::string_view between) {
  return choice.protocol.empty() ? to.address : fmt::format("{}{}{}", to.address, between, to.port);
}

/// The choice in nft(8)'s words, a line.
std::string text_of(const DnatChoice& choice) {
  const auto which = choice.protocol.empty() ? std::string() : fmt::format("meta l4proto {} ", choice.protocol);
  if (choice.to.size() == 1) return fmt::format("{}dnat ip to {}\n", which, target_of(choice, choice.to.front(), ":"));
  std::string list;
  for (std::size_t i = 0; i < choice.to.size(); ++i) {
    list += fmt::format("{}{} : {}", i == 0 ? "" : ", ", i, target_of(choice, choice.to[i], " . "));
  }
  return fmt::format("{}dnat ip to numgen random mod {} map {{ {} }}\n", which, choice.to.size(), list);
}

/// One port of one service, seen from one side.
class Side {
 public:
  Side(const FirewallPlan& plan, const ServiceRoute& service, const ServicePortRoute& port,
       const std::vector<ServiceBackend>& backends, std::string name)
      : plan_(plan), service_(service), port_(port), backends_(backends), name_(std::move(name)) {}

  /// `from_outside`: clients may be anywhere. `guarded`: the service's source ranges count.
  void add_to(ServiceRules& rules, bool from_outside, bool guarded) const {
    std::string body;
    if (guarded && !service_.source_ranges.empty()) {
      body += fmt::format("ip saddr != {{ {} }} drop\n", fmt::join(service_.source_ranges, ", "));
    }
    if (from_outside &&
        std::any_of(backends_.begin(), backends_.end(), [&](const auto& each) { return !is_pod(each); }))
      body += fmt::format("ct mark set ct mark or {}\n", kMark);
    const auto plain = body.empty() && service_.affinity_seconds == 0;
    body += service_.affinity_seconds == 0 ? text_of(choice()) : sticky_choice(rules);
    rules.chains.emplace(name_, ChainRules{std::move(body), plain ? std::optional(choice()) : std::nullopt});
  }

 private:
  /// On whatever host: network/firewall sees to it that its answers come back.
  bool is_pod(const ServiceBackend& backend) const {
    const auto address = IpAddress::parse(backend.address);
    return address && (plan_.cluster ? plan_.cluster->pods : plan_.pods).contains(*address);
  }

  DnatChoice choice() const { return {port_.protocol, backends_}; }

  std::string sticky_choice(ServiceRules& rules) const {
    std::string known;
    std::string list;
    for (std::size_t i = 0; i < backends_.size(); ++i) {
      const auto chain = fmt::format("{}/{}/{}", name_, backends_[i].address, backends_[i].port);
      const auto set = fmt::format("{}/{}", chain, service_.affinity_seconds);
      rules.sets.emplace(set,
                         fmt::format("type ipv4_addr; flags dynamic,timeout; timeout {}s;", service_.affinity_seconds));
      const DnatChoice its{port_.protocol, {backends_[i]}};
      rules.chains.emplace(chain, ChainRules{fmt::format("update @{} {{ ip saddr }}\n{}", set, text_of(its)), {}});
      known += fmt::format("ip saddr @{} goto {}\n", set, chain);
      list += fmt::format("{}{} : goto {}", i == 0 ? "" : ", ", i, chain);
    }
    if (backends_.size() == 1) return fmt::format("goto {}/{}/{}\n", name_, backends_[0].address, backends_[0].port);
    return fmt::format("{}numgen random mod {} vmap {{ {} }}\n", known, backends_.size(), list);
  }

  const FirewallPlan& plan_;
  const ServiceRoute& service_;
  const ServicePortRoute& port_;
  const std::vector<ServiceBackend>& backends_;
  const std::string name_;
};

/// Packets for ports that the service does not name keep their port.
void add_other_ports(ServiceRules& rules, const std::string& name, const ServiceRoute& service) {
  if (service.other_ports.empty()) return;
  DnatChoice choice;
  for (const auto& address : service.other_ports) choice.to.push_back({address, 0});
  const auto chain = "any-" + name;
  rules.chains.emplace(chain, ChainRules{text_of(choice), choice});
  rules.other_ports.emplace(service.cluster_ip, chain);
}

void add(ServiceRules& rules, const FirewallPlan& plan, const std::string& name, const ServiceRoute& service) {
  rules.addresses.emplace(service.cluster_ip, "");
  add_other_ports(rules, name, service);
  for (const auto& port : service.ports) {
    const auto path = fmt::format("{}/{}/{}", name, port.protocol, port.port);
    if (!port.inside.empty()) {
      const auto chain = "in-" + path;
      Side(plan, service, port, port.inside, chain).add_to(rules, /*from_outside=*/false, /*guarded=*/false);
      rules.cluster_ports.emplace(fmt::format("{} . {} . {}", service.cluster_ip, port.protocol, port.port), chain);
    }
    if (port.outside.empty()) continue;
    if (port.node_port != 0) {
      const auto chain = "out-" + path;
      Side(plan, service, port, port.outside, chain).add_to(rules, /*from_outside=*/true, /*guarded=*/false);
      rules.node_ports.emplace(fmt::format("{} . {}", port.protocol, port.node_port), chain);
    }
    if (port.host_port != 0) {
      const auto chain = "lb-" + path;
      Side(plan, service, port, port.outside, chain).add_to(rules, /*from_outside=*/true, /*guarded=*/true);
      rules.balancer_ports.emplace(fmt::format("{} . {}", port.protocol, port.host_port), chain);
    }
  }
}

/// "a, b" or "a : goto x, b : goto y".
std::string list_of(const Elements& elements, bool with_values) {
  std::string text;
  for (const auto& [key, value] : elements) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", key);
    if (with_values && !value.empty()) text += " : goto " + value;
  }
  return text;
}

std::string indented(const std::string& lines) {
  std::string text;
  std::size_t begin = 0;
  while (begin < lines.size()) {
    const auto end = lines.find('\n', begin);
    text += "  " + lines.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return text;
}

std::string elements_line(const Elements& elements) {
  return elements.empty() ? "" : fmt::format("\n  elements = {{ {} }}", list_of(elements, /*with_values=*/true));
}

/// In `these` with another value, or not at all in `those`.
template <typename Named>
Named only_in(const Named& these, const Named& those) {
  Named out;
  for (const auto& [key, value] : these) {
    const auto other = those.find(key);
    if (other == those.end() || !(other->second == value)) out.emplace(key, value);
  }
  return out;
}

template <typename Named>
Named missing_in(const Named& these, const Named& those) {
  Named out;
  for (const auto& [key, value] : these) {
    if (!those.contains(key)) out.emplace(key, value);
  }
  return out;
}

template <typename Named>
std::set<std::string> names_of(const Named& all) {
  std::set<std::string> names;
  for (const auto& [name, value] : all) names.insert(name);
  return names;
}

}  // namespace

std::string service_table(const std::string& bridge) { return "berth-" + bridge + "-services"; }

ServiceRules rules_of(const FirewallPlan& plan, const ServiceRoutes& routes) {
  ServiceRules rules;
  for (const auto& [name, service] : routes) add(rules, plan, name, *service);
  return rules;
}

std::string services_text(const FirewallPlan& plan, const ServiceRoutes& routes) {
  // Adding before deleting makes the deletion succeed when there is no table yet. After network/firewall's chains of
  // the same hooks: a host port that a pod has is not taken from it.
  constexpr std::string_view kTable = R"(add table ip {table}
delete table ip {table}
table ip {table} {{
 set service_addresses {{
  type ipv4_addr{addresses}
 }}
{sets} map cluster_ports {{
  type ipv4_addr . inet_proto . inet_service : verdict{cluster_ports}
 }}
 map other_ports {{
  type ipv4_addr : verdict{other_ports}
 }}
 map node_ports {{
  type inet_proto . inet_service : verdict{node_ports}
 }}
 map balancer_ports {{
  type inet_proto . inet_service : verdict{balancer_ports}
 }}
{chains} chain prerouting {{
  type nat hook prerouting priority dstnat + 5; policy accept;
  iifname "{bridge}" ip daddr . meta l4proto . th dport vmap @cluster_ports
  iifname "{bridge}" ip daddr vmap @other_ports
  fib daddr type local jump to_host
 }}
 chain output {{
  type nat hook output priority -95; policy accept;
  ip daddr . meta l4proto . th dport vmap @cluster_ports
  ip daddr vmap @other_ports
  fib daddr type local jump to_host
 }}
 chain to_host {{
  ip daddr {{ {dns} }} meta l4proto {{ tcp, udp }} th dport {dns_port} return
  meta l4proto . th dport vmap @node_ports
  ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @balancer_ports
 }}
 chain postrouting {{
  type nat hook postrouting priority srcnat - 5; policy accept;
  ct mark and {mark} != 0 ct status dnat oifname != {{ "lo", "{bridge}" }} masquerade
 }}
 chain refuse {{
  type filter hook prerouting priority dstnat + 10; policy accept;
  ip daddr @service_addresses meta l4proto tcp reject with tcp reset
  ip daddr @service_addresses reject
 }}
 chain refuse_own {{
  type filter hook output priority filter - 5; policy accept;
  ip daddr @service_addresses meta l4proto tcp reject with tcp reset
  ip daddr @service_addresses reject
 }}
}}
)";
  const auto rules = rules_of(plan, routes);
  std::string sets;
  for (const auto& [name, declaration] : rules.sets) sets += fmt::format(" set {} {{ {} }}\n", name, declaration);
  // Chains of backends are named by others: all are there before any has rules.
  std::string chains;
  for (const auto& [name, its] : rules.chains) {
    chains += fmt::format(" chain {} {{\n{} }}\n", name, indented(its.text));
  }
  auto dns = plan.gateway.text();
  for (const auto& address : plan.dns) dns += address == plan.gateway ? "" : ", " + address.text();
  return fmt::format(kTable, fmt::arg("table", service_table(plan.bridge)), fmt::arg("bridge", plan.bridge),
                     fmt::arg("addresses", elements_line(rules.addresses)), fmt::arg("sets", sets),
                     fmt::arg("cluster_ports", elements_line(rules.cluster_ports)),
                     fmt::arg("other_ports", elements_line(rules.other_ports)),
                     fmt::arg("node_ports", elements_line(rules.node_ports)),
                     fmt::arg("balancer_ports", elements_line(rules.balancer_ports)), fmt::arg("chains", chains),
                     fmt::arg("mark", kMark), fmt::arg("dns", dns), fmt::arg("dns_port", plan.dns_port));
}

ServiceRoutes differing(const ServiceRoutes& routes, const ServiceRoutes& other) {
  ServiceRoutes out;
  for (const auto& [name, route] : routes) {
    const auto found = other.find(name);
    if (found == other.end() || (found->second != route && *found->second != *route)) out.emplace(name, route);
  }
  return out;
}

bool ServiceChange::empty() const {
  return gone_from.empty() && new_in.empty() && new_sets.empty() && gone_sets.empty() && chains.empty() &&
         gone_chains.empty();
}

ServiceChange change_of(const FirewallPlan& plan, const ServiceRoutes& before, const ServiceRoutes& after) {
  const auto old_rules = rules_of(plan, differing(before, after));
  const auto new_rules = rules_of(plan, differing(after, before));
  ServiceChange change{.table = service_table(plan.bridge)};
  const auto elements = [&](const char* set, const Elements& old_ones, const Elements& new_ones) {
    if (auto gone = only_in(old_ones, new_ones); !gone.empty()) change.gone_from.emplace_back(set, std::move(gone));
    if (auto fresh = only_in(new_ones, old_ones); !fresh.empty()) change.new_in.emplace_back(set, std::move(fresh));
  };
  elements("service_addresses", old_rules.addresses, new_rules.addresses);
  elements("cluster_ports", old_rules.cluster_ports, new_rules.cluster_ports);
  elements("other_ports", old_rules.other_ports, new_rules.other_ports);
  elements("node_ports", old_rules.node_ports, new_rules.node_ports);
  elements("balancer_ports", old_rules.balancer_ports, new_rules.balancer_ports);
  change.new_sets = missing_in(new_rules.sets, old_rules.sets);
  change.gone_sets = missing_in(old_rules.sets, new_rules.sets);
  change.chains = only_in(new_rules.chains, old_rules.chains);
  change.new_chains = names_of(missing_in(new_rules.chains, old_rules.chains));
  change.gone_chains = names_of(missing_in(old_rules.chains, new_rules.chains));
  return change;
}

// The order is the kernel's: what refers goes before what is referred to, and comes after it.

std::string text_of(const ServiceChange& change) {
  const auto& table = change.table;
  std::string text;
  for (const auto& [set, which] : change.gone_from) {
    text += fmt::format("delete element ip {} {} {{ {} }}\n", table, set, list_of(which, /*with_values=*/false));
  }
  for (const auto& [name, its] : change.new_sets) text += fmt::format("add set ip {} {} {{ {} }}\n", table, name, its);
  for (const auto& name : change.new_chains) text += fmt::format("add chain ip {} {}\n", table, name);
  for (const auto& [name, rules] : change.chains) {
    if (!change.new_chains.contains(name)) text += fmt::format("flush chain ip {} {}\n", table, name);
  }
  for (const auto& name : change.gone_chains) text += fmt::format("flush chain ip {} {}\n", table, name);
  for (const auto& [name, rules] : change.chains) {
    std::size_t begin = 0;
    while (begin < rules.text.size()) {
      const auto end = rules.text.find('\n', begin);
      text += fmt::format("add rule ip {} {} {}\n", table, name, rules.text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  for (const auto& name : change.gone_chains) text += fmt::format("delete chain ip {} {}\n", table, name);
  for (const auto& [name, its] : change.gone_sets) text += fmt::format("delete set ip {} {}\n", table, name);
  for (const auto& [set, which] : change.new_in) {
    text += fmt::format("add element ip {} {} {{ {} }}\n", table, set, list_of(which, /*with_values=*/true));
  }
  return text;
}

std::optional<NftBatch> batch_of(const ServiceChange& change) {
  const auto is_known = [](const auto& chain) { return chain.second.choice.has_value(); };
  if (!change.new_sets.empty() || !change.gone_sets.empty() ||
      !std::all_of(change.chains.begin(), change.chains.end(), is_known))
    return std::nullopt;
  NftBatch batch(change.table);
  for (const auto& [set, which] : change.gone_from) {
    for (const auto& [key, chain] : which) batch.delete_element(set, map_key(key));
  }
  for (const auto& name : change.new_chains) batch.add_chain(name);
  for (const auto& [name, rules] : change.chains) {
    if (!change.new_chains.contains(name)) batch.flush_chain(name);
  }
  for (const auto& name : change.gone_chains) batch.flush_chain(name);
  for (const auto& [name, rules] : change.chains) batch.add_rule(name, *rules.choice);
  for (const auto& name : change.gone_chains) batch.delete_chain(name);
  for (const auto& [set, which] : change.new_in) {
    for (const auto& [key, chain] : which) batch.add_element(set, map_key(key), chain);
  }
  return batch;
}

std::vector<PortMapping> udp_mappings(const ServiceRoutes& routes) {
  std::vector<PortMapping> all;
  const auto add_all = [&](const IpAddress& address, std::uint16_t port, const std::vector<ServiceBackend>& backends) {
    for (const auto& backend : backends) {
      const auto to = IpAddress::parse(backend.address);
      if (to) all.push_back({"udp", address, port, *to, backend.port});
    }
  };
  for (const auto& [name, service] : routes) {
    const auto address = IpAddress::parse(service->cluster_ip);
    for (const auto& port : service->ports) {
      if (port.protocol != "udp" || !address) continue;
      add_all(*address, port.port, port.inside);
      if (port.node_port != 0) add_all({}, port.node_port, port.outside);
      if (port.host_port != 0) add_all({}, port.host_port, port.outside);
    }
  }
  return all;
}

}  // namespace berth::network
