// cli/drain_plan.hpp - which pods of a node a drain evicts, which it leaves, and what forbids it. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace berth::cli {

struct DrainOptions {
  bool ignore_daemonsets = false;
  bool delete_emptydir_data = false;
  bool force = false;
};

struct DrainPlan {
  std::vector<json::value> evict;
  std::string warning;              ///< In kubectl's words; empty: none.
  std::vector<std::string> errors;  ///< In kubectl's words; any: evict nothing.
};

DrainPlan plan_drain(const json::array& pods, const DrainOptions& options);

}  // namespace berth::cli
