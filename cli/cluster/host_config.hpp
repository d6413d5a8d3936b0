// cli/cluster/host_config.hpp - what this host's configuration says of a cluster, and the files that berth cluster
// writes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/tcp_address.hpp"

namespace berth::cli {

/// Where the commands of berth cluster keep what they make.
struct HostPlaces {
  std::filesystem::path config;        ///< "/etc/berth/berthd.yaml"
  std::filesystem::path drop_in;       ///< "/etc/berth/berthd.d/50-cluster.yaml": the host is in a cluster.
  std::filesystem::path staged;        ///< Beside it, with a dot before: it will be.
  std::filesystem::path certificates;  ///< "/etc/berth/cluster": ca.crt, host.crt, host.key
  std::filesystem::path etcd_config;   ///< "/etc/berth/etcd.yaml"
  std::filesystem::path etcd_data;     ///< "<stateDir>/etcd"
  std::filesystem::path members;       ///< "<stateDir>/etcd-copy/members.json": the agent's, see base/etcd_member_file.
  std::filesystem::path database;      ///< "<stateDir>/berth.db"
  std::filesystem::path run_dir;

  std::filesystem::path ca() const { return certificates / "ca.crt"; }
  std::filesystem::path certificate() const { return certificates / "host.crt"; }
  std::filesystem::path key() const { return certificates / "host.key"; }
};

/// Pure.
HostPlaces host_places(const std::filesystem::path& config, const std::filesystem::path& state_dir,
                       const std::filesystem::path& run_dir);

/// What the configuration says, of what concerns a cluster.
struct HostConfig {
  HostPlaces places;
  std::string node_name;
  std::vector<std::string> listen;        ///< api.tls.listen, but of our own drop-in.
  std::filesystem::path etcd_said_by;     ///< The file that names store.etcd, when it is not ours; else empty.
  std::filesystem::path fencing_said_by;  ///< The file that has cluster.fencing true, when it is not ours; else empty.
  // Of our drop-in; empty when there is none.
  std::vector<std::string> endpoints;  ///< And behind them those of members that the agent has learned of since.
  std::string etcd_prefix;
  std::string advertise;
  std::string cluster_cidr;
  std::string service_cidr;
  std::string cluster_domain;
  std::string mode;

  bool in_cluster() const { return !endpoints.empty(); }
};

/// Of berthd.yaml, which may be missing, and its drop-ins. InvalidArgument: no YAML.
Result<HostConfig> read_host_config(const std::filesystem::path& config);

/// "10.0.0.1", "10.0.0.1:6550": IPv4, and one address. InvalidArgument otherwise.
Result<TcpAddress> parse_advertise(const std::string& text);

/// Is it one of this host's now? bind(2) knows. FailedPrecondition: it is not, and an etcd could not listen there.
Status has_address(const TcpAddress& address);

/// What makes the agent one of a cluster.
struct ClusterSetting {
  TcpAddress advertise{};
  std::vector<std::string> listen{};     ///< Besides `advertise`.
  std::vector<std::string> endpoints{};  ///< Of the etcd.
  std::string etcd_prefix = "/berth";
  std::string cluster_cidr{};
  std::string service_cidr{};
  std::string cluster_domain{};
  std::string mode{};
};

/// The drop-in's text. Pure.
std::string drop_in_text(const ClusterSetting& setting, const HostPlaces& places);

/// A member of the etcd as its configuration has it.
struct MemberSetting {
  std::string name{};
  std::string host{};             ///< "10.0.0.1"
  std::string initial_cluster{};  ///< "ship-1=https://10.0.0.1:2380,..."
  bool is_new = false;            ///< The first of its cluster.
};

std::string client_url(std::string_view host);
std::string peer_url(std::string_view host);

/// The text of etcd.yaml, see etcd's --config-file. Pure.
std::string etcd_text(const MemberSetting& member, const HostPlaces& places);

}  // namespace berth::cli
