// agent/sets/status_numbers.cpp - see status_numbers.hpp.
#include "agent/sets/status_numbers.hpp"

namespace berth::agent {

bool put_numbers(json::object& raw, const StatusNumbers& numbers) {
  auto& value = raw["status"];
  auto changed = !value.is_object();
  if (changed) value.emplace_object();
  auto& status = value.get_object();
  for (const auto& [name, number] : numbers) {
    const auto* old = status.if_contains(name);
    if (number == 0 && name != numbers.front().first) {
      changed = changed || old != nullptr;
      if (old != nullptr) status.erase(name);
    } else if (old == nullptr || *old != json::value(number)) {
      status[name] = number;
      changed = true;
    }
  }
  return changed;
}

}  // namespace berth::agent
