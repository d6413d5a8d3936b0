// store/object_table.hpp - the objects in memory: revision, history, watches; shared by the backends.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/lane.hpp"
#include "store/store.hpp"

namespace berth::store {

/// A change that was made, and the object's JSON text (empty when it was removed).
struct Applied {
  Change change;
  std::string text;
  bool no_op = false;  ///< The write changed nothing: no revision was used, no watcher told.
};

/// Applies writes under one lock and tells watchers from one thread, in order. Any thread.
class ObjectTable {
 public:
  explicit ObjectTable(const StoreLimits& limits);
  /// Runs what was posted, then ends its thread.
  ~ObjectTable();
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  /// Fills an empty table at the start. Earlier revisions are out of range for watches.
  void load(std::vector<model::Object> objects, Revision revision);

  model::ObjectPtr get(const model::ObjectKey& key) const;
  Listing list(model::Kind kind, std::string_view ns) const;
  Revision revision() const;

  // As Store's writes; the change is in place, and on its way to watchers, when they return.
  Result<Applied> create(model::Object object);
  Result<Applied> update(model::Object object, Revision expected);
  Result<Applied> remove(const model::ObjectKey& key, Revision expected);

  /// Takes writes back: makes `key` be `state` again (null: absent), as one more change.
  void restore(const model::ObjectKey& key, const model::ObjectPtr& state);

  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change);

  Result<History> history(model::Kind kind, Revision from) const;
  Progress progress(model::Kind kind) const;

  /// Runs `job` on the watchers' thread, after all changes made so far have been told.
  void post(std::function<void()> job) { lane_->run(std::move(job)); }

 private:
  struct Watcher;
  class WatchHandle;
  using Names = std::map<std::pair<std::string, std::string>, model::ObjectPtr>;  ///< By namespace, name.
  using Watchers = std::vector<std::shared_ptr<Watcher>>;

  Status can_resume(Revision from) const;
  std::deque<Change>::const_iterator first_after(Revision from) const;
  const model::ObjectPtr* find(const model::ObjectKey& key) const;
  Result<std::string> text_of(const model::Object& object) const;
  Change publish(ChangeType type, model::ObjectPtr object, model::ObjectPtr previous);
  void tell(const Change& change, std::shared_ptr<const Watchers> watchers);
  void forget(const Watcher* watcher);

  const StoreLimits limits_;
  mutable std::mutex mutex_;
  std::map<model::Kind, Names> objects_;
  Revision revision_ = 0;
  Revision history_start_ = 0;  ///< Watches may resume from here.
  std::deque<Change> history_;
  std::map<model::Kind, Revision> last_change_;
  std::shared_ptr<const Watchers> watchers_ = std::make_shared<Watchers>();  ///< Copied on change.
  std::shared_ptr<ObjectTable*> self_;  ///< Null inside once we are gone: handles may outlive us.
  std::unique_ptr<Lane> lane_;
};

}  // namespace berth::store
