// tests/contracts/bound_claim.hpp - a bound claim, for tests.
#pragma once

#include <filesystem>
#include <string>

#include "volumes/pod_volumes.hpp"

namespace berth::volumes {

/// A claim whose volume is a directory of this host.
inline BoundClaim bound(const std::string& claim, const std::filesystem::path& directory) {
  BoundClaim made;
  made.claim_name = claim;
  made.volume_name = "pv-1";
  made.source = model::HostPathSource{directory.string(), "Directory"};
  return made;
}

}  // namespace berth::volumes
