// agent/objects/host_ports.cpp - see host_ports.hpp.
#include "agent/objects/host_ports.hpp"

namespace berth::agent {
namespace {

bool is_any(const std::string& ip) { return ip.empty() || ip == "0.0.0.0" || ip == "::"; }

}  // namespace

std::vector<model::ContainerPort> host_ports(const model::PodSpec& spec) {
  std::vector<model::ContainerPort> out;
  const auto add = [&](const model::Container& container) {
    for (const auto& port : container.ports) {
      if (port.host_port != 0) out.push_back(port);
    }
  };
  for (const auto& container : spec.containers) add(container);
  // Of init containers those that stay.
  for (const auto& container : spec.init_containers) {
    if (container.restart_policy == "Always") add(container);
  }
  return out;
}

bool ports_collide(const model::ContainerPort& a, const model::ContainerPort& b) {
  return a.host_port != 0 && a.host_port == b.host_port && a.protocol == b.protocol &&
         (is_any(a.host_ip) || is_any(b.host_ip) || a.host_ip == b.host_ip);
}

}  // namespace berth::agent
