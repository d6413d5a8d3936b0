// agent/sets/rollout_progress.cpp - see rollout_progress.hpp.
#include "agent/sets/rollout_progress.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "model/json_edit.hpp"

namespace berth::agent {
namespace {

constexpr std::string_view kProgressing = "Progressing";
constexpr std::string_view kTimedOut = "ProgressDeadlineExceeded";

std::int64_t number_in(const json::object& status, std::string_view name) {
  const auto* value = status.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

json::object condition(bool good, std::string_view reason, std::string message, std::string_view since) {
  return {{"type", kProgressing},
          {"status", good ? "True" : "False"},
          {"lastTransitionTime", since},
          {"reason", reason},
          {"message", std::move(message)}};
}

}  // namespace

std::chrono::seconds progress_deadline(const model::ObjectMeta& set) {
  constexpr std::chrono::seconds kPreset{600};
  const auto found = set.annotations.find(kProgressDeadline);
  if (found == set.annotations.end()) return kPreset;
  const auto& text = found->second;
  std::int32_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || seconds < 1) return kPreset;
  return std::chrono::seconds(seconds);
}

RolloutProgress follow_rollout(const json::object& before, const RolloutCounts& counts, std::chrono::seconds deadline,
                               WallTime now) {
  RolloutProgress out;
  json::object last;
  if (const auto* stored = before.if_contains("conditions"); stored != nullptr && stored->is_array()) {
    for (const auto& each : stored->get_array()) {
      if (find_string(each, {"type"}) != kProgressing) {
        out.conditions.push_back(each);
      } else if (each.is_object()) {
        last = each.get_object();
      }
    }
  }
  const auto reason = model::text_at(last, "reason");
  const auto same_rollout = !last.empty() && model::text_at(before, "updateRevision") == counts.revision;
  const auto got_on = counts.updated > number_in(before, "updatedReplicas") ||
                      counts.available > number_in(before, "availableReplicas");
  const auto since = parse_rfc3339(model::text_at(last, "lastTransitionTime"));
  if (counts.complete) {
    const auto known = same_rollout && reason == "RolloutComplete";
    out.conditions.push_back(condition(true, "RolloutComplete",
                                       fmt::format("revision \"{}\" has successfully progressed.", counts.revision),
                                       known ? model::text_at(last, "lastTransitionTime") : format_rfc3339(now)));
    return out;
  }
  const auto goes_on = !same_rollout || got_on || !since || reason == "RolloutComplete";
  const auto over = !goes_on && now >= *since + deadline;
  if (!goes_on && reason == kTimedOut) {
    out.conditions.push_back(std::move(last));
  } else if (over) {
    out.failed_now = true;
    out.conditions.push_back(
        condition(false, kTimedOut,
                  fmt::format("revision \"{}\" has timed out progressing: {} of {} pods are updated, {} available.",
                              counts.revision, counts.updated, counts.wanted, counts.available),
                  format_rfc3339(now)));
  } else {
    const auto from = goes_on ? now : *since;
    out.conditions.push_back(condition(true, "RolloutProgressing",
                                       fmt::format("revision \"{}\" is progressing.", counts.revision),
                                       format_rfc3339(from)));
    // Times are whole seconds: one more, and it is over for certain.
    out.look_again = std::chrono::ceil<std::chrono::milliseconds>(from + deadline - now) + std::chrono::seconds(1);
  }
  return out;
}

}  // namespace berth::agent
