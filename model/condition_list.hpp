// model/condition_list.hpp - the conditions of a status: one of each type, with the time of its last change. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace berth::model {

/// Puts `condition` in the place of the one of its type, or behind all. It changes at `now` (RFC 3339) when its status
/// is another than before; with the same status the time stays.
template <typename Condition>
void put_condition(std::vector<Condition>& conditions, Condition condition, const std::string& now) {
  condition.last_transition_time = now;
  for (auto& known : conditions) {
    if (known.type != condition.type) continue;
    if (known.status == condition.status) condition.last_transition_time = known.last_transition_time;
    known = std::move(condition);
    return;
  }
  conditions.push_back(std::move(condition));
}

}  // namespace berth::model
