// model/deletion.cpp - see deletion.hpp.
#include "model/deletion.hpp"
#include "model/json_edit.hpp"

#include <algorithm>

namespace berth::model {
namespace {

constexpr std::int64_t kDefaultGrace = 30;

std::int64_t grace_in_spec(const json::object& raw) {
  const auto* spec = raw.if_contains("spec");
  const auto* grace =
      spec != nullptr && spec->is_object() ? spec->get_object().if_contains("terminationGracePeriodSeconds") : nullptr;
  return grace != nullptr && grace->is_int64() ? grace->get_int64() : kDefaultGrace;
}

}  // namespace

bool deletes_gracefully(Kind kind) { return info(kind).deletes_gracefully; }

bool is_bound_volume(const Object& object) {
  if (object.kind != Kind::PersistentVolume) return false;
  const auto* status = object_at(object.raw, "status");
  return status != nullptr && text_at(*status, "phase") == "Bound";
}

bool has_finalizer(const ObjectMeta& meta, std::string_view finalizer) {
  return std::find(meta.finalizers.begin(), meta.finalizers.end(), finalizer) != meta.finalizers.end();
}

bool add_finalizer(json::object& raw, std::string_view finalizer) {
  auto& list = object_in(raw, "metadata")["finalizers"];
  if (!list.is_array()) list.emplace_array();
  const json::value wanted(finalizer);
  auto& array = list.get_array();
  if (std::find(array.begin(), array.end(), wanted) != array.end()) return false;
  array.push_back(wanted);
  return true;
}

bool drop_finalizer(json::object& raw, std::string_view finalizer) {
  auto* metadata = raw.if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return false;
  auto* list = metadata->get_object().if_contains("finalizers");
  if (list == nullptr || !list->is_array()) return false;
  auto& array = list->get_array();
  const auto* found = std::find(array.begin(), array.end(), json::value(finalizer));
  if (found == array.end()) return false;
  array.erase(found);
  if (array.empty()) metadata->get_object().erase("finalizers");
  return true;
}

bool mark_deleted(Kind kind, json::object& raw, std::optional<std::int64_t> grace_seconds, WallTime now) {
  auto& meta = object_in(raw, "metadata");
  const auto marked = meta.contains("deletionTimestamp");
  if (kind != Kind::Pod) {
    if (marked) return false;
    meta["deletionTimestamp"] = format_rfc3339(now);
    meta["deletionGracePeriodSeconds"] = 0;
    if (kind == Kind::Namespace) {
      object_in(raw, "status")["phase"] = "Terminating";
    }
    return true;
  }
  const auto grace = std::max<std::int64_t>(grace_seconds.value_or(grace_in_spec(raw)), 0);
  if (marked) {
    const auto* before = meta.if_contains("deletionGracePeriodSeconds");
    if (before != nullptr && before->is_int64() && before->get_int64() <= grace) return false;
  }
  meta["deletionTimestamp"] = format_rfc3339(now + bounded_seconds(grace));
  meta["deletionGracePeriodSeconds"] = grace;
  return true;
}

void mark_disrupted(json::object& raw, std::string_view reason, std::string_view message, WallTime now) {
  auto& conditions = object_in(raw, "status")["conditions"];
  if (!conditions.is_array()) conditions.emplace_array();
  json::value said = json::object{{"type", "DisruptionTarget"}, {"status", "True"},
                                  {"lastProbeTime", nullptr},   {"lastTransitionTime", format_rfc3339(now)},
                                  {"reason", reason},           {"message", message}};
  for (auto& each : conditions.get_array()) {
    if (find_string(each, {"type"}) != "DisruptionTarget") continue;
    if (find_string(each, {"status"}) != "True") each = std::move(said);
    return;
  }
  conditions.get_array().push_back(std::move(said));
}

}  // namespace berth::model
