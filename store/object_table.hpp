// store/object_table.hpp - the objects that readers see: revision, history, watches; shared by the backends.
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
#include "store/kept_object.hpp"
#include "store/store.hpp"

namespace berth::store {

/// Shows changes that were decided elsewhere (see draft.hpp) and tells watchers from one thread, in order. Any thread;
/// its lock is held for look-ups and for putting pointers in place, never while JSON is read, written or compared.
class ObjectTable {
 public:
  using Names = std::map<std::pair<std::string, std::string>, KeptObject>;  ///< By namespace, name.
  using Objects = std::map<model::Kind, Names>;

  /// Watchers are told on `lane`, which must run one job at a time, in order; by default a thread of its own.
  explicit ObjectTable(const StoreLimits& limits, std::unique_ptr<Lane> lane = make_thread_lane("store", 1),
                       Held held = Held::Whole);
  /// Runs what was posted, then ends its thread.
  ~ObjectTable();
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  /// Fills an empty table at the start. Earlier revisions are out of range for watches.
  void load(std::vector<model::Object> objects, Revision revision);

  model::ObjectPtr get(const model::ObjectKey& key) const;
  Listing list(model::Kind kind, std::string_view ns) const;
  void visit(model::Kind kind, std::string_view ns, const std::function<void(const model::ObjectPtr&)>& see) const;
  std::size_t count(model::Kind kind) const;
  /// As they are held, for who needs them later or elsewhere: none is read.
  KeptObject kept(const model::ObjectKey& key) const;
  Objects all() const;
  Revision revision() const;

  /// Makes all changes visible at once. Their revisions grow and are above revision().
  void publish(const std::vector<Change>& changes);

  std::unique_ptr<Watch> follow(Scope scope, Follower follower);
  Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                       std::function<void(const Change&)> on_change);

  Result<History> history(model::Kind kind, Revision from) const;
  Progress progress(model::Kind kind) const;

  /// Tells followers that what they know grows old: for a backend whose connection was lost. replace() ends it.
  void lose();
  /// The connection is back and nothing was missed: followers get a snapshot, which ends lose() as well.
  void retell();
  /// Takes the place of everything: `all` is the whole store. Followers get a snapshot; those that only watch get the
  /// difference as changes, and the history begins anew.
  void replace(const Listing& all);
  /// The same, of what was added one by one, so that it need not all be there whole at once.
  void replace(Objects all, Revision revision);
  /// Puts `object` among those that will replace everything.
  void add_to(Objects& all, const model::ObjectPtr& object);

  /// Runs `job` on the watchers' lane, after all changes made so far have been told.
  void post(std::function<void()> job) { lane_->run(std::move(job)); }

 private:
  struct Watcher;
  class WatchHandle;
  using Watchers = std::vector<std::shared_ptr<Watcher>>;

  /// A Change, as it is kept.
  struct KeptChange {
    ChangeType type = ChangeType::Added;
    model::Kind kind = model::Kind::Pod;
    KeptObject object;
    KeptObject previous;
    Revision revision = 0;
  };

  /// The changes of one kind that are kept. Each kind has its own, so that Events push nobody else out.
  struct KindHistory {
    std::deque<KeptChange> changes;
    Revision start = 0;  ///< The newest change that was dropped: watches may resume from here on.
    Revision last = 0;   ///< The newest change.
  };

  /// What there is of one kind.
  struct KeptListing {
    std::vector<KeptObject> objects;
    Revision revision = 0;
  };

  KeptListing kept(model::Kind kind, std::string_view ns) const;
  Status can_resume(std::optional<model::Kind> kind, Revision from) const;
  std::vector<KeptChange> changes_after(std::optional<model::Kind> kind, Revision from) const;
  static Change whole(const KeptChange& change);
  /// Tells `watcher`, on the lane, all that there is.
  void tell_all(const std::shared_ptr<Watcher>& watcher);
  /// What leads from here to `next`.
  std::vector<KeptChange> difference(const Objects& next, Revision revision) const;
  static const KeptObject* find(const Objects& objects, const model::ObjectKey& key);
  KeptObject keep(const model::ObjectPtr& object);
  std::unique_ptr<Watch> add(std::shared_ptr<Watcher> watcher);
  void forget(const Watcher* watcher);

  const StoreLimits limits_;
  const Held held_;
  std::mutex packing_;  ///< Not taken while the other one is held.
  std::map<model::Kind, ObjectPacker> packers_;
  mutable std::mutex mutex_;
  Objects objects_;
  Revision revision_ = 0;
  Revision loaded_ = 0;  ///< Nothing before it is known.
  std::map<model::Kind, KindHistory> history_;
  std::shared_ptr<const Watchers> watchers_ = std::make_shared<Watchers>();  ///< Copied on change.
  std::shared_ptr<ObjectTable*> self_;  ///< Null inside once we are gone: handles may outlive us.
  std::unique_ptr<Lane> lane_;
};

}  // namespace berth::store
