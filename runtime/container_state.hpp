// runtime/container_state.hpp - what containerd's record of a container, and of its task, say about it. Pure.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "runtime/containerd_client.hpp"
#include "runtime/pod_runtime.hpp"

namespace berth::runtime {

/// All that the record alone says.
ContainerState from_record(const ContainerRecord& record);

/// The container of `record`; `task` is empty when containerd says that there is none. One that was made and never
/// started is Created, however its task ended: that is no attempt, and no restart. Started, and without a task, it is
/// Unknown. Unavailable: its shim does not answer, which says nothing about it.
Result<ContainerState> container_state(const ContainerRecord& record, const std::optional<TaskRecord>& task);

}  // namespace berth::runtime
