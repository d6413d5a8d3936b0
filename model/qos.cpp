// model/qos.cpp - Guaranteed, Burstable or BestEffort.
#include <map>

#include "model/model.hpp"

namespace berth::model {

// https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/: only cpu and memory count; Guaranteed
// needs both limits on every container, with requests equal to them.
std::string qos_class(const PodSpec& spec) {
  bool any = false;
  bool guaranteed = true;
  const auto look = [&](const Container& container) {
    for (const auto* resource : {"cpu", "memory"}) {
      const auto request = container.resources.requests.find(resource);
      const auto limit = container.resources.limits.find(resource);
      const bool requested = request != container.resources.requests.end() && !request->second.is_zero();
      const bool limited = limit != container.resources.limits.end() && !limit->second.is_zero();
      any = any || requested || limited;
      if (!limited || (requested && request->second != limit->second)) guaranteed = false;
    }
  };
  for (const auto& container : spec.init_containers) look(container);
  for (const auto& container : spec.containers) look(container);
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

}  // namespace berth::model
