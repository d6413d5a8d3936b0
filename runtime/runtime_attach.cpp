// runtime/runtime_attach.cpp - who is attached to which running container.
#include <fcntl.h>

#include <fmt/format.h>

#include "runtime/attach_session.hpp"
#include "runtime/containerd_runtime.hpp"

namespace berth::runtime {

Result<std::unique_ptr<ExecSession>> ContainerdRuntime::attach(const std::string& id, const AttachOptions& options) {
  const auto key = fmt::format("attach-{}", ++attach_number_);
  auto session = std::make_unique<ContainerdAttachSession>(*this, id, key);  // its destructor clears what follows
  // Before we look: the end may come in between.
  attached_.add(key, id, [end = session->end()](Result<std::int32_t> result) { end->resolve(std::move(result)); });
  const auto task = client_.process(id, {});
  if (!task) return task.error().context("attach to container " + id);
  const auto streams = io_.streams(id);
  if (!streams) return streams.error().context("attach to container " + id);
  const auto refuse = [&](std::string_view why) {
    return Error(ErrorCode::FailedPrecondition, fmt::format("container {} {}", streams->container, why));
  };
  if (task->status == TaskStatus::Stopped) return refuse("is not running");
  if (options.has_stdin && !streams->has_stdin) return refuse("was made without \"stdin: true\": it reads nothing");
  if (options.has_stdin && streams->in.empty()) return refuse("has no stdin any more: it ended with \"stdinOnce\"");
  if (auto opened = session->open(*streams, options); !opened) {
    return opened.error().context(fmt::format("attach to container {}", streams->container));
  }
  return std::unique_ptr<ExecSession>(std::move(session));
}

void ContainerdRuntime::remember_stdin(const std::string& id, int fd) {
  const std::scoped_lock lock(mutex_);
  stdins_.emplace(id, fd);
}

void ContainerdRuntime::forget_stdin(const std::string& id, int fd) {
  const std::scoped_lock lock(mutex_);
  const auto [first, last] = stdins_.equal_range(id);
  for (auto at = first; at != last; ++at) {
    if (at->second != fd) continue;
    stdins_.erase(at);
    return;
  }
}

Status ContainerdRuntime::end_stdin(const std::string& id) {
  // The shim's own end; NotFound: the process has ended.
  if (auto closed = ignore_not_found(client_.close_stdin(id, {})); !closed) return closed;
  {
    // The ends of the others that are attached. Their numbers are in use: they stay valid, and lead nowhere.
    const UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    const std::scoped_lock lock(mutex_);
    const auto [first, last] = stdins_.equal_range(id);
    for (auto at = first; at != last; ++at) {
      if (nowhere) (void)::dup3(nowhere.get(), at->second, O_CLOEXEC);
    }
  }
  return io_.end_stdin(id);
}

void ContainerdRuntime::recheck_attached() {
  for (const auto& pending : attached_.pending({})) {
    const auto task = client_.process(pending.container, {});
    if (task && task->status == TaskStatus::Stopped) {
      attached_.resolve(pending.exec, task->exit_status);
    } else if (failed_with(task, ErrorCode::NotFound)) {
      attached_.resolve(pending.exec, Error(ErrorCode::NotFound, "the container ended"));
    }
  }
}

}  // namespace berth::runtime
