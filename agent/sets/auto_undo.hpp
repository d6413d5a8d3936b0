// agent/sets/auto_undo.hpp - puts the template before back when a rollout does not get on: what asks for it, and what
// is written. Pure.
#pragma once

#include <string>
#include <string_view>

#include "agent/control/work.hpp"
#include "base/clock.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// "true": when a rollout has made no progress for the deadline, the template before is put back, once.
inline constexpr const char* kAutoUndo = "berth.io/auto-undo";
/// Which revision was put back: our own note. One that was is never undone in its turn, so that two templates that are
/// both bad do not take turns; a template that somebody writes afterwards is another matter.
inline constexpr const char* kUndoneTo = "berth.io/undone-to";
/// The condition that says so, for as long as that template stays.
inline constexpr const char* kUndoneCondition = "Undone";

/// What is put back, and why.
struct Undo {
  std::string to;  ///< Name of the revision, or of its ReplicaSet.
  json::object pod_template;
  std::string why;              ///< For the event and the condition.
  std::int64_t generation = 0;  ///< Of the set that this was decided for: what somebody wrote since stays.
};

bool wants_undo(const model::ObjectMeta& set);

/// Is the template of that revision there because it was put back?
bool was_put_back(const model::ObjectMeta& set, std::string_view revision);

json::object undone_condition(const Undo& undo, WallTime now);

/// Writes the template and the note. Refuse: the object is of another generation by now.
Edit put_back(const Undo& undo, json::object& raw);

}  // namespace berth::agent
