// runtime/container_state.cpp - see container_state.hpp.
#include "runtime/container_state.hpp"

#include <charconv>
#include <string>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "runtime/image_document.hpp"
#include "runtime/labels.hpp"

namespace berth::runtime {
namespace {

std::string label_of(const ContainerRecord& record, const char* name) {
  const auto found = record.labels.find(name);
  return found == record.labels.end() ? std::string() : found->second;
}

/// "1000:1000:1000,2000"
std::optional<model::ContainerUser> user_of(std::string_view text) {
  const auto take = [&](char end, std::int64_t& into) {
    const auto* const last = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), last, into);
    if (error != std::errc{} || (stop != last && *stop != end)) return false;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + (stop == last ? 0U : 1U));
    return true;
  };
  model::ContainerUser user;
  if (!take(':', user.uid) || !take(':', user.gid)) return std::nullopt;
  while (!text.empty()) {
    std::int64_t group = 0;
    if (!take(',', group)) return std::nullopt;
    user.supplemental_groups.push_back(group);
  }
  return user;
}

/// The label is written just before the start.
bool was_started(const ContainerState& state) { return state.started_at != WallTime{}; }

}  // namespace

ContainerState from_record(const ContainerRecord& record) {
  ContainerState state;
  state.id = record.id;
  state.pod = {label_of(record, label::kPodUid), label_of(record, label::kPodNamespace),
               label_of(record, label::kPodName)};
  state.name = label_of(record, label::kContainerName);
  const auto attempt = label_of(record, label::kAttempt);
  std::from_chars(attempt.data(), attempt.data() + attempt.size(), state.attempt);
  state.oom_killed = !label_of(record, label::kOomKilled).empty();
  state.created_at = record.created_at;
  if (const auto started = parse_rfc3339(label_of(record, label::kStartedAt))) state.started_at = *started;
  state.image = label_of(record, label::kImage);
  int signal = 0;
  const auto number = label_of(record, label::kStopSignal);
  std::from_chars(number.data(), number.data() + number.size(), signal);
  if (auto name = signal_name(signal); !name.empty()) state.stop_signal = std::move(name);
  state.user = user_of(label_of(record, label::kUser));
  state.image_id = label_of(record, label::kImageDigest);
  return state;
}

Result<ContainerState> container_state(const ContainerRecord& record, const std::optional<TaskRecord>& task) {
  auto state = from_record(record);
  if (!task) {
    // Once started there was a process, and its shim (or the host) went away.
    state.phase = was_started(state) ? ContainerPhase::Unknown : ContainerPhase::Created;
    return state;
  }
  state.pid = task->pid;
  switch (task->status) {
    case TaskStatus::Created: state.phase = ContainerPhase::Created; break;
    case TaskStatus::Running:
    case TaskStatus::Paused: state.phase = ContainerPhase::Running; break;
    case TaskStatus::Stopped:
      // Made and ended before it was ever started: by us, clearing up after a failed start.
      state.phase = was_started(state) ? ContainerPhase::Exited : ContainerPhase::Created;
      state.exit_code = task->exit_status;
      state.finished_at = task->exited_at;
      break;
    case TaskStatus::Unknown:
      // What containerd says when a shim does not answer within 2 s (getProcessState in services/tasks/local.go). That
      // is no end: of a task that is gone it says NotFound.
      return Error(ErrorCode::Unavailable, fmt::format("look at container {}: its shim does not answer", state.id));
  }
  return state;
}

}  // namespace berth::runtime
