// cli/host_text.hpp - one host on one screen: what runs, and what is not well with its one sentence. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "cli/ages.hpp"
#include "model/ailments.hpp"
#include "model/host_status.hpp"

namespace berth::cli {

/// What `berth status` knows: what the agent says of its host, and the objects of all namespaces.
struct HostPicture {
  model::HostStatus status;
  model::HostObjects objects;
  std::vector<json::value> services;
  std::vector<json::value> endpoints;
  WallClock::time_point now;
};

/// The screen; its end are `ailing`, or that all is well.
std::string host_text(const HostPicture& picture, const std::vector<model::Ailment>& ailing);

/// "5m"; "-" when it is not known.
std::string since_text(const model::Ailment& ailment, WallClock::time_point now);

}  // namespace berth::cli
