// runtime/runtime_watch.cpp - what runs, and telling the agent when that may have changed.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "runtime/container_state.hpp"
#include "runtime/containerd_runtime.hpp"
#include "runtime/labels.hpp"
#include "runtime/rootfs_files.hpp"

namespace berth::runtime {
namespace {

void sort_by_attempt(std::vector<ContainerState>& states) {
  std::sort(states.begin(), states.end(), [](const auto& a, const auto& b) {
    return std::tie(a.pod.uid, a.attempt, a.name) < std::tie(b.pod.uid, b.attempt, b.name);
  });
}

}  // namespace

Result<ContainerState> ContainerdRuntime::inspect(const ContainerRecord& record) {
  const auto task = client_.process(record.id, {});
  if (task) return container_state(record, *task);
  if (failed_with(task, ErrorCode::NotFound)) return container_state(record, std::nullopt);
  return task.error();
}

/// A list with a filter costs containerd a look at every record that it has, of 10 to 30 KB each: too much for each
/// look at each pod.
Status ContainerdRuntime::know_records() {
  const std::scoped_lock one(looking_);
  if (records_known_) return Ok{};
  const auto records = client_.containers(label::any_of_ours());
  if (!records) return records.error();
  for (const auto& record : *records) remember(record.id, from_record(record).pod.uid);
  records_known_ = true;
  return Ok{};
}

std::vector<std::string> ContainerdRuntime::known_records(const std::string& pod_uid) const {
  const auto prefix = pod_uid + "-";
  std::vector<std::string> ids;
  const std::scoped_lock lock(mutex_);
  for (auto at = pods_.lower_bound(prefix); at != pods_.end() && at->first.starts_with(prefix); ++at) {
    ids.push_back(at->first);
  }
  return ids;
}

void ContainerdRuntime::forget_records(const std::string& pod_uid) {
  const auto ids = known_records(pod_uid);
  const std::scoped_lock lock(mutex_);
  for (const auto& id : ids) pods_.erase(id);
}

Result<std::vector<ContainerRecord>> ContainerdRuntime::records(const std::string& pod_uid) {
  if (traces_.doubtful(pod_uid)) {
    return client_.containers(label::of_pod(pod_uid));
  }
  if (auto known = know_records(); !known) return known.error();
  std::vector<ContainerRecord> found;
  for (const auto& id : known_records(pod_uid)) {
    auto record = client_.container(id);
    if (failed_with(record, ErrorCode::NotFound)) continue;  // not made yet, or somebody else removed it
    if (!record) return record.error();
    found.push_back(*std::move(record));
  }
  return found;
}

Result<std::vector<ContainerState>> ContainerdRuntime::containers(const std::string& pod_uid) {
  if (pod_uid.find_first_of("\"\\") != std::string::npos) return Error(ErrorCode::InvalidArgument, "bad pod uid");
  if (!traces_.possible(pod_uid)) return std::vector<ContainerState>();  // most looks at a pod that comes up
  const auto found = records(pod_uid);
  if (!found) return found.error();
  std::vector<ContainerState> states;
  for (const auto& record : *found) {
    auto state = inspect(record);
    if (!state) return state.error();
    remember(record.id, pod_uid);
    states.push_back(*std::move(state));
  }
  sort_by_attempt(states);
  return states;
}

Result<std::vector<ContainerState>> ContainerdRuntime::all_containers() {
  // Tasks first: a container made in between has no task here and is looked at below.
  const auto tasks = client_.tasks();
  if (!tasks) return tasks.error();
  std::map<std::string, const TaskRecord*> by_id;
  for (const auto& task : *tasks) by_id[task.id] = &task;

  const auto records = client_.containers(label::any_of_ours());
  if (!records) return records.error();
  std::vector<ContainerState> states;
  for (const auto& record : *records) {
    const auto task = by_id.find(record.id);
    auto state = task == by_id.end() ? inspect(record) : container_state(record, *task->second);
    if (!state && task != by_id.end()) state = inspect(record);
    if (!state) return state.error();
    remember(record.id, state->pod.uid);
    if (const auto adopted = io_.adopt(record.id); !adopted) {
      log(LogLevel::Debug, "cannot keep a container's output open", {{"error", adopted.error().message()}});
    }
    states.push_back(*std::move(state));
  }
  sort_by_attempt(states);
  return states;
}

void ContainerdRuntime::remember(const std::string& id, const std::string& pod_uid) {
  const std::scoped_lock lock(mutex_);
  pods_[id] = pod_uid;
}

std::string ContainerdRuntime::pod_of(const std::string& id) {
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = pods_.find(id); found != pods_.end()) return found->second;
  }
  const auto record = client_.container(id);
  if (!record || !record->labels.contains(label::kAttempt)) return {};  // not ours, or gone
  auto uid = from_record(*record).pod.uid;
  remember(id, uid);
  return uid;
}

void ContainerdRuntime::subscribe(std::function<void(const std::string&)> on_change,
                                  std::function<void()> on_reconnect) {
  adopt_fifos();
  clear_scratch(config_.run_dir / "rootfs");
  if (const auto ready = ipc_.prepare_dir(); !ready) {
    log(LogLevel::Warning, "cannot prepare what containers of a pod share", {{"error", ready.error().message()}});
  }
  on_change_ = std::move(on_change);
  on_reconnect_ = std::move(on_reconnect);
  watch_ = std::make_unique<EventWatch>(
      client_, EventWatch::Handlers{[this](const std::string& container, const std::string& exec, std::int32_t code) {
                                      if (!exec.empty()) {
                                        execs_.resolve(exec, code);
                                      } else {
                                        container_ended(container, code);
                                      }
                                    },
                                    [this](const std::string& container) { out_of_memory(container); },
                                    [this] { connected(); }});
}

void ContainerdRuntime::adopt_fifos() {
  // Before anything is asked: a shim that waits for the end of a FIFO that an earlier agent had answers nothing.
  std::vector<std::shared_ptr<HeldExec>> left;
  for (auto& held : hold_all_execs(config_.run_dir / "exec")) {
    left.push_back(std::make_shared<HeldExec>(std::move(held)));
  }
  if (const auto adopted = io_.adopt_all(); !adopted) {
    log(LogLevel::Warning, "cannot keep a container's output open", {{"error", adopted.error().message()}});
  }
  const std::scoped_lock lock(mutex_);
  left_execs_ = std::move(left);
}

void ContainerdRuntime::container_ended(const std::string& id, std::int32_t code) {
  for (const auto& attached : attached_.pending(id)) attached_.resolve(attached.exec, code);
  recheck_execs(id);
  if (const auto uid = pod_of(id); !uid.empty()) on_change_(uid);
}

void ContainerdRuntime::out_of_memory(const std::string& id) {
  const auto uid = pod_of(id);
  if (uid.empty()) return;
  // On the record, because the event comes once and the agent may restart; a container gone meanwhile needs none.
  if (const auto kept = client_.set_container_label(id, label::kOomKilled, "true"); !kept) {
    log(LogLevel::Debug, "cannot record that a container ran out of memory", {{"error", kept.error().message()}});
  }
  on_change_(uid);
}

void ContainerdRuntime::connected() {
  {
    const std::scoped_lock lock(mutex_);
    host_facts_.reset();  // another containerd may have other rights
  }
  end_left_execs();
  recheck_execs({});
  recheck_attached();
  on_reconnect_();
}

}  // namespace berth::runtime
