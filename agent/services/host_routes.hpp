// agent/services/host_routes.hpp - which names the host itself shall ask our DNS server for. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "network/dns.hpp"

namespace berth::agent {

struct HostRoutes {
  std::vector<std::string> domains;  ///< Sorted but for the first, the cluster domain; lower case.
  std::size_t left_out = 0;          ///< More than `most`: names that the host has to write whole.

  bool operator==(const HostRoutes&) const = default;
};

/// The cluster domain; `mongo-0.mongo` for each pod with a hostname behind a service of the namespace default, where
/// the host's own short names are looked up; `mongo.prod` for each service, with all that is below.
///
/// Never a service's bare name: that would take a whole top-level domain from the host, and `app`, `dev` and `store`
/// are as usual names of services as they are domains of the internet.
HostRoutes host_routes(const network::DnsNames& names, std::size_t most);

}  // namespace berth::agent
