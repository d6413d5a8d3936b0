// agent/pods/pod_view.cpp - see pod_view.hpp.
#include "agent/pods/pod_view.hpp"

#include <algorithm>

namespace berth::agent {
namespace {

ContainerView::Phase phase_of(runtime::ContainerPhase phase) {
  switch (phase) {
    case runtime::ContainerPhase::Created: return ContainerView::Phase::Created;
    case runtime::ContainerPhase::Running: return ContainerView::Phase::Running;
    case runtime::ContainerPhase::Exited: return ContainerView::Phase::Exited;
    case runtime::ContainerPhase::Unknown: return ContainerView::Phase::Lost;
  }
  return ContainerView::Phase::Lost;
}

ContainerView view_of(const runtime::ContainerState& state) {
  return {.phase = phase_of(state.phase),
          .id = state.id,
          .attempt = state.attempt,
          .exit_code = state.exit_code,
          .oom_killed = state.oom_killed,
          .started_at = state.started_at,
          .finished_at = state.finished_at,
          .image = state.image,
          .image_id = state.image_id,
          .stop_signal = state.stop_signal,
          .user = state.user,
          .message = {}};
}

/// The slot of the container called `name`, or null.
ContainerView* slot(const std::vector<model::Container>& specs, std::vector<ContainerView>& views,
                    const std::string& name) {
  const auto found = std::find_if(specs.begin(), specs.end(), [&](const auto& spec) { return spec.name == name; });
  return found == specs.end() ? nullptr : &views[static_cast<std::size_t>(found - specs.begin())];
}

}  // namespace

PodView make_view(const model::PodSpec& spec, const std::vector<runtime::ContainerState>& containers) {
  PodView view;
  view.init.resize(spec.init_containers.size());
  view.main.resize(spec.containers.size());
  for (const auto& state : containers) {
    auto* place = slot(spec.containers, view.main, state.name);
    if (place == nullptr) place = slot(spec.init_containers, view.init, state.name);
    if (place == nullptr) {
      view.stale.push_back(state.id);
      continue;
    }
    if (place->phase != ContainerView::Phase::Absent && place->attempt >= state.attempt) {
      view.stale.push_back(state.id);
      continue;
    }
    if (place->phase != ContainerView::Phase::Absent) view.stale.push_back(place->id);
    *place = view_of(state);
  }
  return view;
}

}  // namespace berth::agent
