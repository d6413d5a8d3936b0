// agent/rehearsal.hpp - what the controllers would do, in which order: played on a copy of the store. Blocks.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/planned_step.hpp"
#include "store/store.hpp"

namespace berth::agent {

/// Runs the controllers of workloads on `tried` until nothing more would happen, on a clock of its own: what is stopped
/// ends at once, what was begun becomes ready at once, and what is there and not ready becomes so only when nothing
/// else can happen. Answers the steps that are taken for the sake of `workloads`, in their order.
///
/// `tried` is a copy that nobody else uses (store::copy_in_memory), and is written to. Any thread; takes milliseconds
/// for a few pods, and kLongest at most: then the steps until there are answered.
std::vector<model::PlannedStep> rehearse(store::Store& tried, const std::string& node_name,
                                         const std::set<model::ObjectKey>& workloads);

}  // namespace berth::agent
