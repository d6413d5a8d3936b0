// api/tables/scaling_rows.cpp - autoscalers as rows.
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/tables/human_duration.hpp"

namespace berth::api {
namespace {

constexpr std::string_view kUnknown = "<unknown>";

std::string text_or(std::string_view text, std::string_view otherwise) {
  return std::string(text.empty() ? otherwise : text);
}

/// "5%" of averageUtilization, else averageValue, else value.
std::string amount_text(const json::object& amounts, std::string_view otherwise) {
  if (field(amounts, {"averageUtilization"}) != nullptr) {
    return fmt::format("{}%", number_at(amounts, {"averageUtilization"}));
  }
  const auto average = text_at(amounts, {"averageValue"});
  return text_or(average.empty() ? text_at(amounts, {"value"}) : average, otherwise);
}

const json::object& object_in(const json::object& from, std::initializer_list<std::string_view> path) {
  static const json::object kNone;
  const auto* found = field(from, path);
  return found == nullptr || !found->is_object() ? kNone : found->get_object();
}

/// "cpu: 5%/50%", as Kubernetes' printer has it.
std::string target_text(const json::object& metric, const json::object& status) {
  struct Source {
    std::string_view type;
    std::string_view member;
  };
  static constexpr std::array<Source, 5> kSources{{{"Resource", "resource"},
                                                   {"ContainerResource", "containerResource"},
                                                   {"Pods", "pods"},
                                                   {"Object", "object"},
                                                   {"External", "external"}}};
  const auto type = text_at(metric, {"type"});
  for (const auto& source : kSources) {
    if (source.type != type) continue;
    const auto& target = object_in(metric, {source.member, "target"});
    auto current = object_in(status, {source.member, "current"});
    // What is shown is measured as the target is said.
    if (field(target, {"averageUtilization"}) == nullptr) current.erase("averageUtilization");
    auto out = fmt::format("{}/{}", amount_text(current, kUnknown), amount_text(target, "<auto>"));
    const bool whole = type == "Resource" || type == "ContainerResource";
    if (whole) return fmt::format("{}: {}", text_at(metric, {source.member, "name"}), out);
    if (type != "Pods" && field(target, {"averageValue"}) != nullptr) out += " (avg)";
    return out;
  }
  return "<unknown type>";
}

std::string targets_text(const json::object& raw) {
  const auto& metrics = array_at(raw, {"spec", "metrics"});
  if (metrics.empty()) return "<none>";
  const auto& statuses = array_at(raw, {"status", "currentMetrics"});
  constexpr std::size_t kShown = 2;
  static const json::object kNone;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < metrics.size() && i < kShown; ++i) {
    if (!metrics[i].is_object()) continue;
    const bool known = i < statuses.size() && statuses[i].is_object();
    shown.push_back(target_text(metrics[i].get_object(), known ? statuses[i].get_object() : kNone));
  }
  auto out = fmt::format("{}", fmt::join(shown, ", "));
  if (metrics.size() > kShown) out += fmt::format(" + {} more...", metrics.size() - kShown);
  return out;
}

}  // namespace

json::array autoscaler_cells(const model::Object& autoscaler, WallTime now) {
  const auto& raw = autoscaler.raw;
  const auto* minimum = field(raw, {"spec", "minReplicas"});
  return {autoscaler.meta.name,
          fmt::format("{}/{}", text_at(raw, {"spec", "scaleTargetRef", "kind"}),
                      text_at(raw, {"spec", "scaleTargetRef", "name"})),
          targets_text(raw),
          minimum == nullptr ? std::string("<unset>") : std::to_string(number_at(raw, {"spec", "minReplicas"})),
          fmt::format("{}", number_at(raw, {"spec", "maxReplicas"})),
          number_at(raw, {"status", "currentReplicas"}),
          age_since(autoscaler.meta.creation_timestamp, now)};
}

}  // namespace berth::api
