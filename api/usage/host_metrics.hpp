// api/usage/host_metrics.hpp - what the agent says of its host, as metrics.
#pragma once

#include <string>

#include "model/host_status.hpp"

namespace berth::api {

/// In Prometheus' text format: containerd, sources, the store's file and its copy, pods without an object, disks. Looks
/// at files, so not on the API thread.
void append_host(std::string& out, const model::HostStatus& status);

}  // namespace berth::api
