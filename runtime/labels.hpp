// runtime/labels.hpp - the labels of our containers in containerd.
#pragma once

#include <string>

#include <fmt/format.h>

namespace berth::runtime::label {

// Kubernetes' own, so that crictl and friends show pods' names.
constexpr auto kPodUid = "io.kubernetes.pod.uid";
constexpr auto kPodName = "io.kubernetes.pod.name";
constexpr auto kPodNamespace = "io.kubernetes.pod.namespace";
constexpr auto kContainerName = "io.kubernetes.container.name";
// Ours. A record with kAttempt is ours.
constexpr auto kAttempt = "berth.io/attempt";
constexpr auto kImage = "berth.io/image";
constexpr auto kImageDigest = "berth.io/image-digest";
constexpr auto kStartedAt = "berth.io/started-at";
constexpr auto kStopSignal = "berth.io/stop-signal";  // a number; absent: SIGTERM
constexpr auto kUser = "berth.io/user";               // "1000:1000:1000,2000": uid, gid, groups
constexpr auto kOomKilled = "berth.io/oom-killed";

// Filters of containerd's lists: records of any kind of thing, all carry the same labels.
inline std::string any_of_ours() { return fmt::format("labels.\"{}\"", kAttempt); }
inline std::string of_pod(const std::string& uid) {
  return fmt::format("{},labels.\"{}\"==\"{}\"", any_of_ours(), kPodUid, uid);
}

}  // namespace berth::runtime::label
