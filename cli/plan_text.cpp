// cli/plan_text.cpp - see plan_text.hpp.
#include "cli/plan_text.hpp"

#include <map>
#include <vector>

#include <fmt/format.h>

namespace berth::cli {
namespace {

/// "StatefulSet default/db"
std::string name_of(const json::value& entry) {
  const auto ns = find_string(entry, {"namespace"});
  return fmt::format("{} {}{}{}", find_string(entry, {"kind"}), ns, ns.empty() ? "" : "/",
                     find_string(entry, {"name"}));
}

const json::array& list_in(const json::value& answer, std::string_view name) {
  static const json::array kNone;
  const auto* list = find(answer, {name});
  return list != nullptr && list->is_array() ? list->get_array() : kNone;
}

}  // namespace

PlanText plan_text(const json::value& answer) {
  PlanText out;
  for (const auto& object : list_in(answer, "objects")) {
    const auto result = find_string(object, {"result"});
    if (result == "refuse") {
      out.refused += fmt::format("error: {} would be refused: {}\n", name_of(object), find_string(object, {"message"}));
    } else {
      out.shown += fmt::format("{:<10}{}\n", result, name_of(object));
    }
  }
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string_view>> steps;
  for (const auto& step : list_in(answer, "steps")) {
    auto& of = steps[name_of(step)];
    if (of.empty()) order.push_back(name_of(step));
    of.push_back(find_string(step, {"step"}));
  }
  for (const auto& workload : order) {
    out.shown += fmt::format("\n{}\n", workload);
    int number = 0;
    for (const auto& step : steps[workload]) out.shown += fmt::format("{:>4}. {}\n", ++number, step);
  }
  return out;
}

}  // namespace berth::cli
