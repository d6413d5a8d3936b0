// agent/first_objects.hpp - what every host has from the start: namespaces, a storage class, its Node.
#pragma once

#include "agent/config.hpp"
#include "agent/objects/store_writer.hpp"

namespace berth::agent {

/// Creates what is missing; brings the Node's labels, addresses and capacity up to date and keeps its conditions. What
/// exists is not touched otherwise. Loop thread.
void write_first_objects(store::Store& store, StoreWriter& writer, const Clock& clock, const Config& config,
                         const std::string& host_ip);

}  // namespace berth::agent
