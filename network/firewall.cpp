// network/firewall.cpp - libnftables(3) for changes, nfnetlink for the question whether the table is there.
#include "network/firewall.hpp"

#include <netinet/in.h>  // Must come before <linux/in.h>, which defines the same structs unless this one did.

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <nftables/libnftables.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "base/log.hpp"
#include "network/conntrack.hpp"

namespace berth::network {
namespace {

// libnftables keeps process-wide state (its interface name cache): one caller at a time, whatever the context.
std::mutex& nft_mutex() {
  static std::mutex mutex;
  return mutex;
}

struct FreeContext {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};
struct FreeSocket {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};

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

Status run_nft(const std::string& commands, std::string_view doing) {
  const std::unique_ptr<nft_ctx, FreeContext> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) return Error(ErrorCode::ResourceExhausted, fmt::format("{}: out of memory", doing));
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) return Ok{};

  const char* said = nft_ctx_get_error_buffer(context.get());
  std::string text = said == nullptr ? "" : said;
  text.resize(std::min(text.find('\n'), std::min<std::size_t>(text.size(), 300)));
  // libnftables gives no number, only words.
  auto code = ErrorCode::Unknown;
  if (text.find("Operation not permitted") != std::string::npos) code = ErrorCode::PermissionDenied;
  if (text.find("not supported") != std::string::npos) code = ErrorCode::Unimplemented;
  return Error(code, fmt::format("{}: nft: {}", doing, text.empty() ? "failed" : text));
}

}  // namespace

std::string ruleset_text(const FirewallPlan& plan, const std::vector<PortMapping>& mappings) {
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
  iifname "{bridge}" ip daddr 127.0.0.0/8 drop
  iifname != {{ "{bridge}", "lo" }} ip saddr {pods} drop
  iifname != {{ "{bridge}", "lo" }} ip daddr {gateway} drop
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
  type nat hook postrouting priority srcnat; policy accept;
  ip saddr {pods} ip daddr != 224.0.0.0/4 oifname != {{ "lo", "{bridge}" }} masquerade
  ct status dnat ip saddr {{ {pods}, 127.0.0.0/8 }} oifname "{bridge}" masquerade
 }}
 chain forward {{
  type filter hook forward priority filter; policy accept;
  iifname "{bridge}" accept
  oifname "{bridge}" ct state established,related accept
  oifname "{bridge}" ct status dnat accept
  oifname "{bridge}" drop
 }}
}}
)";
  auto dns = plan.gateway.text();
  for (const auto& address : plan.dns) dns += address == plan.gateway ? "" : ", " + address.text();
  return fmt::format(kTable, fmt::arg("table", table_of(plan.bridge)), fmt::arg("bridge", plan.bridge),
                     fmt::arg("pods", plan.pods.text()), fmt::arg("gateway", plan.gateway.text()), fmt::arg("dns", dns),
                     fmt::arg("dns_port", plan.dns_port),
                     fmt::arg("any_elements", elements_line(elements(mappings, true, key_and_value))),
                     fmt::arg("address_elements", elements_line(elements(mappings, false, key_and_value))));
}

std::string add_text(const std::string& bridge, const std::vector<PortMapping>& mappings) {
  return element_commands("add", bridge, mappings, key_and_value);
}

std::string remove_text(const std::string& bridge, const std::vector<PortMapping>& mappings) {
  return element_commands("delete", bridge, mappings, key);
}

Firewall::Firewall(FirewallPlan plan, std::function<std::vector<PortMapping>()> all)
    : plan_(std::move(plan)), all_(std::move(all)) {}

Status Firewall::rebuild() {
  const std::lock_guard lock(nft_mutex());
  return rebuild_locked();
}

Status Firewall::rebuild_locked() {
  // The mappings are read under the lock: whoever changes them afterwards also comes here afterwards.
  const auto all = all_();
  if (auto built = run_nft(ruleset_text(plan_, all), "build nftables table " + table_of(plan_.bridge)); !built)
    return built;
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

Result<bool> Firewall::present() const {
  const auto doing = "look for nftables table " + table_of(plan_.bridge);
  const std::unique_ptr<nl_sock, FreeSocket> socket(nl_socket_alloc());
  if (!socket) return Error(ErrorCode::ResourceExhausted, doing + ": out of memory");
  int error = nl_connect(socket.get(), NETLINK_NETFILTER);
  if (error < 0) return Error(ErrorCode::Unknown, fmt::format("{}: {}", doing, nl_geterror(error)));

  nl_msg* message = nlmsg_alloc_simple((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, 0);
  if (message == nullptr) return Error(ErrorCode::ResourceExhausted, doing + ": out of memory");
  nfgenmsg header{};
  header.nfgen_family = NFPROTO_IPV4;
  header.version = NFNETLINK_V0;
  error = nlmsg_append(message, &header, sizeof header, NLMSG_ALIGNTO);
  if (error >= 0) error = nla_put_string(message, NFTA_TABLE_NAME, table_of(plan_.bridge).c_str());
  if (error < 0) {
    nlmsg_free(message);
    return Error(ErrorCode::ResourceExhausted, doing + ": out of memory");
  }
  error = nl_send_sync(socket.get(), message);  // Frees the message.
  if (error >= 0) return true;
  if (error == -NLE_OBJ_NOTFOUND) return false;
  return Error(error == -NLE_PERM ? ErrorCode::PermissionDenied : ErrorCode::Unknown,
               fmt::format("{}: {}", doing, nl_geterror(error)));
}

}  // namespace berth::network
