// agent/sets/auto_undo.cpp - see auto_undo.hpp.
#include "agent/sets/auto_undo.hpp"

#include "model/json_edit.hpp"

namespace berth::agent {

bool wants_undo(const model::ObjectMeta& set) {
  const auto wish = set.annotations.find(kAutoUndo);
  return wish != set.annotations.end() && wish->second == "true";
}

bool was_put_back(const model::ObjectMeta& set, std::string_view revision) {
  const auto note = set.annotations.find(kUndoneTo);
  return note != set.annotations.end() && note->second == revision;
}

json::object undone_condition(const Undo& undo, WallTime now) {
  return {{"type", kUndoneCondition},
          {"status", "True"},
          {"lastTransitionTime", format_rfc3339(now)},
          {"reason", "ProgressDeadlineExceeded"},
          {"message", undo.why}};
}

Edit put_back(const Undo& undo, json::object& raw) {
  auto& meta = model::object_in(raw, "metadata");
  const auto* now = meta.if_contains("generation");
  if (now == nullptr || !now->is_number() || now->to_number<std::int64_t>() != undo.generation) return Edit::Refuse;
  model::object_in(meta, "annotations")[kUndoneTo] = undo.to;
  model::object_in(raw, "spec")["template"] = undo.pod_template;
  return Edit::Done;
}

}  // namespace berth::agent
