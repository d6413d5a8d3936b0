// network/service_rules.cpp - see service_rules.hpp.
#include "network/service_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace berth::network {
namespace {

/// A bit of the flow's mark, as kube-proxy sets it: its answers have to come back through this host.
constexpr std::string_view kMark = "0x00004000";

using Named = std::map<std::string, std::string>;

std::string dnat(const std::string& protocol, const ServiceBackend& to) {
  return fmt::format("meta l4proto {} dnat ip to {}:{}", protocol, to.address, to.port);
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
    body += service_.affinity_seconds == 0 ? choice() : sticky_choice(rules);
    rules.chains.emplace(name_, std::move(body));
  }

 private:
  bool is_pod(const ServiceBackend& backend) const {
    const auto address = IpAddress::parse(backend.address);
    return address && plan_.pods.contains(*address);
  }

  std::string choice() const {
    if (backends_.size() == 1) return dnat(port_.protocol, backends_.front()) + "\n";
    std::string list;
    for (std::size_t i = 0; i < backends_.size(); ++i) {
      list += fmt::format("{}{} : {} . {}", i == 0 ? "" : ", ", i, backends_[i].address, backends_[i].port);
    }
    return fmt::format("meta l4proto {} dnat ip to numgen random mod {} map {{ {} }}\n", port_.protocol,
                       backends_.size(), list);
  }

