// network/dns.hpp - front door: the names of pods and services, and the server that answers for them.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/kept_sockets.hpp"
#include "base/result.hpp"

namespace berth::network {

/// One address behind a service.
struct DnsEndpoint {
  std::string address;   ///< IPv4 or IPv6 text; empty: none yet.
  std::string hostname;  ///< Pod hostname when the pod's subdomain is this service; else empty.
  bool ready = false;
  /// Its pod is there and not ready yet, perhaps without an address: a question for its name may wait a little.
  bool awaited = false;
};

struct DnsPort {
  std::string name;      ///< May be empty: no SRV by name then.
  std::string protocol;  ///< "TCP", "UDP", "SCTP"
  std::uint16_t port = 0;
};

struct DnsService {
  std::string ns;
  std::string name;
  std::string cluster_ip;     ///< Empty or "None": headless, answers are its endpoints.
  std::string external_name;  ///< CNAME when set.
  bool publish_not_ready = false;
  std::vector<DnsPort> ports;
  std::vector<DnsEndpoint> endpoints;
};

/// All names of this agent: plain data, from which a zone is built.
struct DnsNames {
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> servers;  ///< Where this server is asked: the domain's name servers.
  std::vector<DnsService> services;
  std::map<std::string, std::string> pod_namespaces;  ///< Source address → namespace: how short names are resolved.
};

struct DnsConfig {
  std::vector<std::string> listen;  ///< Addresses, at least one.
  std::uint16_t port = 53;          ///< 0: any free port (tests), see DnsServer::port.
  /// "192.0.2.1" or "192.0.2.1:5353". Empty: those of `resolv_conf`. With neither, outside names answer SERVFAIL.
  std::vector<std::string> upstreams;
  /// CIDRs that may ask for outside names: the pod CIDR and loopback. When all of `listen` is inside of them, nobody
  /// else is answered at all: who reaches the pods' own address from elsewhere has no business with their names.
  std::vector<std::string> allow_recursion;
  /// Followed from now on, whoever writes it; while it names no server, the last that it named are asked. A stub on
  /// loopback (systemd-resolved) is asked like any other: we run in the host's namespace. Empty: none.
  std::filesystem::path resolv_conf = {};
  /// Sockets of `listen` that an earlier process kept. When there are any, questions wait in them for the first zone.
  KeptSockets kept = {};
  /// For how long a question may wait for a name whose pods are there and not ready yet, before it is answered as
  /// without that; 0: not at all.
  std::chrono::milliseconds hold{0};
};

/// Answers over UDP and TCP on its own threads, from an immutable zone that is swapped whole. Until the first one is
/// there every question is answered SERVFAIL, for now: "no such name" would be believed.
class DnsServer {
 public:
  virtual ~DnsServer() = default;

  /// Answers from `names` from now on. Any thread; takes microseconds for the caller's lock, the
  /// build happens on the caller.
  virtual void publish(const DnsNames& names) = 0;

  /// The port in use.
  virtual std::uint16_t port() const = 0;

  struct Counters {
    std::uint64_t queries = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t malformed = 0;
    std::uint64_t cache_hits = 0;
  };
  virtual Counters counters() const = 0;
};

/// Binds and serves. Unavailable: an address or port is taken, named. Binds with IP_FREEBIND, so the bridge's address
/// may come later.
Result<std::unique_ptr<DnsServer>> start_dns_server(const DnsConfig& config);

}  // namespace berth::network
