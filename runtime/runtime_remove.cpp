// runtime/runtime_remove.cpp - ending and removing containers.
#include <signal.h>

#include <fmt/format.h>

#include <charconv>

#include "runtime/containerd_runtime.hpp"
#include "runtime/labels.hpp"

namespace berth::runtime {
namespace {

constexpr auto kKillDeadline = std::chrono::seconds(10);

}  // namespace

Status ContainerdRuntime::kill(const std::string& id, int signal) {
  const auto sent = client_.kill(id, {}, signal);
  // NotFound: no task, or its process has ended.
  if (sent || failed_with(sent, ErrorCode::NotFound)) return Ok{};
  if (failed_with(sent, ErrorCode::FailedPrecondition) || failed_with(sent, ErrorCode::Unknown)) {
    const auto task = client_.process(id, {});
    if (failed_with(task, ErrorCode::NotFound) || (task && task->status == TaskStatus::Stopped)) return Ok{};
  }
  return sent.error().context("signal container " + id);
}

Status ContainerdRuntime::request_stop(const std::string& id) {
  const auto record = client_.container(id);
  if (failed_with(record, ErrorCode::NotFound)) return Ok{};
  if (!record) return record.error().context("stop container " + id);
  int signal = SIGTERM;
  if (const auto found = record->labels.find(label::kStopSignal); found != record->labels.end()) {
    const auto& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), signal);
  }
  return kill(id, signal);
}

Status ContainerdRuntime::stop_task(const std::string& id) {
  const auto task = client_.process(id, {});
  if (failed_with(task, ErrorCode::NotFound)) {
    // Also the answer of a shim to which a start that was cut short did not get through. containerd keeps the task,
    // then, and would refuse another of this name. When this fails, that start does, too, and comes here again.
    (void)client_.delete_task(id);
  }
  if (!task) return task.error();
  if (task->status != TaskStatus::Stopped) {
    if (auto killed = kill(id, SIGKILL); !killed) return killed;
    const auto ended = client_.wait(id, {}, kKillDeadline);
    if (!ended && !failed_with(ended, ErrorCode::NotFound)) return ended.error();
  }
  return client_.delete_task(id);
}

Status ContainerdRuntime::remove(const std::string& id) {
  const auto doing = "remove container " + id;
  std::string pod_uid = pod_of(id);

  const auto stopped = stop_task(id);
  const bool task_was_lost = failed_with(stopped, ErrorCode::NotFound);
  if (!stopped && !task_was_lost) return stopped.error().context(doing);
  if (auto deleted = ignore_not_found(client_.delete_container(id)); !deleted) return deleted.error().context(doing);
  if (auto removed = ignore_not_found(client_.remove_snapshot(id)); !removed) return removed.error().context(doing);
  // After the task: its deletion waits until the shim has copied everything into the FIFOs.
  if (auto drained = io_.drain_and_remove(id); !drained) return drained.error().context(doing);

  if (!pod_uid.empty()) {
    cgroups_.remove_empty(pod_uid);
    if (task_was_lost) end_lost_shims(pod_uid);
  }
  traces_.removed(id);
  const std::scoped_lock lock(mutex_);
  pods_.erase(id);
  return Ok{};
}

void ContainerdRuntime::end_lost_shims(const std::string& pod_uid) {
  if (pod_uid.find_first_of("\"\\") != std::string::npos) return;
  const auto left = client_.containers(fmt::format("labels.\"{}\"==\"{}\"", label::kPodUid, pod_uid));
  if (left && left->empty()) end_shims_of(pod_uid);  // remove_pod() looks again
}

}  // namespace berth::runtime
