// api/tables/storage_rows.cpp - claims, volumes, classes, nodes and events as rows.
#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/encoding/field.hpp"
#include "api/tables/human_duration.hpp"
#include "model/node_facts.hpp"

namespace berth::api {

namespace {

std::string phase_or_terminating(const model::Object& object) {
  return object.meta.deleting() ? "Terminating" : std::string(text_at(object.raw, {"status", "phase"}));
}

/// The class, by the annotation of old too.
std::string_view storage_class_of(const model::Object& object) {
  const auto annotation = object.meta.annotations.find("volume.beta.kubernetes.io/storage-class");
  return annotation != object.meta.annotations.end() ? std::string_view(annotation->second)
                                                     : text_at(object.raw, {"spec", "storageClassName"});
}

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
  std::set<std::string_view> roles;
  for (const auto& [key, value] : node.meta.labels) {
    if (key.starts_with(kPrefix)) roles.insert(std::string_view(key).substr(kPrefix.size()));
    if (key == "kubernetes.io/role") roles.insert(value);
  }
  roles.erase("");
  return or_none(fmt::format("{}", fmt::join(roles, ",")));
}

std::string_view or_unknown(std::string_view text) { return text.empty() ? "<unknown>" : text; }

/// When an event happened first, last and how often. `kubectl events` and describe make "5s (x3 over 2m)" of them
/// themselves; here each has its column.
struct Occurrence {
  std::string first;
  std::string last;
  std::int64_t count = 1;
};

Occurrence occurrence(const json::object& event, WallTime now) {
  Occurrence out;
  const auto first = text_at(event, {"firstTimestamp"});
  out.first = age_since(first.empty() ? text_at(event, {"eventTime"}) : first, now);
  const auto last = text_at(event, {"lastTimestamp"});
  out.last = last.empty() ? out.first : age_since(last, now);
  out.count = std::max<std::int64_t>(number_at(event, {"count"}), 1);
  if (const auto* series = field(event, {"series"}); series != nullptr && series->is_object()) {
    out.last = age_since(text_at(event, {"series", "lastObservedTime"}), now);
    out.count = number_at(event, {"series", "count"});
  }
  return out;
}

std::string involved(const json::object& event) {
  std::string kind(text_at(event, {"involvedObject", "kind"}));
  for (auto& c : kind) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto name = text_at(event, {"involvedObject", "name"});
  return name.empty() ? kind : fmt::format("{}/{}", kind, name);
}

std::string event_source(const json::object& event) {
  auto component = text_at(event, {"source", "component"});
  if (component.empty()) component = text_at(event, {"reportingComponent"});
  auto host = text_at(event, {"source", "host"});
  if (host.empty()) host = text_at(event, {"reportingInstance"});
  return host.empty() ? std::string(component) : fmt::format("{}, {}", component, host);
}

}  // namespace

json::array claim_cells(const model::Object& claim, WallTime now) {
  const auto volume = text_at(claim.raw, {"spec", "volumeName"});
  const bool bound = !volume.empty();
  const auto capacity = text_at(claim.raw, {"status", "capacity", "storage"});
  return {claim.meta.name,
          phase_or_terminating(claim),
          volume,
          !bound             ? std::string_view{}
          : capacity.empty() ? "0"
                             : capacity,
          bound ? access_modes_text(array_at(claim.raw, {"status", "accessModes"})) : std::string{},
          storage_class_of(claim),
          unset_if_empty(text_at(claim.raw, {"spec", "volumeAttributesClassName"})),
          age_since(claim.meta.creation_timestamp, now),
          unset_if_empty(text_at(claim.raw, {"spec", "volumeMode"}))};
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
          storage_class_of(volume),
          unset_if_empty(text_at(volume.raw, {"spec", "volumeAttributesClassName"})),
          text_at(volume.raw, {"status", "reason"}),
          age_since(volume.meta.creation_timestamp, now),
          unset_if_empty(text_at(volume.raw, {"spec", "volumeMode"}))};
}

json::array storage_class_cells(const model::Object& storage_class, WallTime now) {
  const auto says_default = [&](const char* key) {
    const auto annotation = storage_class.meta.annotations.find(key);
    return annotation != storage_class.meta.annotations.end() && annotation->second == "true";
  };
  const bool is_default = says_default("storageclass.kubernetes.io/is-default-class") ||
                          says_default("storageclass.beta.kubernetes.io/is-default-class");
  const auto reclaim = text_at(storage_class.raw, {"reclaimPolicy"});
  const auto binding = text_at(storage_class.raw, {"volumeBindingMode"});
  return {storage_class.meta.name + (is_default ? " (default)" : ""),
          text_at(storage_class.raw, {"provisioner"}),
          reclaim.empty() ? "Delete" : reclaim,
          binding.empty() ? "Immediate" : binding,
          flag_at(storage_class.raw, {"allowVolumeExpansion"}) ? "true" : "false",
          age_since(storage_class.meta.creation_timestamp, now)};
}

json::array attachment_cells(const model::Object& attachment, WallTime now) {
  return {attachment.meta.name,
          text_at(attachment.raw, {"spec", "attacher"}),
          text_at(attachment.raw, {"spec", "source", "persistentVolumeName"}),
          text_at(attachment.raw, {"spec", "nodeName"}),
          flag_at(attachment.raw, {"status", "attached"}) ? "true" : "false",
          age_since(attachment.meta.creation_timestamp, now)};
}

json::array node_cells(const model::Object& node, WallTime now) {
  return {node.meta.name,
          node_status(node.raw),
          node_roles(node),
          age_since(node.meta.creation_timestamp, now),
          text_at(node.raw, {"status", "nodeInfo", "kubeletVersion"}),
          or_none(model::node_address(node.raw, "InternalIP")),
          or_none(model::node_address(node.raw, "ExternalIP")),
          or_unknown(text_at(node.raw, {"status", "nodeInfo", "osImage"})),
          or_unknown(text_at(node.raw, {"status", "nodeInfo", "kernelVersion"})),
          or_unknown(text_at(node.raw, {"status", "nodeInfo", "containerRuntimeVersion"}))};
}

json::array event_cells(const model::Object& event, WallTime now) {
  const auto message = text_at(event.raw, {"message"});
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto begin = std::min(message.find_first_not_of(kBlanks), message.size());
  const auto end = message.find_last_not_of(kBlanks) + 1;  // npos + 1 is 0
  const auto when = occurrence(event.raw, now);
  return {when.last,
          text_at(event.raw, {"type"}),
          text_at(event.raw, {"reason"}),
          involved(event.raw),
          text_at(event.raw, {"involvedObject", "fieldPath"}),
          event_source(event.raw),
          message.substr(begin, std::max(begin, end) - begin),
          when.first,
          when.count,
          event.meta.name};
}

}  // namespace berth::api
