// model/validate_network_policy.cpp - NetworkPolicy.
#include "model/validation.hpp"

namespace berth::model {

void check_network_policy(const Reader& root) {
  const auto spec = root.child("spec");
  if (!spec.present()) return root.fail("spec", "required");
  check_label_selector(spec.child("podSelector"));
}

}  // namespace berth::model
