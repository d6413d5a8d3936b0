// runtime/labels.hpp - the labels of our containers in containerd.
#pragma once

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
constexpr auto kOomKilled = "berth.io/oom-killed";

}  // namespace berth::runtime::label
