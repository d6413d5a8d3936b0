// api/api_server.hpp - front door: the Kubernetes-shaped HTTP API.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/kept_sockets.hpp"
#include "base/result.hpp"
#include "base/tcp_address.hpp"
#include "base/unique_fd.hpp"
#include "model/host_status.hpp"
#include "model/planned_step.hpp"
#include "runtime/log_reader.hpp"
#include "runtime/pod_runtime.hpp"
#include "store/store.hpp"

namespace berth::api {

/// Connects to a port of a pod's localhost, inside its network namespace. May block; runs on a lane. The error's text
/// is for users.
using PodDialer = std::function<Result<UniqueFd>(const std::string& pod_uid, std::uint16_t port)>;
/// Connects to an address over TCP. May block; runs on a lane. The error's text is for users.
using AddressDialer = std::function<Result<UniqueFd>(const TcpAddress&)>;
/// What `berth status` shows. May look at disks; runs on a lane.
using HostStatusReader = std::function<model::HostStatus()>;

/// Makes a consistent copy of the store: an open file, read from its begin. May block; runs on a lane.
using BackupMaker = std::function<Result<UniqueFd>()>;

/// For /berth/v1/plan. Both may block and run on a lane.
struct Rehearsal {
  /// A copy of the store to write to, which nobody else sees.
  std::function<std::unique_ptr<store::Store>()> copy{};
  /// What would be done for the sake of these objects, in order, if the store were as the copy is.
  std::function<std::vector<model::PlannedStep>(store::Store& copy, const std::set<model::ObjectKey>& objects)> play{};
};

/// With what the hosts of a cluster know each other: what another host has to answer is asked there, see
/// streams/far_host.hpp. Its CA signs for hosts as servers and as clients, with O=berth:hosts for the latter.
struct HostCertificates {
  std::filesystem::path ca_file;
  std::filesystem::path certificate_file;
  std::filesystem::path key_file;
};

/// The TLS listener. What is left empty comes from `pki_directory`, where it is made on first start.
struct TlsConfig {
  std::vector<TcpAddress> listen;
  std::filesystem::path certificate_file;  ///< With `key_file`, or neither.
  std::filesystem::path key_file;
  std::filesystem::path client_ca_file;  ///< Trusted besides our own CA.
  /// What a certificate of `client_ca_file` may do: its O to "admin" or "viewer". Nothing else counts there.
  std::map<std::string, std::string> client_groups;
  std::filesystem::path token_file;  ///< See token_file.hpp.
  std::filesystem::path pki_directory;
  std::vector<std::string> names;              ///< Of this server, besides the ones we know.
  std::optional<HostCertificates> hosts = {};  ///< Null: this host is alone.
  KeptSockets kept = {};                       ///< As of ApiConfig.
};

/// What all hosts of a cluster have to have alike: told to one that joins.
struct ClusterSettings {
  std::vector<std::string> etcd_endpoints{};  ///< Empty: the objects are in no etcd.
  std::string etcd_prefix{};
  std::string cluster_cidr{};
  std::string service_cidr{};
  std::string cluster_domain{};
  std::string mode{};
};

struct ApiConfig {
  std::filesystem::path socket = "/run/berth/berthd.sock";  ///< Mode 0660, group `berth` when that group exists.
  std::string node_name;
  std::optional<TlsConfig> tls;
  std::size_t max_connections = 1280;     ///< Each watch of kubectl is a connection; see AdmissionLimits for watches.
  std::size_t max_tls_connections = 512;  ///< Of them.
  std::size_t max_body_bytes = 3 * 1024 * 1024;  ///< Kubernetes' limit.
  /// What lies at least between the two looks that `kubectl top` is made of.
  std::chrono::milliseconds usage_window{1000};
  /// How long other hosts have for theirs, beyond that.
  std::chrono::milliseconds usage_patience{1000};
  PodDialer dial_pod{};            ///< For port-forward.
  AddressDialer dial_address{};    ///< For proxies; null: over TCP, from the host.
  KeptSockets kept{};              ///< Listening sockets that an earlier process kept.
  HostStatusReader host_status{};  ///< For /berth/v1/status; null: there is no such page.
  BackupMaker back_up{};           ///< For /berth/v1/backup; null: there is no such page.
  Rehearsal rehearsal{};           ///< The same for /berth/v1/plan.
  ClusterSettings cluster{};       ///< For /berth/v1/cluster/certificate.
};

/// Serves on its own thread: list, get, watch, create, update, patch(merge), delete of every kind, pods/log, and
/// exec, attach and portforward (WebSocket, SPDY/3.1), discovery, /version, /healthz. Reads are from the store's
/// memory.
class ApiServer {
 public:
  virtual ~ApiServer() = default;
};

/// How each part of the agent is, by name; asked on /healthz and /readyz, on the API's thread.
using HealthCheck = std::function<std::vector<std::pair<std::string, Status>>()>;

/// Binds the socket (replacing a dead one) and serves until destroyed. Unavailable: another agent answers there.
Result<std::unique_ptr<ApiServer>> start_api_server(const ApiConfig& config, store::Store& store,
                                                    runtime::PodRuntime& runtime, runtime::LogReader& logs,
                                                    HealthCheck health);

}  // namespace berth::api
