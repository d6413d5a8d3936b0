// model/deletion.cpp - see deletion.hpp.
#include "model/deletion.hpp"

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

bool deletes_gracefully(Kind kind) { return kind == Kind::Pod || kind == Kind::StatefulSet || kind == Kind::DaemonSet; }

bool mark_deleted(Kind kind, json::object& raw, std::optional<std::int64_t> grace_seconds, WallTime now) {
  auto& metadata = raw["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  auto& meta = metadata.get_object();
  const auto marked = meta.contains("deletionTimestamp");
  if (kind != Kind::Pod) {
    if (!marked) meta["deletionTimestamp"] = format_rfc3339(now);
    return !marked;
  }
  const auto grace = std::max<std::int64_t>(grace_seconds.value_or(grace_in_spec(raw)), 0);
  if (marked) {
    const auto* before = meta.if_contains("deletionGracePeriodSeconds");
    if (before != nullptr && before->is_int64() && before->get_int64() <= grace) return false;
  }
  meta["deletionTimestamp"] = format_rfc3339(now + std::chrono::seconds(grace));
  meta["deletionGracePeriodSeconds"] = grace;
  return true;
}

}  // namespace berth::model
