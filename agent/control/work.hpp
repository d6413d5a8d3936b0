// agent/control/work.hpp - what a plan asks for: writes, what is said of them, and work that takes long.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::agent {

/// An event to be.
struct EventText {
  model::ObjectKey about;
  std::string uid;
  std::string_view type;  ///< "Normal" or "Warning".
  std::string reason;
  std::string message;
};

/// What an edit makes of an object's JSON.
enum class Edit {
  Done,
  Leave,   ///< It is so already: nothing is written. In a group: and it must be so when the rest is written.
  Refuse,  ///< Not the object that the plan was made for: a lost race.
};

/// One write of a plan. All writes of a plan go out together, but for those marked `after`. They succeed and fail each
/// on its own, but for those of a group.
struct Write {
  enum class Verb {
    Create,
    Modify,
    MarkDeleted,    ///< Begins a graceful deletion.
    Delete,         ///< As the API does in the background: marks what the agent ends or a finalizer holds.
    Remove,         ///< At once.
    DropFinalizer,  ///< And what is being deleted with it, when it was the last.
  };
  Verb verb = Verb::Modify;
  model::ObjectKey key{};                     ///< For Create: what is said when it fails; the object decides.
  std::string uid{};                          ///< Only while the object has it; empty: whatever it is.
  json::object object{};                      ///< Create.
  std::function<Edit(json::object&)> edit{};  ///< Modify. May run more than once.
  std::string finalizer{};                    ///< DropFinalizer.
  Durability durability = Durability::Durable;
  bool may_exist = false;  ///< Create: AlreadyExists is as good as success.
  /// Writes (Create, Modify and Remove) that follow each other with the same number, other than 0, are one transaction:
  /// nobody ever sees one without the others. Not for what others may wish to see apart, such as the end of a holder of
  /// an identity and its successor; and one that cannot be made stops the others. When one of them is gone, the key is
  /// planned again.
  int group = 0;
  bool after = false;               ///< Not before everything that precedes it in the plan has succeeded; else never.
  std::optional<EventText> said{};  ///< When it succeeded.
  std::optional<EventText> refused{};  ///< When it failed; ": " and why are appended. Not of a lost race.
};

struct Work;
/// Ends an effect: on the loop, once. What it asks for is carried out as a part of the same plan.
using Answer = std::function<void(Work)>;

/// What a plan answers. Empty: nothing to do before something changes.
struct Work {
  std::vector<Write> writes;
  std::vector<EventText> events;                        ///< Said at once.
  std::vector<std::function<void(Answer)>> effects;     ///< Begun at once on the loop; must not block.
  std::optional<std::chrono::milliseconds> look_again;  ///< Nothing will tell that this time is over.
  std::optional<Error> failed;                          ///< Tried again, with patience by its class.
};

}  // namespace berth::agent
