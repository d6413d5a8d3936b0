// network/pod_files.hpp - the text of a pod's /etc/hosts, /etc/hostname and /etc/resolv.conf, as the kubelet writes
// them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/pod.hpp"
#include "network/pod_network.hpp"
#include "network/resolv_conf.hpp"

namespace berth::network {

/// Where names can be asked, besides what the pod says.
struct ResolverFacts {
  std::vector<std::string> cluster_servers;  ///< For dnsPolicy ClusterFirst.
  std::string cluster_domain;
  ResolvConf host;  ///< For Default; its search domains come last in ClusterFirst.
};

/// By dnsPolicy, then dnsConfig merged in: servers and search domains appended, options replaced by name. Kept
/// within Kubernetes' limits (3 servers, 32 search domains of 2048 bytes in all) by leaving out what comes last.
/// Without hostNetwork the host's loopback servers, which no pod reaches, are left out of Default; when none
/// remain, the cluster servers, which forward, stand in. ClusterFirst with hostNetwork means Default.
/// InvalidArgument: unknown policy, a server that is no address, a word with spaces or control characters.
Result<ResolvConf> pod_resolv_conf(const NetworkSpec& spec, const ResolverFacts& facts);

/// /etc/hosts with the kubelet's header, the pod's own line and hostAliases. With hostNetwork: the host's file
/// (`host_hosts`) and hostAliases. InvalidArgument: an alias that is no address or no name.
Result<std::string> pod_hosts_text(const NetworkSpec& spec, const std::string& address,
                                   const std::string& cluster_domain, std::string_view host_hosts);

struct PodFiles {
  std::string hosts;
  std::string hostname;
  std::string resolv_conf;
};

/// Writes hosts, hostname and resolv.conf into `dir` (made if missing), each whole or not at all. A file that has
/// its content already is not touched, so a file that a container has mounted stays the same file.
Status write_pod_files(const std::filesystem::path& dir, const PodFiles& files);

/// Removes the three files and the directory. Nothing there is success.
Status remove_pod_files(const std::filesystem::path& dir);

}  // namespace berth::network
