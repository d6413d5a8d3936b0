// model/validate_autoscaler.cpp - HorizontalPodAutoscaler.
#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {

void check_autoscaler(const Reader& root) {
  const auto spec = root.child("spec");
  if (!spec.present()) return root.fail("spec", "required");
  const auto target = spec.child("scaleTargetRef");
  for (const auto* name : {"kind", "name"}) {
    if (require_text(target, name)) check_text(target, name, path_segment_error);
  }
  check_range(spec, "maxReplicas", 1);
}

}  // namespace berth::model
