// agent/claims/claim_objects.cpp - see claim_objects.hpp.
#include "agent/claims/claim_objects.hpp"
#include "model/json_edit.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace berth::agent {
namespace {

json::object only_on(const std::string& node_name) {
  const json::value here = {
      {"key", "kubernetes.io/hostname"}, {"operator", "In"}, {"values", json::array{json::value(node_name)}}};
  const json::value term = {{"matchExpressions", json::array{here}}};
  return {{"required", {{"nodeSelectorTerms", json::array{term}}}}};
}

json::array array_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace

json::object claim_reference(const model::ObjectKey& claim, const std::string& uid) {
  return {{"kind", "PersistentVolumeClaim"},
          {"apiVersion", "v1"},
          {"namespace", claim.ns},
          {"name", claim.name},
          {"uid", uid}};
}

json::object make_provisioned_volume(const ProvisionAction& action, const volumes::Provisioned& made,
                                     const std::string& node_name, bool has_notes) {
  json::object parameters;
  for (const auto& [name, value] : action.parameters) parameters[name] = value;
  json::object annotations;
  annotations[kProvisionedBy] = action.provisioner;
  annotations[kParameters] = json::serialize(parameters);
  if (has_notes) annotations[kProvisionedOn] = node_name;
  json::object spec = {{"capacity", {{"storage", made.bytes > action.bytes ? size_text(made.bytes) : action.capacity}}},
                       {"accessModes", array_of(action.access_modes)},
                       {"persistentVolumeReclaimPolicy", action.reclaim_policy},
                       {"storageClassName", action.storage_class},
                       {"volumeMode", action.volume_mode},
                       {"claimRef", claim_reference(action.claim, action.claim_uid)}};
  if (!action.mount_options.empty()) spec["mountOptions"] = array_of(action.mount_options);
  auto source = model::encode_source(made.source);
  for (auto& member : source) spec[member.key()] = std::move(member.value());
  if (made.local) spec["nodeAffinity"] = only_on(node_name);
  return {{"apiVersion", "v1"},
          {"kind", "PersistentVolume"},
          {"metadata", {{"name", "pvc-" + action.claim_uid}, {"annotations", std::move(annotations)}}},
          {"spec", std::move(spec)},
          {"status", {{"phase", "Bound"}}}};
}

void set_claim_condition(json::object& claim, std::string_view type, std::string_view message, WallTime now) {
  json::object condition = {
      {"type", type}, {"status", "True"}, {"lastProbeTime", nullptr}, {"lastTransitionTime", format_rfc3339(now)}};
  if (!message.empty()) condition["message"] = message;
  json::array conditions;
  conditions.push_back(std::move(condition));
  model::object_in(claim, "status")["conditions"] = std::move(conditions);
}

void set_claim_capacity(json::object& claim, const std::string& capacity) {
  auto& status = model::object_in(claim, "status");
  status["capacity"] = {{"storage", capacity}};
  if (const auto at = status.find("conditions"); at != status.end()) status.stable_erase(at);
}

bool annotate(json::object& object, std::string_view name, std::string_view value) {
  auto& annotations = model::object_in(model::object_in(object, "metadata"), "annotations");
  auto& field = annotations[name];
  if (field.is_string() && view(field.get_string()) == value) return false;
  field = value;
  return true;
}

std::string size_text(std::int64_t bytes) {
  constexpr std::array<std::pair<std::int64_t, std::string_view>, 4> kUnits{
      {{1LL << 40, "Ti"}, {1LL << 30, "Gi"}, {1LL << 20, "Mi"}, {1LL << 10, "Ki"}}};
  for (const auto& [unit, suffix] : kUnits) {
    if (bytes >= unit && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, suffix);
  }
  return std::to_string(bytes);
}

}  // namespace berth::agent
