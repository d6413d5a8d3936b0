// agent/services/names.hpp - which names exist: services and pods as the DNS server wants them. Pure.
#pragma once

#include <functional>
#include <string>

#include "agent/objects/object_cache.hpp"
#include "network/dns.hpp"

namespace berth::agent {

/// Services with their endpoints: pods of the namespace that match the selector and have an address, or will have one.
/// Pods that ended have none; pods that are being deleted are not ready, and not awaited. Pods with the host's network
/// have endpoints but lend no namespace to the host's address. `leads_on`: do packets to the service's address go where
/// they should? Then its name leads there, and to its pods otherwise, as that of a headless one. Empty: none do.
network::DnsNames make_names(const ObjectCache& cache, const std::string& cluster_domain,
                             const std::function<bool(const model::Service&)>& leads_on = {});

}  // namespace berth::agent
