// model/ailments.hpp - what is not well on a host, one sentence each: what `berth status` and the dashboard say. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "model/host_status.hpp"

namespace berth::model {

/// Where the API serves them.
constexpr std::string_view kAilmentsPath = "/berth/v1/ailments";

/// One thing that is not well.
struct Ailment {
  std::string what{};      ///< "pod", "claim", "manifest", "source", "store", "disk", "containerd", "stranger".
  std::string subject{};   ///< "default/web-0", "/etc/berth/manifests/web.yaml:14".
  std::string sentence{};  ///< "ImagePullBackOff: Back-off pulling image ...".
  std::optional<WallTime> since{};
  bool warning = false;  ///< All works all the same.
};

/// The objects of all namespaces that may be unwell, and the events that say why. Of pods and claims metadata and
/// status are looked at.
struct HostObjects {
  std::vector<json::value> pods{};
  std::vector<json::value> claims{};
  std::vector<json::value> events{};
};

/// What keeps containers from running first, then what needs a person, then pods and claims, warnings last.
std::vector<Ailment> ailments(const HostStatus& status, const HostObjects& objects);

/// [{"what","subject","sentence","since","warning"}], without what is not known.
json::array encode_ailments(const std::vector<Ailment>& ailing);

/// Why a pod is not well: a container's reason and message, else the pod's, else an unmet condition; empty when it is
/// well (ready, or done).
std::string pod_sentence(const json::value& pod);

/// "3.5 GiB".
std::string bytes_text(std::uint64_t bytes);

}  // namespace berth::model
