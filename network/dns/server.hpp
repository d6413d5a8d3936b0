// network/dns/server.hpp - the server with its limits exposed, for tests; other rooms use dns.hpp.
#pragma once

#include "network/dns.hpp"
#include "network/dns/forwarder.hpp"
#include "network/dns/held.hpp"
#include "network/dns/tcp.hpp"

namespace berth::network::dns {

struct ServerLimits {
  TcpLimits tcp;
  ForwarderLimits forwarder;
  HoldLimits hold;                   ///< But `longest`, which is DnsConfig's.
  std::uint16_t upstream_port = 53;  ///< Where name servers listen that resolv.conf names.
};

/// As start_dns_server(); InvalidArgument also for an upstream or network that does not parse.
Result<std::unique_ptr<DnsServer>> start_server(const DnsConfig& config, const ServerLimits& limits);

}  // namespace berth::network::dns
