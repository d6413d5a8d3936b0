// api/tables/storage_rows.cpp - claims, volumes, classes, nodes and events as rows.
#include <fmt/format.h>

#include "api/human_duration.hpp"
#include "api/tables/field.hpp"

namespace berth::api {

namespace {

std::string phase_or_terminating(const model::Object& object) {
  return object.meta.deleting() ? "Terminating" : std::string(text_at(object.raw, {"status", "phase"}));
}

std::string_view default_filesystem(std::string_view mode) { return mode.empty() ? "Filesystem" : mode; }

std::string_view unset_if_empty(std::string_view text) { return text.empty() ? "<unset>" : text; }

std::string node_status(const json::object& node) {
  std::string out = "Unknown";
  for (const auto& condition : array_at(node, {"status", "conditions"})) {
    if (!condition.is_object()) continue;
    const auto& entry = condition.get_object();
    if (text_at(entry, {"type"}) != "Ready") continue;
    out = text_at(entry, {"status"}) == "True" ? "Ready" : "NotReady";
  }
  if (flag_at(node, {"spec", "unschedulable"})) out += ",SchedulingDisabled";
  return out;
}

std::string node_roles(const model::Object& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::string out;
  const auto add = [&](std::string_view role) {
    if (role.empty()) return;
    if (!out.empty()) out += ',';
    out += role;
  };
  for (const auto& [key, value] : node.meta.labels) {
    if (key.starts_with(kPrefix)) add(std::string_view(key).substr(kPrefix.size()));
    if (key == "kubernetes.io/role") add(value);
  }
  return or_none(out);
}

std::string node_address(const json::object& node, std::string_view type) {
  for (const auto& address : array_at(node, {"status", "addresses"})) {
    if (!address.is_object()) continue;
    const auto& entry = address.get_object();
    if (text_at(entry, {"type"}) == type) return std::string(text_at(entry, {"address"}));
  }
  return "<none>";
}

std::string_view or_unknown(std::string_view text) { return text.empty() ? "<unknown>" : text; }

/// "3s", or "3s (x12 over 5m)" for an event that happened often.
std::string last_seen(const json::object& event, WallTime now) {
  const auto count = number_at(event, {"count"});
  const auto first = text_at(event, {"firstTimestamp"});
  const auto last = text_at(event, {"lastTimestamp"});
  const auto once = last.empty() ? text_at(event, {"eventTime"}) : last;
  const auto fallback = once.empty() ? text_at(event, {"metadata", "creationTimestamp"}) : once;
  const auto seen = age_since(fallback, now);
  return count > 1 && !first.empty() ? fmt::format("{} (x{} over {})", seen, count, age_since(first, now)) : seen;
}

std::string involved(const json::object& event) {
  std::string kind(text_at(event, {"involvedObject", "kind"}));
  for (auto& c : kind) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return fmt::format("{}/{}", kind, text_at(event, {"involvedObject", "name"}));
}

std::string event_source(const json::object& event) {
  const auto component = text_at(event, {"source", "component"});
  const auto host = text_at(event, {"source", "host"});
  return host.empty() ? std::string(component) : fmt::format("{}, {}", component, host);
}

}  // namespace

json::array claim_cells(const model::Object& claim, WallTime now) {
  const auto volume = text_at(claim.raw, {"spec", "volumeName"});
  const bool bound = !volume.empty();
  return {claim.meta.name,
          phase_or_terminating(claim),
          volume,
          bound ? text_at(claim.raw, {"status", "capacity", "storage"}) : std::string_view{},
          bound ? access_modes_text(array_at(claim.raw, {"status", "accessModes"})) : std::string{},
          text_at(claim.raw, {"spec", "storageClassName"}),
          unset_if_empty(text_at(claim.raw, {"spec", "volumeAttributesClassName"})),
          age_since(claim.meta.creation_timestamp, now),
          default_filesystem(text_at(claim.raw, {"spec", "volumeMode"}))};
}

json::array volume_cells(const model::Object& volume, WallTime now) {
  const auto claim = text_at(volume.raw, {"spec", "claimRef", "name"});
  return {volume.meta.name,
          text_at(volume.raw, {"spec", "capacity", "storage"}),
          access_modes_text(array_at(volume.raw, {"spec", "accessModes"})),
          text_at(volume.raw, {"spec", "persistentVolumeReclaimPolicy"}),
          phase_or_terminating(volume),
          claim.empty() ? std::string{}
                        : fmt::format("{}/{}", text_at(volume.raw, {"spec", "claimRef", "namespace"}), claim),
          text_at(volume.raw, {"spec", "storageClassName"}),
          unset_if_empty(text_at(volume.raw, {"spec", "volumeAttributesClassName"})),
          text_at(volume.raw, {"status", "reason"}),
          age_since(volume.meta.creation_timestamp, now),
          default_filesystem(text_at(volume.raw, {"spec", "volumeMode"}))};
}

json::array storage_class_cells(const model::Object& storage_class, WallTime now) {
  const auto annotation = storage_class.meta.annotations.find("storageclass.kubernetes.io/is-default-class");
  const bool is_default = annotation != storage_class.meta.annotations.end() && annotation->second == "true";
  const auto reclaim = text_at(storage_class.raw, {"reclaimPolicy"});
  const auto binding = text_at(storage_class.raw, {"volumeBindingMode"});
  return {storage_class.meta.name + (is_default ? " (default)" : ""),
          text_at(storage_class.raw, {"provisioner"}),
          reclaim.empty() ? "Delete" : reclaim,
          binding.empty() ? "Immediate" : binding,
          flag_at(storage_class.raw, {"allowVolumeExpansion"}) ? "true" : "false",
          age_since(storage_class.meta.creation_timestamp, now)};
}

json::array node_cells(const model::Object& node, WallTime now) {
  return {node.meta.name,
          node_status(node.raw),
          node_roles(node),
          age_since(node.meta.creation_timestamp, now),
          text_at(node.raw, {"status", "nodeInfo", "kubeletVersion"}),
          node_address(node.raw, "InternalIP"),
          node_address(node.raw, "ExternalIP"),
          or_unknown(text_at(node.raw, {"status", "nodeInfo", "osImage"})),
          or_unknown(text_at(node.raw, {"status", "nodeInfo", "kernelVersion"})),
          or_unknown(text_at(node.raw, {"status", "nodeInfo", "containerRuntimeVersion"}))};
}

json::array event_cells(const model::Object& event, WallTime now) {
  auto message = std::string(text_at(event.raw, {"message"}));
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
  const auto first = text_at(event.raw, {"firstTimestamp"});
  const auto count = number_at(event.raw, {"count"});
  return {last_seen(event.raw, now),
          text_at(event.raw, {"type"}),
          text_at(event.raw, {"reason"}),
          involved(event.raw),
          text_at(event.raw, {"involvedObject", "fieldPath"}),
          event_source(event.raw),
          message,
          age_since(first.empty() ? std::string_view(event.meta.creation_timestamp) : first, now),
          count == 0 ? 1 : count,
          event.meta.name};
}

}  // namespace berth::api
