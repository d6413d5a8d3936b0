// agent/pods/termination_message.hpp - what an ended container has to say: its message, or the end of its log.
#pragma once

#include <filesystem>
#include <string>

#include "agent/pods/pod_view.hpp"
#include "model/pod.hpp"
#include "runtime/log_reader.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::agent {

/// What it wrote to its `terminationMessagePath` (`file` on the host), at most 4 KiB. Nothing, and it failed, and its
/// policy is FallbackToLogsOnError: the last 80 lines of its log, at most their last 2 KiB. Whatever cannot be read is
/// empty. Blocks until the log is whole, as PodRuntime::await_output() does: lane threads.
/// See Kubernetes' "Determine the Reason for Pod Failure".
std::string termination_message(const model::Pod& pod, const model::Container& container, const ContainerView& ended,
                                const std::filesystem::path& file, runtime::PodRuntime& runtime,
                                runtime::LogReader& logs);

}  // namespace berth::agent
