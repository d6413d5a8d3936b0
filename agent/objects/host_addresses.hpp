// agent/objects/host_addresses.hpp - where the other hosts are, as far as they are there. Loop thread.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "agent/objects/live_nodes.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// InternalIP of the Nodes that are there, but for our own. Nothing: who is there is not known.
std::optional<std::set<std::string>> addresses_of_others(const LiveNodes& nodes, const ObjectCache& cache,
                                                         const store::Store& store);

/// Is a Node somewhere else than before, new, or gone?
bool moves_host(const store::Change& change);

}  // namespace berth::agent
