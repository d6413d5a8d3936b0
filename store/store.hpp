// store/store.hpp - front door: where objects live. Memory, SQLite; etcd has its place here too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::store {

/// Orders all changes of one store. 0 is "before everything".
using Revision = std::uint64_t;

enum class ChangeType { Added, Modified, Deleted };

struct Change {
  ChangeType type = ChangeType::Added;
  model::ObjectPtr object;    ///< The new state; for Deleted the last state, with the deleting revision.
  model::ObjectPtr previous;  ///< The state before; null for Added.
  Revision revision = 0;
};

struct Listing {
  std::vector<model::ObjectPtr> objects;  ///< Sorted by namespace, then name.
  Revision revision = 0;                  ///< A watch from here misses nothing and repeats nothing.
};

/// What happened to one kind since a revision.
struct History {
  std::vector<Change> changes;  ///< Oldest first.
  Revision revision = 0;        ///< Every change of that kind up to here is in `changes`, or came before them.
};

/// How far a store is, and how far one kind is: between the two that kind did not change.
struct Progress {
  Revision revision = 0;
  Revision of_kind = 0;  ///< The last change of the kind; 0 when there was none since the store was opened.
};

/// Stops the watch when destroyed; its callback will not run afterwards.
class Watch {
 public:
  virtual ~Watch() = default;
};

/// The end of one write: the object as stored, with its new resourceVersion.
/// Runs once, on a thread of the store: post to your own loop, do not block.
using Done = std::function<void(Result<model::ObjectPtr>)>;

/// Objects by key, ordered by one revision counter.
///
/// Reads are from memory (the local cache for a remote backend), never block on I/O and may be made
/// on any thread. Writes may be made on any thread; they return at once and answer through `Done`.
/// A local backend shows a write to readers and watchers before `Done`; a remote one may show it after.
/// `Done` with success means: durable, where Durability::Durable was asked. Lazy writes (status,
/// events) become durable with the next durable one or within a second, and may be lost in a crash.
/// A write that the disk refuses is taken back by one more change (its error is ResourceExhausted), so
/// watchers end up with the truth; lazy ones stay in memory and are tried again.
///
/// Errors of writes: AlreadyExists (create), NotFound (update, remove), Aborted (the stored
/// resourceVersion is not `expected`: read again), ResourceExhausted (object over the size limit,
/// or the disk is full: the write did not happen), Unavailable (remote backend away).
class Store {
 public:
  virtual ~Store() = default;

  /// Null when there is none.
  virtual model::ObjectPtr get(const model::ObjectKey& key) const = 0;
  /// All objects of `kind`, in `ns` only unless that is empty.
  virtual Listing list(model::Kind kind, std::string_view ns = {}) const = 0;
  virtual Revision revision() const = 0;

  /// Fails with AlreadyExists when the key is taken. Fills metadata: uid (when empty),
  /// creationTimestamp, resourceVersion, generation 1.
  virtual void create(model::Object object, Durability durability, Done done) = 0;

  /// Replaces the object if its stored resourceVersion is `expected` (0: whatever it is).
  /// uid and creationTimestamp are kept; generation grows when anything outside metadata and status changed.
  /// A write that changes nothing succeeds, uses no revision and tells no watcher. Aborted too when the
  /// object has a uid and the stored one is another: it was removed and made again.
  virtual void update(model::Object object, Revision expected, Durability durability, Done done) = 0;

  /// Removes it if its stored resourceVersion is `expected` (0: whatever it is).
  virtual void remove(const model::ObjectKey& key, Revision expected, Durability durability, Done done) = 0;

  /// Calls `on_change` for every later change of `kind` (nullopt: any kind) after `from`, in order, on
  /// a thread of the store, without gaps. OutOfRange when `from` is older than the kept history (list again).
  virtual Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                               std::function<void(const Change&)> on_change) = 0;

  /// The changes of `kind` after `from` that are kept. OutOfRange as watch(): `from` is older than that, or newer than
  /// the store.
  virtual Result<History> history(model::Kind kind, Revision from) const = 0;
  virtual Progress progress(model::Kind kind) const = 0;

  /// Waits until everything written so far is durable. Blocks: for shutdown and tests.
  virtual Status flush() = 0;
};

struct StoreLimits {
  std::size_t object_bytes = 1536 * 1024;  ///< etcd's default request limit.
  std::size_t history = 10'000;            ///< Changes kept for watches that resume.
};

/// Nothing survives the process. For tests and as the behaviour that every backend is held to.
std::unique_ptr<Store> make_memory_store(const StoreLimits& limits = {});

/// One file, WAL mode, synced on durable writes (grouped). Errors: PermissionDenied, DataLoss (not a
/// database, or of a newer schema), Unavailable (another process holds it), ResourceExhausted.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, const StoreLimits& limits = {});

/// For callers that may block (tests, lanes): one write, awaited.
Result<model::ObjectPtr> create_and_wait(Store& store, model::Object object);
Result<model::ObjectPtr> update_and_wait(Store& store, model::Object object, Revision expected);
Status remove_and_wait(Store& store, const model::ObjectKey& key, Revision expected);

}  // namespace berth::store
