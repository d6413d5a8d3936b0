// model/decode_status.cpp - PodStatus as the API stores it; encode_status.cpp is its inverse.
#include <utility>

#include "model/decode_internal.hpp"

namespace berth::model {
namespace {

ContainerStateTerminated read_terminated(const Reader& from) {
  return {from.int32("exitCode"), from.int32("signal"),    from.text("reason"),     from.text("message"),
          from.text("startedAt"), from.text("finishedAt"), from.text("containerID")};
}

ContainerStateView read_state(const Reader& from) {
  if (const auto state = from.child("running"); state.present()) return ContainerStateRunning{state.text("startedAt")};
  if (const auto state = from.child("terminated"); state.present()) return read_terminated(state);
  const auto waiting = from.child("waiting");
  return ContainerStateWaiting{waiting.text("reason"), waiting.text("message")};
}

std::vector<ContainerStatus> read_container_statuses(const Reader& status, std::string_view name) {
  std::vector<ContainerStatus> result;
  for (const auto& from : status.children(name)) {
    ContainerStatus one;
    one.name = from.text("name");
    one.state = read_state(from.child("state"));
    if (const auto last = from.child("lastState").child("terminated"); last.present()) {
      one.last_state = read_terminated(last);
    }
    one.ready = from.flag("ready");
    one.started = from.flag("started");
    one.restart_count = from.int32("restartCount");
    one.image = from.text("image");
    one.image_id = from.text("imageID");
    one.container_id = from.text("containerID");
    one.stop_signal = from.text("stopSignal");
    if (const auto user = from.child("user").child("linux"); user.present()) {
      one.user = ContainerUser{user.integer("uid"), user.integer("gid"), user.integers("supplementalGroups")};
    }
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace

PodStatus read_pod_status(const Reader& from) {
  PodStatus status;
  status.phase = from.text("phase", "Pending");
  status.reason = from.text("reason");
  status.message = from.text("message");
  status.host_ip = from.text("hostIP");
  status.pod_ip = from.text("podIP");
  status.start_time = from.text("startTime");
  status.qos_class = from.text("qosClass");
  status.observed_generation = from.integer("observedGeneration");
  for (const auto& one : from.children("conditions")) {
    status.conditions.push_back({one.text("type"), one.text("status"), one.text("reason"), one.text("message"),
                                 one.text("lastTransitionTime"), one.integer("observedGeneration")});
  }
  status.init_container_statuses = read_container_statuses(from, "initContainerStatuses");
  status.container_statuses = read_container_statuses(from, "containerStatuses");
  return status;
}

const PodCondition* PodStatus::condition(std::string_view type) const { return condition_of(conditions, type); }

bool PodStatus::ready() const {
  const auto* found = condition("Ready");
  return found != nullptr && found->status == "True";
}

}  // namespace berth::model
