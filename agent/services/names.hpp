// agent/services/names.hpp - which names exist: services and pods as the DNS server wants them. Pure.
#pragma once

#include <string>

#include "agent/objects/object_cache.hpp"
#include "network/dns.hpp"

namespace berth::agent {

/// Services with their endpoints: pods of the namespace that match the selector and have an address. Pods that ended
/// have none; pods that are being deleted are not ready. Pods with the host's network have endpoints but lend no
/// namespace to the host's address.
network::DnsNames make_names(const ObjectCache& cache, const std::string& cluster_domain);

}  // namespace berth::agent
