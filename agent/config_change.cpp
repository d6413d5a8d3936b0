// agent/config_change.cpp - see config_change.hpp.
#include "agent/config_change.hpp"

#include <array>
#include <cstddef>
#include <tuple>
#include <utility>

namespace berth::agent {
namespace {

struct Key {
  const char* name;
  bool live;
};

// In the order of fields().
constexpr std::array kKeys{Key{"nodeName", false},
                           Key{"nodeLabels", true},
                           Key{"nodeTaints", true},
                           Key{"stateDir", false},
                           Key{"runDir", false},
                           Key{"sources", true},
                           Key{"store.etcd", false},
                           Key{"containerd.address", false},
                           Key{"containerd.namespace", false},
                           Key{"containerd.runtime", false},
                           Key{"network.bridge", false},
                           Key{"network.podCIDR", false},
                           Key{"network.clusterCIDR", false},
                           Key{"network.mode", false},
                           Key{"network.nodeAddress", false},
                           Key{"network.serviceCIDR", false},
                           Key{"network.clusterDomain", false},
                           Key{"dns.listen", false},
                           Key{"dns.port", false},
                           Key{"dns.upstreams", false},
                           Key{"dns.holdMilliseconds", false},
                           Key{"api.socket", false},
                           Key{"api.tls", false},
                           Key{"cluster", false},
                           Key{"cluster.fencing", false},
                           Key{"shutdownGracePeriod", false},
                           Key{"shutdownGracePeriodCriticalPods", false},
                           Key{"logs", false},
                           Key{"logLevel", true}};

/// Every member of Config: a new one does not compile here until it has its place in kKeys, too.
auto fields(const Config& config) {
  const auto& [node_name, node_labels, node_taints, state_dir, run_dir, sources, etcd, address, ns, runtime, bridge,
               pod_cidr, cluster_cidr, overlay, node_address, service_cidr, cluster_domain, dns_listen, dns_port,
               dns_upstreams, dns_hold, api_socket, api_tls, cluster, fencing, shutdown_grace, shutdown_grace_critical,
               logs, log_level, files] = config;
  static_cast<void>(files);
  return std::tie(node_name, node_labels, node_taints, state_dir, run_dir, sources, etcd, address, ns, runtime, bridge,
                  pod_cidr, cluster_cidr, overlay, node_address, service_cidr, cluster_domain, dns_listen, dns_port,
                  dns_upstreams, dns_hold, api_socket, api_tls, cluster, fencing, shutdown_grace,
                  shutdown_grace_critical, logs, log_level);
}

template <std::size_t... Index>
ConfigChange compare_each(const Config& running, const Config& wanted, std::index_sequence<Index...>) {
  const auto now = fields(running);
  const auto next = fields(wanted);
  static_assert(std::tuple_size_v<decltype(now)> == kKeys.size());
  ConfigChange change;
  const auto look = [&](const Key& key, bool same) {
    if (!same) (key.live ? change.live : change.restart).emplace_back(key.name);
  };
  (look(kKeys[Index], std::get<Index>(now) == std::get<Index>(next)), ...);
  return change;
}

}  // namespace

ConfigChange compare(const Config& running, const Config& wanted) {
  return compare_each(running, wanted, std::make_index_sequence<kKeys.size()>());
}

void take_live(Config& running, const Config& wanted) {
  running.node_labels = wanted.node_labels;
  running.node_taints = wanted.node_taints;
  running.sources = wanted.sources;
  running.log_level = wanted.log_level;
}

}  // namespace berth::agent
