// network/pod_network.hpp - front door: addresses, routes and host ports of pods.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "model/pod.hpp"
#include "network/overlay_mode.hpp"
#include "network/pod_policies.hpp"
#include "network/service_routes.hpp"

namespace berth::network {

struct HostPort {
  std::uint16_t host_port = 0;
  std::uint16_t container_port = 0;
  std::string protocol = "TCP";
  std::string host_ip;
};

/// What one pod wants from the network.
struct NetworkSpec {
  std::string pod_uid;
  std::string pod_ns;
  std::string pod_name;
  bool host_network = false;  ///< Then only the files are made.
  std::string hostname;       ///< What hostname(1) prints in the pod, but see hostname_is_fqdn; at most 63 characters.
  std::string subdomain;      ///< With it the FQDN <hostname>.<subdomain>.<ns>.svc.<domain> goes into /etc/hosts.
  bool hostname_is_fqdn = false;  ///< The kernel's hostname is the FQDN, when there is one.
  std::string dns_policy = "ClusterFirst";
  model::DnsConfig dns_config;
  std::vector<model::HostAlias> host_aliases;
  std::vector<HostPort> host_ports;
};

/// The fully qualified name <hostname>.<subdomain>.<ns>.svc.<domain>; empty without subdomain.
std::string pod_fqdn(const NetworkSpec& spec, const std::string& cluster_domain);

/// What hostname(1) prints in the pod: the FQDN if it is asked for and there is one. InvalidArgument: the kernel takes
/// no name of that length (64); the message is for the user.
Result<std::string> kernel_hostname(const NetworkSpec& spec, const std::string& cluster_domain);

/// What a pod has got.
struct Attachment {
  std::string netns_path;  ///< <runDir>/netns/<uid>; empty with the host's network.
  std::string address;     ///< "10.98.0.7"; the host's address with the host's network.
  std::string hosts_file;  ///< Host paths of the files to mount over /etc/hosts, ...
  std::string hostname_file;
  std::string resolv_conf_file;
};

struct NetworkConfig {
  std::string bridge = "berth0";
  std::string pod_cidr = "10.98.0.0/24";
  std::string cluster_cidr{};  ///< The pods of all hosts, ours among them; empty: there is this host only.
  OverlayMode mode = OverlayMode::Vxlan;
  std::string node_address{};  ///< Where other hosts reach us, IPv4; empty: host_address().
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> dns_servers;                ///< What pods get as nameserver; default: the gateway.
  std::vector<std::string> dns_listen;                 ///< Where the DNS server listens, besides the gateway, and on
  std::uint16_t dns_port = 53;                         ///< which port: no pod's host port takes it over.
  std::filesystem::path run_dir = "/run/berth";        ///< netns/, pods/<uid>/etc/
  std::filesystem::path state_dir = "/var/lib/berth";  ///< leases, wireguard.key
};

/// Another host whose pods ours may talk to.
struct Peer {
  std::string node;
  std::string address;          ///< Its node_address.
  std::string pod_cidr;         ///< Its pods' block: a part of cluster_cidr that nobody else has.
  std::string wireguard_key{};  ///< Its public key, when its mode is WireGuard.
  bool operator==(const Peer&) const = default;
};

/// The network of this host's pods. Calls take milliseconds (netlink, local files): lane threads.
/// Different pods may be attached by several threads at once.
class PodNetwork {
 public:
  virtual ~PodNetwork() = default;

  /// Bridge, gateway address, forwarding, masquerade: makes or repairs them. Called at start, and again
  /// when observe() finds them gone. Errors: FailedPrecondition (podCIDR overlaps a route of this
  /// host: named), PermissionDenied, InvalidArgument (bad CIDR), Unimplemented (mode WireGuard, and the kernel has
  /// none).
  virtual Status set_up_host() = 0;

  /// Gives the pod its namespace, interface, address (the same one while it lives, over restarts of agent),
  /// route, host ports and files. Attached as asked is success. On error nothing half-done is visible.
  /// Errors: ResourceExhausted (no free address), FailedPrecondition (host port taken by another pod: named).
  virtual Result<Attachment> attach(const NetworkSpec& spec) = 0;

  /// Undoes attach and frees the address. Not attached is success.
  virtual Status detach(const std::string& pod_uid) = 0;

  /// The attachment, if complete; nullopt when absent or partial (attach repairs, detach cleans).
  virtual Result<std::optional<Attachment>> observe(const std::string& pod_uid) = 0;

  /// Leads packets to services where `routes` says, in one transaction; flows that are under way go on. Until the first
  /// call what an earlier agent left in the kernel stays in force. Lane threads, one call after the other. Errors:
  /// PermissionDenied, Unimplemented (this kernel has no nftables), Unknown with nft's words; then all is as before.
  virtual Status set_services(ServiceRoutes routes) = 0;

  /// Lets pods talk as `policies` say, and nobody in another pod's name, in one transaction. What an earlier agent left
  /// in the kernel stays in force until the first call. Without pods in it: as if there never was a policy. Lane
  /// threads, one call after the other. Errors: as of set_services(), then all is as before.
  virtual Status set_policies(PodPolicies policies) = 0;

  /// Leads packets to the pods of these hosts and of nobody else. What an earlier agent left stays in force until the
  /// first call, which compares all with the kernel; later ones change what differs. Without cluster_cidr nothing
  /// happens. Lane threads, one call after the other. Errors: InvalidArgument names the peers that were left out for a
  /// bad address, or a block that is bad, outside of cluster_cidr or somebody else's too, or whose mode is another; all
  /// others are reached then.
  /// FailedPrecondition: we have no address for other hosts. Otherwise from the kernel, for the first that failed: the
  /// next call tries again.
  virtual Status set_peers(std::vector<Peer> peers) = 0;

  /// The address that attach() gave to the pod, as long as it keeps it; none with the host's network. Any thread, from
  /// memory.
  virtual std::optional<std::string> address_of(const std::string& pod_uid) const = 0;

  /// uids of all pods that have anything here: for recovery and orphans.
  virtual Result<std::vector<std::string>> attached_pods() = 0;

  /// First address of the pod CIDR: the pods' default route and DNS server.
  virtual std::string gateway() const = 0;

  /// The host's address that pods show as status.hostIP: source of the default route, else the gateway.
  virtual std::string host_address() const = 0;

  /// This host's public key, for the others, since set_up_host(); empty in other modes than WireGuard. Any thread.
  virtual std::string wireguard_key() const = 0;
};

/// A connection to `port` of the localhost inside a pod's namespace (127.0.0.1, then ::1), or of the host's for an
/// empty path: what port-forward wants, which reaches ports that listen nowhere else. Non-blocking. Blocks for twice
/// `deadline` at most: lane threads. Unavailable: nobody listens, or takes no connection; in containerd's words.
Result<UniqueFd> dial_localhost(const std::string& netns_path, std::uint16_t port, std::chrono::milliseconds deadline);

/// The real thing, through libnl and libnftables. InvalidArgument for a bad configuration.
Result<std::unique_ptr<PodNetwork>> make_pod_network(const NetworkConfig& config);

}  // namespace berth::network
