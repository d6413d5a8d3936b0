// network/host_ports.cpp - normalise, compare, remember.
#include "network/host_ports.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace berth::network {
namespace {

constexpr std::size_t kMaxPortsPerPod = 1000;

Result<std::string> protocol_of(const HostPort& port) {
  if (port.protocol.empty() || port.protocol == "TCP") return std::string("tcp");
  if (port.protocol == "UDP") return std::string("udp");
  if (port.protocol == "SCTP") return std::string("sctp");
  return Error(ErrorCode::InvalidArgument, fmt::format("protocol \"{:.32}\": must be TCP, UDP or SCTP", port.protocol));
}

Result<IpAddress> host_ip_of(const HostPort& port) {
  if (port.host_ip.empty()) return IpAddress();
  auto address = IpAddress::parse(port.host_ip);
  if (!address) return std::move(address).error().context("hostIP");
  if (address->is_unspecified()) return IpAddress();  // "::" too: every address.
  if (address->family() == Family::V6) {
    return Error(ErrorCode::Unimplemented, fmt::format("hostIP {}: pods have IPv4 addresses only", port.host_ip));
  }
  return address;
}

bool same_port(const PortMapping& a, const PortMapping& b) {
  return a.protocol == b.protocol && a.host_port == b.host_port &&
         (a.host_ip == b.host_ip || a.host_ip.is_unspecified() || b.host_ip.is_unspecified());
}

std::string display(const PortMapping& mapping) {
  const auto where = mapping.host_ip.is_unspecified() ? std::string() : mapping.host_ip.text() + ":";
  return fmt::format("{}{}/{}", where, mapping.host_port, mapping.protocol);
}

}  // namespace

Result<std::vector<PortMapping>> port_mappings(const std::vector<HostPort>& ports, const IpAddress& pod_ip) {
  if (ports.size() > kMaxPortsPerPod) {
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("{} host ports: at most {} per pod", ports.size(), kMaxPortsPerPod));
  }
  std::vector<PortMapping> mappings;
  for (const auto& port : ports) {
    if (port.host_port == 0) continue;
    const auto doing = fmt::format("host port {}", port.host_port);
    auto protocol = protocol_of(port);
    if (!protocol) return std::move(protocol).error().context(doing);
    auto host_ip = host_ip_of(port);
    if (!host_ip) return std::move(host_ip).error().context(doing);
    if (port.container_port == 0) return Error(ErrorCode::InvalidArgument, doing + ": needs a container port");
    PortMapping mapping{*protocol, *host_ip, port.host_port, pod_ip, port.container_port};
    const auto twin =
        std::find_if(mappings.begin(), mappings.end(), [&](const auto& m) { return same_port(m, mapping); });
    if (twin == mappings.end()) {
      mappings.push_back(std::move(mapping));
    } else if (*twin != mapping) {
      return Error(ErrorCode::InvalidArgument,
                   fmt::format("host port {}: asked for twice by one pod", display(mapping)));
    }
  }
  return mappings;
}

Status HostPorts::claim(const std::string& uid, const std::string& pod, std::vector<PortMapping> mappings) {
  for (const auto& [other_uid, other] : claims_) {
    if (other_uid == uid) continue;
    for (const auto& theirs : other.mappings) {
      for (const auto& ours : mappings) {
        if (!same_port(theirs, ours)) continue;
        return Error(ErrorCode::FailedPrecondition,
                     fmt::format("host port {}: pod {} has it", display(ours), other.pod));
      }
    }
  }
  if (mappings.empty()) {
    claims_.erase(uid);
  } else {
    claims_.insert_or_assign(uid, Claim{pod, std::move(mappings)});
  }
  return Ok{};
}

std::vector<PortMapping> HostPorts::release(const std::string& uid) {
  const auto it = claims_.find(uid);
  if (it == claims_.end()) return {};
  auto mappings = std::move(it->second.mappings);
  claims_.erase(it);
  return mappings;
}

std::vector<PortMapping> HostPorts::of(const std::string& uid) const {
  const auto it = claims_.find(uid);
  return it == claims_.end() ? std::vector<PortMapping>() : it->second.mappings;
}

std::vector<PortMapping> HostPorts::all() const {
  std::vector<PortMapping> all;
  for (const auto& [uid, claim] : claims_) all.insert(all.end(), claim.mappings.begin(), claim.mappings.end());
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace berth::network
