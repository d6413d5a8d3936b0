// agent/config.hpp - /etc/berth/berthd.yaml and its drop-ins: every key has a default, an unknown key is an error.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/tcp_address.hpp"
#include "model/model.hpp"
#include "model/service_addresses.hpp"
#include "runtime/log_settings.hpp"

namespace berth::agent {

struct SourceConfig {
  std::filesystem::path directory;  ///< Exactly one of directory and url is set.
  std::string url;
  std::chrono::seconds interval{30};
  std::filesystem::path ca_file;
  std::filesystem::path token_file;
  std::string name;  ///< Of a source of the cluster (`scope: cluster`), the same on all hosts; empty: this host's own.
  bool is_clusters() const { return !name.empty(); }
  bool operator==(const SourceConfig&) const = default;
};

/// The API's TLS listener. Files that are not given are made in <stateDir>/pki.
struct ApiTlsConfig {
  std::vector<TcpAddress> listen;
  std::filesystem::path cert_file;
  std::filesystem::path key_file;
  std::filesystem::path client_ca_file;
  std::map<std::string, std::string> client_groups;  ///< O of its certificates to "admin" or "viewer".
  std::filesystem::path token_file;
  std::vector<std::string> names;
  bool operator==(const ApiTlsConfig&) const = default;
};

/// The objects are in an etcd (decision 0035) instead of <stateDir>/berth.db.
struct EtcdConfig {
  std::vector<std::string> endpoints;  ///< "https://10.0.0.1:2379"
  std::string prefix = "/berth";
  std::filesystem::path ca_file;
  std::filesystem::path cert_file;
  std::filesystem::path key_file;
  std::string user;
  std::filesystem::path password_file;
  bool operator==(const EtcdConfig&) const = default;
};

/// How the hosts that share an etcd ask each other what only one of them can answer.
struct ClusterConfig {
  TcpAddress advertise;           ///< Where other hosts reach our API; api.tls listens there.
  std::filesystem::path ca_file;  ///< Signs for hosts.
  std::filesystem::path cert_file;
  std::filesystem::path key_file;
  bool operator==(const ClusterConfig&) const = default;
};

/// See docs/operations.md, section Configuration, for each key.
struct Config {
  std::string node_name;
  model::StringMap node_labels;
  std::vector<model::Taint> node_taints;
  std::filesystem::path state_dir = "/var/lib/berth";
  std::filesystem::path run_dir = "/run/berth";
  std::vector<SourceConfig> sources;
  std::optional<EtcdConfig> etcd;  ///< Absent: SQLite.
  std::string containerd_address = "/run/containerd/containerd.sock";
  std::string containerd_namespace = "k8s.io";
  std::string containerd_runtime = "io.containerd.runc.v2";
  std::string bridge = "berth0";
  std::string pod_cidr = "10.98.0.0/24";  ///< Empty: a /24 of cluster_cidr that no other host has.
  std::string cluster_cidr;  ///< All hosts' pods; empty: this host leads to no other's. Given by itself with an etcd.
  /// How packets get to another host: "vxlan", "wireguard", or "routes" where all share one link.
  std::string overlay = "vxlan";
  std::string node_address;                   ///< Where other hosts reach this one; empty: the default route's source.
  std::string service_cidr = "10.96.0.0/16";  ///< When not said and the pods are in there: another.
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> dns_listen;  ///< Empty: the bridge's gateway.
  int dns_port = 53;
  std::optional<std::vector<std::string>> dns_upstreams;  ///< Absent: the host's resolvers.
  int dns_hold = 250;                                     ///< Milliseconds; 0: no question waits.
  std::filesystem::path api_socket;                       ///< Empty: <runDir>/berthd.sock.
  std::optional<ApiTlsConfig> api_tls;                    ///< Absent: no TCP at all.
  std::optional<ClusterConfig> cluster;                   ///< Absent: no other host is asked.
  bool fencing = false;  ///< berth-fence kills fenced pods before others count this host as gone (decision 0041).
  std::chrono::seconds shutdown_grace{60};           ///< Of all pods, when the host goes down; 0: they are left alone.
  std::chrono::seconds shutdown_grace_critical{10};  ///< Of it, for critical pods.
  runtime::LogSettings logs;                         ///< Files of what containers write, for log shippers.
  LogLevel log_level = LogLevel::Info;
  std::vector<std::filesystem::path> files;  ///< That were read: berthd.yaml, if it is there, and its drop-ins.

  /// Of serviceCIDR, which was judged when it was read.
  model::ServiceRange service_range() const { return model::ServiceRange::parse(service_cidr).value_or({}); }
  std::filesystem::path socket() const { return api_socket.empty() ? run_dir / "berthd.sock" : api_socket; }
};

struct ConfigText {
  std::string file;
  std::string text;
};

/// Reads configuration text, each laid over those before it (agent/config_layers). Where a file may be named,
/// "$CREDENTIALS_DIRECTORY/x" is what systemd gave us by LoadCredential=, see systemd.exec(5).
/// InvalidArgument: `FILE:LINE: key.path: what is wrong; what would be right`.
Result<Config> parse_config(const std::vector<ConfigText>& texts);
Result<Config> parse_config(std::string_view text, const std::string& file);

/// Reads the file and its drop-ins (base/drop_ins); its absence is an error unless it is the default path, whose
/// absence means all defaults.
Result<Config> load_config(const std::filesystem::path& file);

constexpr const char* kDefaultConfigFile = "/etc/berth/berthd.yaml";

}  // namespace berth::agent
