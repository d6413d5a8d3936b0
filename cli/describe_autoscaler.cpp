// cli/describe_autoscaler.cpp - how a HorizontalPodAutoscaler is described.
#include <cctype>

#include <fmt/format.h>

#include "cli/describe_page.hpp"
#include "cli/json_path.hpp"
#include "cli/server.hpp"

namespace berth::cli::page {

namespace {

/// What one metric is called, of `source` below the member that its type names.
std::string title(std::string_view type, const json::value& source, bool average) {
  const auto wanted = average ? "(target average value)" : "(target value)";
  const auto measure = text(source, {"metric", "name"});
  if (type == "External") return fmt::format("\"{}\" {}", measure, wanted);
  if (type == "Pods") return fmt::format("\"{}\" on pods", measure);
  if (type == "Object") {
    return fmt::format("\"{}\" on {}/{} {}", measure, text(source, {"describedObject", "kind"}),
                       text(source, {"describedObject", "name"}), wanted);
  }
  auto out = fmt::format("resource {}", text(source, {"name"}));
  if (type == "ContainerResource") out += fmt::format(" of container \"{}\"", text(source, {"container"}));
  return out + (average ? " on pods" : " on pods  (as a percentage of request)");
}

/// "12% (24m) / 50%"
std::string amounts(std::string_view type, const json::value& target, const json::value& current) {
  constexpr std::string_view kUnknown = "<unknown>";
  const auto average = text(target, {"averageValue"});
  if (type == "External" || type == "Pods" || type == "Object") {
    return average.empty()
               ? fmt::format("{} / {}", text(current, {"value"}, kUnknown), text(target, {"value"}, kUnknown))
               : fmt::format("{} / {}", text(current, {"averageValue"}, kUnknown), average);
  }
  if (!average.empty()) return fmt::format("{} / {}", text(current, {"averageValue"}, kUnknown), average);
  const auto percent = number_at(current, {"averageUtilization"}, -1);
  const auto now =
      percent < 0 ? std::string(kUnknown) : fmt::format("{}% ({})", percent, text(current, {"averageValue"}, kUnknown));
  return fmt::format("{} / {}%", now, number_at(target, {"averageUtilization"}, 0));
}

std::string member_of(std::string type) {
  if (!type.empty()) type[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(type[0])));
  return type;
}

json::value at(const json::value& from, Path path) {
  const auto* found = find(from, path);
  return found == nullptr ? json::value() : *found;
}

void metrics(std::string& out, const json::value& object) {
  out += "Metrics:\t( current / target )\n";
  const auto& statuses = list(object, {"status", "currentMetrics"});
  std::size_t number = 0;
  for (const auto& metric : list(object, {"spec", "metrics"})) {
    const auto type = text(metric, {"type"});
    const auto member = member_of(type);
    const auto target = at(metric, {member, "target"});
    const auto current = number < statuses.size() ? at(statuses[number], {member, "current"}) : json::value();
    out += fmt::format("  {}:\t{}\n", title(type, at(metric, {member}), !text(target, {"averageValue"}).empty()),
                       amounts(type, target, current));
    ++number;
  }
}

void direction(std::string& out, std::string_view name, const json::value& rules) {
  if (!rules.is_object()) return;
  out += fmt::format("  {}:\n", name);
  if (const auto window = number_at(rules, {"stabilizationWindowSeconds"}, -1); window >= 0) {
    out += fmt::format("    Stabilization Window: {} seconds\n", window);
  }
  const auto& policies = list(rules, {"policies"});
  if (policies.empty()) return;
  out += fmt::format("    Select Policy: {}\n    Policies:\n", text(rules, {"selectPolicy"}, "Max"));
  for (const auto& policy : policies) {
    out += fmt::format("      - Type: {}\tValue: {}\tPeriod: {} seconds\n", text(policy, {"type"}),
                       number_at(policy, {"value"}, 0), number_at(policy, {"periodSeconds"}, 0));
  }
}

}  // namespace

std::string autoscaler(const json::value& object, const Related& /*related*/) {
  std::string out;
  head(out, object, true);
  out += fmt::format("CreationTimestamp:\t{}\n", rfc1123_time(text(object, {"metadata", "creationTimestamp"})));
  const auto kind = text(object, {"spec", "scaleTargetRef", "kind"});
  out += fmt::format("Reference:\t{}/{}\n", kind, text(object, {"spec", "scaleTargetRef", "name"}));
  metrics(out, object);
  out += fmt::format("Min replicas:\t{}\n", number_at(object, {"spec", "minReplicas"}, 1));
  out += fmt::format("Max replicas:\t{}\n", number_at(object, {"spec", "maxReplicas"}, 0));
  if (const auto behavior = at(object, {"spec", "behavior"}); behavior.is_object()) {
    out += "Behavior:\n";
    direction(out, "Scale Up", at(behavior, {"scaleUp"}));
    direction(out, "Scale Down", at(behavior, {"scaleDown"}));
  }
  out += fmt::format("{} pods:\t{} current / {} desired\n", kind, number_at(object, {"status", "currentReplicas"}, 0),
                     number_at(object, {"status", "desiredReplicas"}, 0));
  const auto& conditions = list(object, {"status", "conditions"});
  if (conditions.empty()) return out;
  out += "Conditions:\n  Type\tStatus\tReason\tMessage\n  ----\t------\t------\t-------\n";
  for (const auto& one : conditions) {
    out += fmt::format("  {}\t{}\t{}\t{}\n", text(one, {"type"}), text(one, {"status"}), text(one, {"reason"}),
                       text(one, {"message"}));
  }
  return out;
}

}  // namespace berth::cli::page
