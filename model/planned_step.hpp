// model/planned_step.hpp - one thing that would be done, in order, as `berth plan` shows it.
#pragma once

#include <string>

#include "model/meta.hpp"

namespace berth::model {

struct PlannedStep {
  ObjectKey workload;  ///< The object that a file has, for whose sake it is done.
  std::string what;    ///< "start pod db-0"
};

inline constexpr const char* kPlanPath = "/berth/v1/plan";

}  // namespace berth::model