  std::string sticky_choice(ServiceRules& rules) const {
    std::string known;
    std::string list;
    for (std::size_t i = 0; i < backends_.size(); ++i) {
      const auto chain = fmt::format("{}/{}/{}", name_, backends_[i].address, backends_[i].port);
      const auto set = fmt::format("{}/{}", chain, service_.affinity_seconds);
      rules.sets.emplace(set,
                         fmt::format("type ipv4_addr; flags dynamic,timeout; timeout {}s;", service_.affinity_seconds));
      rules.chains.emplace(chain,
                           fmt::format("update @{} {{ ip saddr }}\n{}\n", set, dnat(port_.protocol, backends_[i])));
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
  const auto& pods = service.other_ports;
  if (pods.empty()) return;
  std::string list;
  for (std::size_t i = 0; i < pods.size(); ++i) list += fmt::format("{}{} : {}", i == 0 ? "" : ", ", i, pods[i]);
  const auto chain = "any-" + name;
  rules.chains.emplace(
      chain, pods.size() == 1 ? fmt::format("dnat ip to {}\n", pods.front())
                              : fmt::format("dnat ip to numgen random mod {} map {{ {} }}\n", pods.size(), list));
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
std::string list_of(const Named& elements, bool with_values) {
  std::string text;
  for (const auto& [key, value] : elements) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", key);
    if (with_values) text += " : goto " + value;
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

std::string elements_line(const Named& elements, bool with_values) {
  return elements.empty() ? "" : fmt::format("\n  elements = {{ {} }}", list_of(elements, with_values));
}

/// In `these` with another value, or not at all in `those`.
Named only_in(const Named& these, const Named& those) {
  Named out;
  for (const auto& [key, value] : these) {
    const auto other = those.find(key);
    if (other == those.end() || other->second != value) out.emplace(key, value);
  }
  return out;
}

Named missing_in(const Named& these, const Named& those) {
  Named out;
  for (const auto& [key, value] : these) {
    if (!those.contains(key)) out.emplace(key, value);
  }
  return out;
}

class ChangeText {
 public:
  ChangeText(const FirewallPlan& plan, const ServiceRules& before, const ServiceRules& after)
      : table_(service_table(plan.bridge)), before_(before), after_(after) {}

  /// The order is the kernel's: what refers goes before what is referred to, and comes after it.
  std::string text() {
    elements("delete", "cluster_ports", only_in(before_.cluster_ports, after_.cluster_ports), false);
    elements("delete", "other_ports", only_in(before_.other_ports, after_.other_ports), false);
    elements("delete", "node_ports", only_in(before_.node_ports, after_.node_ports), false);
    elements("delete", "balancer_ports", only_in(before_.balancer_ports, after_.balancer_ports), false);
    elements("delete", "service_addresses", only_in(before_.addresses, after_.addresses), false);
    for (const auto& [name, declaration] : missing_in(after_.sets, before_.sets))
      text_ += fmt::format("add set ip {} {} {{ {} }}\n", table_, name, declaration);
    const auto chains = only_in(after_.chains, before_.chains);
    const auto gone = missing_in(before_.chains, after_.chains);
    for (const auto& [name, body] : chains) {
      if (!before_.chains.contains(name)) text_ += fmt::format("add chain ip {} {}\n", table_, name);
    }
    for (const auto& [name, body] : chains) {
      if (before_.chains.contains(name)) text_ += fmt::format("flush chain ip {} {}\n", table_, name);
    }
    for (const auto& [name, body] : gone) text_ += fmt::format("flush chain ip {} {}\n", table_, name);
    for (const auto& [name, body] : chains) rules(name, body);
    for (const auto& [name, body] : gone) text_ += fmt::format("delete chain ip {} {}\n", table_, name);
    for (const auto& [name, declaration] : missing_in(before_.sets, after_.sets))
      text_ += fmt::format("delete set ip {} {}\n", table_, name);
    elements("add", "service_addresses", only_in(after_.addresses, before_.addresses), false);
    elements("add", "cluster_ports", only_in(after_.cluster_ports, before_.cluster_ports), true);
    elements("add", "other_ports", only_in(after_.other_ports, before_.other_ports), true);
    elements("add", "node_ports", only_in(after_.node_ports, before_.node_ports), true);
    elements("add", "balancer_ports", only_in(after_.balancer_ports, before_.balancer_ports), true);
    return std::move(text_);
  }

 private:
  void elements(std::string_view verb, std::string_view map, const Named& which, bool with_values) {
    if (which.empty()) return;
    text_ += fmt::format("{} element ip {} {} {{ {} }}\n", verb, table_, map, list_of(which, with_values));
  }

  void rules(const std::string& chain, const std::string& body) {
    std::size_t begin = 0;
    while (begin < body.size()) {
      const auto end = body.find('\n', begin);
      text_ += fmt::format("add rule ip {} {} {}\n", table_, chain, body.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  const std::string table_;
  const ServiceRules& before_;
  const ServiceRules& after_;
  std::string text_;
};

/// Those that are not the very same in `other`.
ServiceRoutes changed(const ServiceRoutes& routes, const ServiceRoutes& other) {
  ServiceRoutes out;
  for (const auto& [name, route] : routes) {
    const auto found = other.find(name);
    if (found == other.end() || (found->second != route && *found->second != *route)) out.emplace(name, route);
  }
  return out;
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
  ip daddr @service_addresses reject
 }}
 chain refuse_own {{
  type filter hook output priority filter - 5; policy accept;
  ip daddr @service_addresses reject
 }}
}}
)";
  const auto rules = rules_of(plan, routes);
  std::string sets;
  for (const auto& [name, declaration] : rules.sets) sets += fmt::format(" set {} {{ {} }}\n", name, declaration);
  // Chains of backends are named by others: all are there before any has rules.
  std::string chains;
  for (const auto& [name, body] : rules.chains) chains += fmt::format(" chain {} {{\n{} }}\n", name, indented(body));
  auto dns = plan.gateway.text();
  for (const auto& address : plan.dns) dns += address == plan.gateway ? "" : ", " + address.text();
  return fmt::format(kTable, fmt::arg("table", service_table(plan.bridge)), fmt::arg("bridge", plan.bridge),
                     fmt::arg("addresses", elements_line(rules.addresses, false)), fmt::arg("sets", sets),
                     fmt::arg("cluster_ports", elements_line(rules.cluster_ports, true)),
                     fmt::arg("other_ports", elements_line(rules.other_ports, true)),
                     fmt::arg("node_ports", elements_line(rules.node_ports, true)),
                     fmt::arg("balancer_ports", elements_line(rules.balancer_ports, true)), fmt::arg("chains", chains),
                     fmt::arg("mark", kMark), fmt::arg("dns", dns), fmt::arg("dns_port", plan.dns_port));
}

std::string services_change_text(const FirewallPlan& plan, const ServiceRoutes& before, const ServiceRoutes& after) {
  const auto old_rules = rules_of(plan, changed(before, after));
  const auto new_rules = rules_of(plan, changed(after, before));
  return ChangeText(plan, old_rules, new_rules).text();
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
