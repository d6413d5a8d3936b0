// model/convert_autoscaler.cpp - autoscaling/v1 and v2beta1, whose metrics were flat; v1 keeps what it has no field for
// in annotations.
#include <array>
#include <string>

#include "model/autoscaling.hpp"
#include "model/json_edit.hpp"

namespace berth::model {
namespace {

constexpr std::string_view kMetrics = "autoscaling.alpha.kubernetes.io/metrics";
constexpr std::string_view kCurrentMetrics = "autoscaling.alpha.kubernetes.io/current-metrics";
constexpr std::string_view kConditions = "autoscaling.alpha.kubernetes.io/conditions";
constexpr std::string_view kBehavior = "autoscaling.alpha.kubernetes.io/behavior";

/// How one source of metrics was written; empty: it has none of it. `{}` stands for "target" or "current".
struct FlatSource {
  std::string_view member;    ///< "resource"
  std::string_view measure;   ///< metric.name
  std::string_view selector;  ///< metric.selector
  std::string_view object;    ///< describedObject
  std::string_view percent;   ///< averageUtilization
  std::string_view value;
  std::string_view average;  ///< averageValue
};
constexpr std::array<FlatSource, 5> kSources{{
    {"resource", "", "", "", "{}AverageUtilization", "", "{}AverageValue"},
    {"containerResource", "", "", "", "{}AverageUtilization", "", "{}AverageValue"},
    {"pods", "metricName", "selector", "", "", "", "{}AverageValue"},
    {"object", "metricName", "selector", "target", "", "{}Value", "averageValue"},
    {"external", "metricName", "metricSelector", "", "", "{}Value", "{}AverageValue"},
}};

std::string named(std::string_view pattern, std::string_view prefix) {
  return pattern.starts_with("{}") ? std::string(prefix) + std::string(pattern.substr(2)) : std::string(pattern);
}

void move_member(json::object& from, std::string_view name, json::object& to, std::string_view new_name) {
  if (name.empty() || new_name.empty()) return;
  const auto at = from.find(name);
  if (at == from.end()) return;
  if (!at->value().is_null()) to[new_name] = std::move(at->value());
  from.stable_erase(at);
}

/// {name: cpu, targetAverageUtilization: 50} → {name: cpu, target: {type: Utilization, averageUtilization: 50}}.
/// `prefix`: "target", or "current" of what is observed, which has no type.
void unflatten(json::object& source, const FlatSource& flat, std::string_view prefix) {
  json::object amounts;
  move_member(source, named(flat.percent, prefix), amounts, "averageUtilization");
  move_member(source, named(flat.average, prefix), amounts, "averageValue");
  move_member(source, named(flat.value, prefix), amounts, "value");
  if (!flat.object.empty()) {
    // An old value of nothing stands beside an average.
    if (amounts.contains("averageValue")) erase(amounts, "value");
    move_member(source, flat.object, source, "describedObject");
  }
  json::object measure;
  move_member(source, flat.measure, measure, "name");
  move_member(source, flat.selector, measure, "selector");
  if (!measure.empty()) source["metric"] = std::move(measure);
  if (amounts.empty()) return;
  if (prefix == "target") {
    amounts["type"] = amounts.contains("averageUtilization") ? "Utilization"
                      : amounts.contains("value")            ? "Value"
                                                             : "AverageValue";
  }
  source[prefix] = std::move(amounts);
}

void flatten(json::object& source, const FlatSource& flat, std::string_view prefix) {
  json::object amounts;
  if (const auto* there = object_at(source, prefix)) amounts = *there;
  json::object measure;
  if (const auto* there = object_at(source, "metric")) measure = *there;
  erase(source, prefix);
  erase(source, "metric");
  if (!flat.object.empty()) move_member(source, "describedObject", source, flat.object);
  move_member(measure, "name", source, flat.measure);
  move_member(measure, "selector", source, flat.selector);
  move_member(amounts, "averageUtilization", source, named(flat.percent, prefix));
  move_member(amounts, "averageValue", source, named(flat.average, prefix));
  move_member(amounts, "value", source, named(flat.value, prefix));
  if (!flat.object.empty()) set_default(source, named(flat.value, prefix), "0");  // it had to be there
}

void each_source(json::object& holder, std::string_view list, std::string_view prefix,
                 void (*change)(json::object&, const FlatSource&, std::string_view)) {
  each_object(holder, list, [&](json::object& metric) {
    for (const auto& flat : kSources) {
      if (auto* source = object_at(metric, flat.member)) change(*source, flat, prefix);
    }
  });
}

/// The keys of Go's structs without tags: {"ScaleUp": {"Policies": ...}}.
json::value recased(const json::value& value, char from, char to) {
  if (const auto* list = value.if_array()) {
    json::array out;
    for (const auto& item : *list) out.push_back(recased(item, from, to));
    return out;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return value;
  json::object out;
  for (const auto& entry : *object) {
    std::string key(key_of(entry));
    if (!key.empty() && key[0] >= from && key[0] <= from + ('z' - 'a')) key[0] = static_cast<char>(key[0] - from + to);
    if (!entry.value().is_null()) out[key] = recased(entry.value(), from, to);
  }
  return out;
}

/// The value that an annotation holds; null when there is none, or no JSON.
json::value annotated(const json::object& raw, std::string_view name) {
  const auto* metadata = object_at(raw, "metadata");
  const auto* annotations = metadata == nullptr ? nullptr : object_at(*metadata, "annotations");
  if (annotations == nullptr) return {};
  auto parsed = parse_json(text_at(*annotations, name));
  return parsed ? *std::move(parsed) : json::value();
}

/// Last: what is added to `raw` may move its other parts.
void annotate(json::object& raw, const json::object& notes) {
  if (notes.empty()) return;
  auto& annotations = object_in(object_in(raw, "metadata"), "annotations");
  for (const auto& [name, value] : notes) annotations[name] = json::serialize(value);
}

void drop_annotations(json::object& raw) {
  auto* metadata = object_at(raw, "metadata");
  auto* annotations = metadata == nullptr ? nullptr : object_at(*metadata, "annotations");
  if (annotations == nullptr) return;
  const auto before = annotations->size();
  for (const auto name : {kMetrics, kCurrentMetrics, kConditions, kBehavior}) erase(*annotations, name);
  if (annotations->empty() && before > 0) erase(*metadata, "annotations");
}

void behavior_from_annotation(json::object& raw, json::object& spec) {
  const auto behavior = annotated(raw, kBehavior);
  if (behavior.is_object()) set_default(spec, "behavior", recased(behavior, 'A', 'a'));
}

void behavior_to_annotation(json::object& notes, json::object& spec) {
  const auto* behavior = object_at(spec, "behavior");
  if (behavior != nullptr) notes[kBehavior] = recased(*behavior, 'a', 'A');
  erase(spec, "behavior");
}

bool is_cpu_percent(const json::value& metric, std::string_view amounts) {
  const auto* object = metric.if_object();
  const auto* resource = object == nullptr ? nullptr : object_at(*object, "resource");
  const auto* target = resource == nullptr ? nullptr : object_at(*resource, amounts);
  return target != nullptr && text_at(*resource, "name") == "cpu" && target->contains("averageUtilization");
}

/// Of the list at `list`: the percentage of the first metric of CPU goes to `field`, the others to the annotation.
void split_metrics(json::object& notes, json::object& holder, std::string_view list, std::string_view amounts,
                   std::string_view field, std::string_view annotation) {
  const auto at = holder.find(list);
  if (at == holder.end()) return;
  const auto metrics = std::move(at->value());
  erase(holder, list);
  json::array others;
  if (const auto* all = metrics.if_array()) {
    for (const auto& metric : *all) {
      if (!holder.contains(field) && is_cpu_percent(metric, amounts)) {
        holder[field] = metric.at("resource").at(amounts).at("averageUtilization");
      } else {
        others.push_back(metric);
      }
    }
  }
  if (others.empty()) return;
  json::object kept{{"list", std::move(others)}};
  each_source(kept, "list", amounts, flatten);
  notes[annotation] = std::move(kept.at("list"));
}

}  // namespace

void autoscaler_v2beta1_to_current(json::object& raw) {
  if (auto* spec = object_at(raw, "spec")) {
    each_source(*spec, "metrics", "target", unflatten);
    behavior_from_annotation(raw, *spec);
  }
  if (auto* status = object_at(raw, "status")) each_source(*status, "currentMetrics", "current", unflatten);
  drop_annotations(raw);
}

void autoscaler_v2beta1_from_current(json::object& raw) {
  json::object notes;
  if (auto* spec = object_at(raw, "spec")) {
    each_source(*spec, "metrics", "target", flatten);
    behavior_to_annotation(notes, *spec);
  }
  if (auto* status = object_at(raw, "status")) each_source(*status, "currentMetrics", "current", flatten);
  annotate(raw, notes);
}

void autoscaler_v1_to_current(json::object& raw) {
  if (auto* spec = object_at(raw, "spec")) {
    behavior_from_annotation(raw, *spec);
    json::object kept{{"metrics", annotated(raw, kMetrics)}};
    each_source(kept, "metrics", "target", unflatten);
    if (const auto at = spec->find("targetCPUUtilizationPercentage"); at != spec->end()) {
      auto percent = std::move(at->value());
      spec->stable_erase(at);
      if (percent.is_null()) {
        (*spec)["metrics"] = nullptr;
      } else {
        if (!kept["metrics"].is_array()) kept["metrics"].emplace_array();
        kept["metrics"].get_array().push_back(json::object{
            {"type", "Resource"},
            {"resource",
             json::object{{"name", "cpu"},
                          {"target", json::object{{"type", "Utilization"}, {"averageUtilization", percent}}}}}});
      }
    }
    if (kept["metrics"].is_array()) (*spec)["metrics"] = std::move(kept["metrics"]);
  }
  if (auto* status = object_at(raw, "status")) erase(*status, "currentCPUUtilizationPercentage");
  drop_annotations(raw);
}

void autoscaler_v1_from_current(json::object& raw) {
  json::object notes;
  if (auto* spec = object_at(raw, "spec")) {
    split_metrics(notes, *spec, "metrics", "target", "targetCPUUtilizationPercentage", kMetrics);
    behavior_to_annotation(notes, *spec);
  }
  if (auto* status = object_at(raw, "status")) {
    split_metrics(notes, *status, "currentMetrics", "current", "currentCPUUtilizationPercentage", kCurrentMetrics);
    if (const auto at = status->find("conditions"); at != status->end()) {
      notes[kConditions] = std::move(at->value());
      erase(*status, "conditions");
    }
  }
  annotate(raw, notes);
}

}  // namespace berth::model
