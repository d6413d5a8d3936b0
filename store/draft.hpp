// store/draft.hpp - transactions judged and worked out on top of what is visible, before anybody sees them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/admission.hpp"
#include "store/object_table.hpp"

namespace berth::store {

/// One write, worked out: the change, and the object's JSON text (empty when it was removed).
struct Staged {
  Change change;
  std::string text;
  bool no_op = false;  ///< It changes nothing: no revision is used, no watcher told.
};

/// Shows what was staged; the object of each write, as Committed wants them.
std::vector<model::ObjectPtr> publish(ObjectTable& table, const std::vector<Staged>& staged);

/// Rows that this version cannot read: key and why.
using Unreadable = std::map<model::ObjectKey, std::string>;

/// What admission looked at besides the objects of the transaction: a backend that others write to has to make sure
/// that it is still so.
struct Reads {
  std::set<model::ObjectKey> keys;
  std::set<std::pair<model::Kind, std::string>> lists;  ///< Kind, and namespace or empty.
};

/// What its transactions are judged by. All outlive it.
struct DraftRules {
  const StoreLimits& limits;
  const Clock& clock;
  const Unreadable& unreadable;
  Reads* reads = nullptr;  ///< Where what was looked at is noted; null: nobody asks.
};

/// A run of transactions in order, each judged against the table as the ones before it would leave it. Nobody else may
/// publish to the table meanwhile. Dropping the draft drops them all.
class Draft : private model::Stored {
 public:
  Draft(const ObjectTable& table, DraftRules rules) : table_(table), rules_(rules), revision_(table.revision()) {}

  /// The writes of `txn` worked out, or why it does not happen; then the draft is as before.
  Result<std::vector<Staged>> stage(Txn txn);

  /// The revision after all that was staged.
  Revision revision() const { return revision_; }

 private:
  using States = std::map<model::ObjectKey, model::ObjectPtr>;  ///< Null: removed.

  // Of the transaction that is worked out.
  model::ObjectPtr get(const model::ObjectKey& key) const override;
  std::vector<model::ObjectPtr> list(model::Kind kind, std::string_view ns) const override;

  model::ObjectPtr find(const model::ObjectKey& key, const States& newer) const;
  Status judge(const Txn& txn) const;
  Result<Staged> put(model::Object object, model::ObjectPtr old, Revision revision) const;
  Result<std::string> text_of(const model::Object& object) const;

  const ObjectTable& table_;
  const DraftRules rules_;
  States states_;
  States newer_;  ///< Of the transaction that is worked out.
  Revision revision_;
};

}  // namespace berth::store
