// network/firewall.cpp - the table as text, and its elements as pods come and go.
#include "network/firewall.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "network/conntrack.hpp"
#include "network/nft.hpp"
#include "network/overlay_state.hpp"

namespace berth::network {
namespace {

std::string table_of(const std::string& bridge) { return "berth-" + bridge; }

bool on_every_address(const PortMapping& mapping) { return mapping.host_ip.is_unspecified(); }

std::string key(const PortMapping& mapping) {
  const auto address = on_every_address(mapping) ? std::string() : mapping.host_ip.text() + " . ";
  return fmt::format("{}{} . {}", address, mapping.protocol, mapping.host_port);
}

std::string key_and_value(const PortMapping& mapping) {
  return fmt::format("{} : {} . {}", key(mapping), mapping.pod_ip.text(), mapping.container_port);
}

// "a, b, c" of the mappings with or without host address.
template <typename Format>
std::string elements(const std::vector<PortMapping>& mappings, bool every_address, Format format) {
  std::string text;
  for (const auto& mapping : mappings) {
    if (on_every_address(mapping) == every_address) text += (text.empty() ? "" : ", ") + format(mapping);
  }
  return text;
}

template <typename Format>
std::string element_commands(std::string_view verb, const std::string& bridge, const std::vector<PortMapping>& mappings,
                             Format format) {
  std::string text;
  for (const bool every_address : {true, false}) {
    const auto list = elements(mappings, every_address, format);
    if (list.empty()) continue;
    text += fmt::format("{} element ip {} {} {{ {} }}\n", verb, table_of(bridge),
                        every_address ? "host_ports" : "host_address_ports", list);
  }
  return text;
}

// A map's elements line; nft does not accept an empty list.
std::string elements_line(const std::string& list) {
  return list.empty() ? "" : fmt::format("\n  elements = {{ {} }}", list);
}

std::string list_of(const std::vector<IpAddress>& addresses) {
  std::string list;
  for (const auto& address : addresses) list += (list.empty() ? "" : ", ") + address.text();
  return list;
}

/// What is in the table for other hosts; nothing for one that is alone.
struct ClusterText {
  std::string chains;        ///< And sets.
  std::string guard;         ///< Who may say to be whose pod.
  std::string postrouting;   ///< Whose address changes.
  std::string forward;       ///< Who reaches our pods.
  std::string never_masked;  ///< Where pods keep their address.
  std::string from_pods;     ///< The links by which packets of pods come.
};

ClusterText text_of(const FirewallPlan& plan, const std::vector<IpAddress>& hosts) {
  const auto bridge = fmt::format("\"{}\"", plan.bridge);
  if (!plan.cluster) {
    return {.chains = "",
            // Answers to what the host sent to pods of its own come by the bridge.
            .guard = fmt::format("\n  iifname != {{ {}, \"lo\" }} ip daddr {} drop", bridge, plan.gateway.text()),
            .postrouting = "",
            .forward = "",
            .never_masked = "224.0.0.0/4",
            .from_pods = bridge};
  }
  const auto arg = [&](std::string_view text) {
    return fmt::format(fmt::runtime(text), fmt::arg("bridge", bridge), fmt::arg("cluster", plan.cluster->pods.text()),
                       fmt::arg("gateway", plan.gateway.text()), fmt::arg("port", kVxlanPort),
                       fmt::arg("vni", vxlan_id(plan.cluster->pods)), fmt::arg("hosts", elements_line(list_of(hosts))));
  };
  ClusterText text;
  text.guard = arg("\n  iifname != \"lo\" ip saddr {cluster} fib saddr . iif oif missing drop");
  text.postrouting =
      arg("\n  ip saddr != {cluster} ip daddr {cluster} oifname != {{ \"lo\", {bridge} }} snat to {gateway}");
  text.forward = arg("\n  oifname {bridge} ip saddr {cluster} accept");
  text.never_masked = arg("{{ 224.0.0.0/4, {cluster} }}");
  text.chains = arg(R"( chain only_answers {{
  ct state established,related accept
  ip saddr {cluster} icmp type {{ echo-request, timestamp-request }} accept
  drop
 }}
 chain gateway {{
  type filter hook prerouting priority mangle; policy accept;
  iifname != {{ {bridge}, "lo" }} ip daddr {gateway} jump only_answers
 }}
)");
  text.from_pods = bridge;
  const auto device = tunnel_name(plan);
  if (device.empty()) return text;
  text.from_pods = fmt::format("{{ {}, \"{}\" }}", bridge, device);
  if (plan.cluster->mode != OverlayMode::Vxlan) return text;
  // The network's number is behind the header of UDP and a word of flags. Other networks may use the port, too.
  text.chains += arg(R"( set hosts {{
  type ipv4_addr{hosts}
 }}
 chain tunnel {{
  type filter hook input priority filter; policy accept;
  udp dport {port} @th,96,24 {vni} ip saddr != @hosts drop
 }}
)");
  return text;
}

}  // namespace

