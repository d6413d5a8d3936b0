// agent/objects/host_ports.hpp - ports of the host that a pod asks for. Pure.
#pragma once

#include <vector>

#include "model/model.hpp"

namespace berth::agent {

/// Its containers' ports that are to be reached at the host's address; those of a pod on the host's network have been
/// made such by defaulting.
std::vector<model::ContainerPort> host_ports(const model::PodSpec& spec);

/// Can only one of them be had of a host? Addresses differ only where both say one.
bool ports_collide(const model::ContainerPort& a, const model::ContainerPort& b);

}  // namespace berth::agent
