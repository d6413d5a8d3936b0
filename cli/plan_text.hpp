// cli/plan_text.hpp - what the agent would do, as a person reads it. Pure.
#pragma once

#include <string>

#include "base/json.hpp"

namespace berth::cli {

struct PlanText {
  std::string shown;    ///< Objects, then the steps of each workload, numbered.
  std::string refused;  ///< For stderr: what would be refused, and why.
};

/// Of the answer of /berth/v1/plan.
PlanText plan_text(const json::value& answer);

}  // namespace berth::cli