std::string ruleset_text(const FirewallPlan& plan, const std::vector<PortMapping>& mappings,
                         const std::vector<IpAddress>& hosts) {
  // Adding before deleting makes the deletion succeed when there is no table yet.
  constexpr std::string_view kTable = R"(add table ip {table}
delete table ip {table}
table ip {table} {{
 map host_ports {{
  type inet_proto . inet_service : ipv4_addr . inet_service{any_elements}
 }}
 map host_address_ports {{
  type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service{address_elements}
 }}
 chain guard {{
  type filter hook prerouting priority raw; policy accept;
  iifname {from_pods} ip daddr 127.0.0.0/8 drop
  iifname != {{ "{bridge}", "lo" }} ip saddr {pods} drop{guard}
 }}
 chain prerouting {{
  type nat hook prerouting priority dstnat; policy accept;
  fib daddr type local jump host_ports_to_pods
 }}
 chain output {{
  type nat hook output priority -100; policy accept;
  fib daddr type local jump host_ports_to_pods
 }}
 chain host_ports_to_pods {{
  ip daddr {{ {dns} }} meta l4proto {{ tcp, udp }} th dport {dns_port} return
  dnat ip to ip daddr . meta l4proto . th dport map @host_address_ports
  dnat ip to meta l4proto . th dport map @host_ports
 }}
 chain postrouting {{
  type nat hook postrouting priority srcnat; policy accept;{postrouting}
  ip saddr {pods} ip daddr != {never_masked} oifname != {{ "lo", "{bridge}" }} masquerade
  ct status dnat ip saddr {{ {pods}, 127.0.0.0/8 }} oifname "{bridge}" masquerade
 }}
 chain forward {{
  type filter hook forward priority filter; policy accept;
  iifname "{bridge}" accept
  oifname "{bridge}" ct state established,related accept
  oifname "{bridge}" ct status dnat accept{forward}
  oifname "{bridge}" drop
 }}
{chains}}}
)";
  const auto cluster = text_of(plan, hosts);
  auto dns = plan.gateway.text();
  for (const auto& address : plan.dns) dns += address == plan.gateway ? "" : ", " + address.text();
  return fmt::format(kTable, fmt::arg("table", table_of(plan.bridge)), fmt::arg("bridge", plan.bridge),
                     fmt::arg("pods", plan.pods.text()), fmt::arg("gateway", plan.gateway.text()), fmt::arg("dns", dns),
                     fmt::arg("dns_port", plan.dns_port), fmt::arg("from_pods", cluster.from_pods),
                     fmt::arg("guard", cluster.guard), fmt::arg("postrouting", cluster.postrouting),
                     fmt::arg("never_masked", cluster.never_masked), fmt::arg("forward", cluster.forward),
                     fmt::arg("chains", cluster.chains),
                     fmt::arg("any_elements", elements_line(elements(mappings, true, key_and_value))),
                     fmt::arg("address_elements", elements_line(elements(mappings, false, key_and_value))));
}

std::string add_text(const std::string& bridge, const std::vector<PortMapping>& mappings) {
  return element_commands("add", bridge, mappings, key_and_value);
}

std::string remove_text(const std::string& bridge, const std::vector<PortMapping>& mappings) {
  return element_commands("delete", bridge, mappings, key);
}

std::string hosts_text(const std::string& bridge, const std::vector<IpAddress>& hosts) {
  auto text = fmt::format("flush set ip {} hosts\n", table_of(bridge));
  if (!hosts.empty()) text += fmt::format("add element ip {} hosts {{ {} }}\n", table_of(bridge), list_of(hosts));
  return text;
}

Firewall::Firewall(FirewallPlan plan, std::function<std::vector<PortMapping>()> all,
                   std::function<std::vector<IpAddress>()> hosts)
    : plan_(std::move(plan)), all_(std::move(all)), hosts_(std::move(hosts)) {}

Status Firewall::rebuild() {
  const std::lock_guard lock(nft_mutex());
  return rebuild_locked();
}

Status Firewall::rebuild_locked() {
  // The mappings are read under the lock: whoever changes them afterwards also comes here afterwards.
  const auto all = all_();
  auto hosts = hosts_();
  auto built = run_nft(ruleset_text(plan_, all, hosts), "build nftables table " + table_of(plan_.bridge));
  if (!built) return built;
  let_in_ = std::move(hosts);
  forget_flows(all);
  return Ok{};
}

// A pod is not held up by what it may have missed.
void Firewall::forget_flows(const std::vector<PortMapping>& changed) const {
  const auto forgotten = forget_stale_flows(changed, all_());
  if (!forgotten) log(LogLevel::Warning, forgotten.error().message());
}

Status Firewall::add(const std::vector<PortMapping>& mappings) {
  if (mappings.empty()) return Ok{};
  const std::lock_guard lock(nft_mutex());
  if (!run_nft(add_text(plan_.bridge, mappings), "add host ports")) {
    if (auto built = rebuild_locked(); !built) return built;
  }
  forget_flows(mappings);
  return Ok{};
}

Status Firewall::remove(const std::vector<PortMapping>& mappings) {
  if (mappings.empty()) return Ok{};
  const std::lock_guard lock(nft_mutex());
  if (!run_nft(remove_text(plan_.bridge, mappings), "remove host ports")) {
    if (auto built = rebuild_locked(); !built) return built;
  }
  forget_flows(mappings);
  return Ok{};
}

Status Firewall::follow_hosts() {
  if (!plan_.cluster || plan_.cluster->mode != OverlayMode::Vxlan) return Ok{};
  const std::lock_guard lock(nft_mutex());
  auto hosts = hosts_();
  if (hosts == let_in_) return Ok{};
  if (!run_nft(hosts_text(plan_.bridge, hosts), "let packets of other hosts in")) return rebuild_locked();
  let_in_ = std::move(hosts);
  return Ok{};
}

Result<bool> Firewall::present() const { return nft_table_present(table_of(plan_.bridge)); }

}  // namespace berth::network
