// runtime/containerd_tasks.cpp - processes: tasks and execs.
#include "runtime/containerd_client.hpp"

#include "containerd/tasks.pb.h"
#include "containerd/types.pb.h"
#include "runtime/containerd_codec.hpp"

namespace berth::runtime {
namespace {

const std::string kTasks = "/containerd.services.tasks.v1.Tasks/";
constexpr auto kProcessType = "types.containerd.io/opencontainers/runtime-spec/1/Process";

wire::tasks::ProcessRequest name_process(const std::string& id, const std::string& exec) {
  wire::tasks::ProcessRequest request;
  request.set_container_id(id);
  request.set_exec_id(exec);
  return request;
}

TaskStatus to_status(wire::tasks::Status status) {
  // A plain comparison chain: protobuf adds sentinel enumerators that a switch would have to name.
  if (status == wire::tasks::CREATED) return TaskStatus::Created;
  if (status == wire::tasks::RUNNING) return TaskStatus::Running;
  if (status == wire::tasks::STOPPED) return TaskStatus::Stopped;
  if (status == wire::tasks::PAUSED || status == wire::tasks::PAUSING) return TaskStatus::Paused;
  return TaskStatus::Unknown;
}

TaskRecord to_record(const wire::tasks::Process& from) {
  return {from.id(), from.pid(), to_status(from.status()), static_cast<std::int32_t>(from.exit_status()),
          to_wall_time(from.exited_at())};
}

/// Notes whether the shim of a container answers one call.
class ShimCall {
 public:
  ShimCall(ShimSilence& shims, const std::string& container) : shims_(shims), container_(container) {}

  /// A containerd that is away, or ourselves who stop, say nothing of the shim.
  template <typename Answer>
  Answer took(Answer answer) const {
    const bool is_silent = failed_with(answer, ErrorCode::DeadlineExceeded);
    if (is_silent || !(failed_with(answer, ErrorCode::Unavailable) || failed_with(answer, ErrorCode::Cancelled))) {
      note(!is_silent);
    }
    return answer;
  }
  void note(bool is_answered) const {
    shims_.asked(container_, begun_, std::chrono::steady_clock::now(), std::chrono::system_clock::now(), is_answered);
  }

 private:
  ShimSilence& shims_;
  const std::string& container_;
  const SteadyTime begun_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<std::uint32_t> ContainerdClient::create_task(const std::string& id, const std::vector<SnapshotMount>& rootfs,
                                                    const TaskStdio& stdio, std::chrono::milliseconds deadline) {
  wire::tasks::CreateRequest request;
  request.set_container_id(id);
  for (const auto& mount : rootfs) {
    auto& added = *request.add_rootfs();
    added.set_type(mount.type);
    added.set_source(mount.source);
    for (const auto& option : mount.options) added.add_options(option);
  }
  request.set_stdin(stdio.in);
  request.set_stdout(stdio.out);
  request.set_stderr(stdio.err);
  request.set_terminal(stdio.terminal);
  const ShimCall call(shims_, id);
  auto reply = call.took(unary<wire::tasks::CreateResponse>(channel_, kTasks + "Create", request, shim(deadline)));
  if (!reply) return reply.error();
  return reply->pid();
}

Status ContainerdClient::start_process(const std::string& id, const std::string& exec) {
  const ShimCall call(shims_, id);
  return call.took(command(channel_, kTasks + "Start", name_process(id, exec), shim(std::chrono::seconds(30))));
}

Result<TaskRecord> ContainerdClient::process(const std::string& id, const std::string& exec) {
  const ShimCall call(shims_, id);
  auto reply = unary<wire::tasks::GetResponse>(channel_, kTasks + "Get", name_process(id, exec), shim());
  if (!reply) return call.took(std::move(reply)).error();
  auto record = to_record(reply->process());
  call.note(record.status != TaskStatus::Unknown);  // See container_state(): so it says that the shim is silent.
  return record;
}

Result<std::vector<TaskRecord>> ContainerdClient::tasks() {
  auto reply = unary<wire::tasks::ListResponse>(channel_, kTasks + "List", wire::tasks::ListRequest(), shim());
  if (!reply) return reply.error();
  std::vector<TaskRecord> found;
  for (const auto& task : reply->tasks()) found.push_back(to_record(task));
  return found;
}

Status ContainerdClient::kill(const std::string& id, const std::string& exec, int signal) {
  wire::tasks::KillRequest request;
  request.set_container_id(id);
  request.set_exec_id(exec);
  request.set_signal(static_cast<std::uint32_t>(signal));
  const ShimCall call(shims_, id);
  return call.took(command(channel_, kTasks + "Kill", request, shim()));
}

Result<std::int32_t> ContainerdClient::wait(const std::string& id, const std::string& exec,
                                            std::chrono::milliseconds deadline) {
  // No answer is no silence: the process runs.
  auto reply = unary<wire::tasks::WaitResponse>(channel_, kTasks + "Wait", name_process(id, exec), shim(deadline));
  if (!reply) return reply.error();
  return static_cast<std::int32_t>(reply->exit_status());
}

Status ContainerdClient::delete_task(const std::string& id) {
  const ShimCall call(shims_, id);
  return call.took(command(channel_, kTasks + "Delete", name_process(id, {}), shim()));
}

Status ContainerdClient::add_exec(const std::string& id, const std::string& exec, const std::string& process_json,
                                  const TaskStdio& stdio) {
  wire::tasks::ExecRequest request;
  request.set_container_id(id);
  request.set_exec_id(exec);
  request.set_stdin(stdio.in);
  request.set_stdout(stdio.out);
  request.set_stderr(stdio.err);
  request.set_terminal(stdio.terminal);
  request.mutable_spec()->set_type_url(kProcessType);
  request.mutable_spec()->set_value(process_json);
  const ShimCall call(shims_, id);
  return call.took(command(channel_, kTasks + "Exec", request, shim()));
}

Status ContainerdClient::delete_exec(const std::string& id, const std::string& exec) {
  const ShimCall call(shims_, id);
  return call.took(command(channel_, kTasks + "DeleteProcess", name_process(id, exec), shim()));
}

Status ContainerdClient::resize(const std::string& id, const std::string& exec, std::uint16_t columns,
                                std::uint16_t rows) {
  wire::tasks::ResizePtyRequest request;
  request.set_container_id(id);
  request.set_exec_id(exec);
  request.set_width(columns);
  request.set_height(rows);
  const ShimCall call(shims_, id);
  return call.took(command(channel_, kTasks + "ResizePty", request, shim()));
}

Status ContainerdClient::close_stdin(const std::string& id, const std::string& exec) {
  wire::tasks::CloseIoRequest request;
  request.set_container_id(id);
  request.set_exec_id(exec);
  request.set_stdin(true);
  const ShimCall call(shims_, id);
  return call.took(command(channel_, kTasks + "CloseIO", request, shim()));
}

}  // namespace berth::runtime
