// cli/host_text.hpp - one host on one screen: what runs, and what is not well with its one sentence. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "cli/ages.hpp"
#include "model/host_status.hpp"

namespace berth::cli {

/// What `berth status` knows: what the agent says of its host, and the objects of all namespaces.
struct HostPicture {
  model::HostStatus status;
  std::vector<json::value> pods;
  std::vector<json::value> claims;
  std::vector<json::value> services;
  std::vector<json::value> endpoints;
  std::vector<json::value> events;
  WallClock::time_point now;
};

/// One thing that is not well.
struct Ailment {
  std::string what;      ///< "pod", "claim", "manifest", "source", "store", "disk", "containerd", "stranger".
  std::string subject;   ///< "default/web-0", "/etc/berth/manifests/web.yaml:14".
  std::string sentence;  ///< "ImagePullBackOff: Back-off pulling image ...".
  std::string since;     ///< "5m"; empty when not known.
  bool warning = false;  ///< All works all the same.
};

/// What keeps containers from running first, then what needs a person, then pods and claims, warnings last.
std::vector<Ailment> ailments(const HostPicture& picture);

/// The screen; its end are `ailing`, or that all is well.
std::string host_text(const HostPicture& picture, const std::vector<Ailment>& ailing);

/// Why a pod is not well: a container's reason and message, else the pod's, else an unmet condition; empty when it is
/// well (ready, or done).
std::string pod_sentence(const json::value& pod);

/// "3.5 GiB".
std::string bytes_text(std::uint64_t bytes);

}  // namespace berth::cli
