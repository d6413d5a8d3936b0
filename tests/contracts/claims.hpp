// tests/contracts/claims.hpp - claims bound to directories, for tests.
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

/// A claim's directory, made at once.
inline Result<std::filesystem::path> provision(PodVolumes& volumes, const std::string& ns, const std::string& claim) {
  Result<std::filesystem::path> made = Error(ErrorCode::Internal, "provision() has not called back");
  ProvisionRequest request;
  request.provisioner = "berth.io/directory";
  request.ns = ns;
  request.claim = claim;
  volumes.provision(request, [&](const Result<Provisioned>& done) {
    made = done ? Result<std::filesystem::path>(std::get<model::HostPathSource>(done->source).path)
                : Result<std::filesystem::path>(done.error());
  });
  return made;
}
inline Status reclaim(PodVolumes& volumes, const std::string& ns, const std::string& claim) {
  Status gone = Error(ErrorCode::Internal, "reclaim() has not called back");
  ReclaimRequest request;
  request.provisioner = "berth.io/directory";
  request.ns = ns;
  request.claim = claim;
  volumes.reclaim(request, [&](const Status& done) { gone = done; });
  return gone;
}

}  // namespace berth::volumes
