// store/store.hpp - front door: where objects live. Memory and SQLite here, etcd in etcd/etcd_store.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/admission.hpp"
#include "model/meta.hpp"
#include "store/session.hpp"
#include "store/txn.hpp"

namespace berth::store {

enum class ChangeType { Added, Modified, Deleted };

struct Change {
  ChangeType type = ChangeType::Added;
  model::ObjectPtr object;    ///< The new state; for Deleted the last state, with the deleting revision.
  model::ObjectPtr previous;  ///< The state before; null for Added.
  Revision revision = 0;
};

struct Listing {
  std::vector<model::ObjectPtr> objects;  ///< Sorted by kind, namespace, name.
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

/// Stops the watch when destroyed; its callbacks will not run afterwards.
class Watch {
 public:
  virtual ~Watch() = default;
};

/// Which objects a follower wants to know of.
struct Scope {
  std::optional<model::Kind> kind;  ///< None: every kind.
  std::string ns;                   ///< Empty: every namespace.
  std::string node;  ///< Only pods bound to this node (spec.nodeName); other kinds are all in. Empty: all.
};

/// Who follows a scope. All are called on one thread of the store, in order; post to your own loop, do not block.
struct Follower {
  /// Everything in scope. What is not in it is not there: only now may "I do not know it" be read as "it is gone".
  /// Comes first, and again after each on_lost: it replaces all that was known.
  std::function<void(const Listing&)> on_snapshot;
  /// Takes the objects of a snapshot before on_snapshot is called, whose Listing has none then: each is read when the
  /// one before was taken, so that where they are held packed one is whole at a time. May be empty.
  std::function<void(const model::ObjectPtr&)> on_object{};
  /// Every later change, without gaps. What moves into the scope is Added, what leaves it is Deleted.
  std::function<void(const Change&)> on_change;
  /// The connection or the history was lost: what is known grows old, and a snapshot follows. May be empty.
  std::function<void()> on_lost;
};

/// The end of one write: the object as stored, with its new resourceVersion.
/// Runs once, on a thread of the store: post to your own loop, do not block.
using Done = std::function<void(Result<model::ObjectPtr>)>;

/// The end of one transaction: for each write, in order, the object as stored (a removed one: its last state).
using Committed = std::function<void(Result<std::vector<model::ObjectPtr>>)>;

/// Which store this is: what runs on a host is known to be of a store by it.
struct Identity {
  std::string id;    ///< A UUID, made with the store. A copy that is put back gets a new one.
  std::string node;  ///< The node that it was made for; empty when nobody said.
  /// More at each opening (of an etcd: its revision then, as who opens it takes a session, too); an older state that is
  /// put back has had less. 0: nothing was heard of the etcd yet, and all that can be read is from a copy; what is read
  /// when it is more is the etcd's own. It never becomes 0 again.
  std::uint64_t opened = 0;
  bool made_now = false;  ///< There was none before.
  bool restored = false;  ///< It was put back from a copy, and this is its first start.
};

/// Something of the store that needs a person.
struct StoreProblem {
  std::string what;    ///< "Pod default/web-0", or the file.
  std::string reason;  ///< One sentence, with what to do.
  std::string kind;    ///< Of a row: the kind's name as it is stored; else empty.
  std::string ns;
  std::string name;
  bool operator==(const StoreProblem&) const = default;
};

/// Objects by key, ordered by one revision counter.
///
/// Reads are from memory (the local cache for a remote backend), never block on I/O and may be made
/// on any thread. Writes may be made on any thread; they return at once and answer through `Done`.
///
/// A durable write is seen by readers and watchers only when it is durable, and then everywhere before its `Done`. One
/// that fails was never seen by anybody. Lazy writes (status, events) are seen as soon as all earlier writes are; they
/// become durable with the next durable one or within a second, and may be lost in a crash. All writes happen in one
/// order, that of their revisions, and are judged against the writes before them, seen or not: so a write that lost to
/// another is answered when that other one can be read.
///
/// Errors of writes: AlreadyExists (to be absent, and is not), NotFound (to be there, and is not), Aborted (it is
/// at another revision, or another object by now: read again), OutOfRange (the object is over the size limit),
/// InvalidArgument (what cannot be stored for another reason: it has no name), PermissionDenied (what else is stored
/// forbids it: model::admit_new), ResourceExhausted (the disk refuses),
/// FailedPrecondition (a row is stored under the key that this version cannot read, see problems(); it is not
/// overwritten), Unavailable (remote backend away, or too many writes wait), DeadlineExceeded (remote backends: may or
/// may not have happened). With any other error it did not happen.
class Store {
 public:
  virtual ~Store() = default;

  /// Null when there is none.
  virtual model::ObjectPtr get(const model::ObjectKey& key) const = 0;
  /// All objects of `kind`, in `ns` only unless that is empty.
  virtual Listing list(model::Kind kind, std::string_view ns = {}) const = 0;
  /// Calls `see` for each of those that list() would give now, in that order, on the caller's thread. Where objects are
  /// held packed each is read when `see` is done with the one before: for whoever asks something of many.
  virtual void visit(model::Kind kind, std::string_view ns,
                     const std::function<void(const model::ObjectPtr&)>& see) const = 0;
  /// How many of them there are; none is read.
  virtual std::size_t count(model::Kind kind) const = 0;
  virtual Revision revision() const = 0;

  /// Makes all writes of `txn` if all its conditions hold, else none. Readers and watchers see all of them at once.
  ///
  /// A put of a new object fills metadata: uid (when empty), creationTimestamp, resourceVersion, generation 1, and what
  /// the object says of its own uid (model::complete_new), after model::admit_new() had its say. A put
  /// over a stored one keeps uid and creationTimestamp; generation grows when anything outside metadata and status
  /// changed, and model::admit_change() is asked then; Aborted when it has a uid and the stored one is another. One
  /// that changes nothing succeeds, uses no revision and tells no watcher.
  virtual void commit(Txn txn, Durability durability, Committed done) = 0;

  /// Fails with AlreadyExists when the key is taken.
  void create(model::Object object, Durability durability, Done done);
  /// Replaces the object if its stored resourceVersion is `expected` (0: whatever it is).
  void update(model::Object object, Revision expected, Durability durability, Done done);
  /// Removes it if its stored resourceVersion is `expected` (0: whatever it is).
  void remove(const model::ObjectKey& key, Revision expected, Durability durability, Done done);

  /// Tells all objects in scope, then their changes, for as long as the Watch lives.
  virtual std::unique_ptr<Watch> follow(Scope scope, Follower follower) = 0;

  /// Calls `on_change` for every later change of `kind` (nullopt: any kind) after `from`, in order, on
  /// a thread of the store, without gaps. OutOfRange when `from` is older than the kept history (list again).
  virtual Result<std::unique_ptr<Watch>> watch(std::optional<model::Kind> kind, Revision from,
                                               std::function<void(const Change&)> on_change) = 0;

  /// The changes of `kind` after `from` that are kept. OutOfRange as watch(): `from` is older than that, or newer than
  /// the store.
  virtual Result<History> history(model::Kind kind, Revision from) const = 0;
  virtual Progress progress(model::Kind kind) const = 0;

  /// Holds `name` until the Session is destroyed, or `on_lost` was called (once, on a thread of the store).
  /// AlreadyExists while another holds it. A local store loses none: its process is the only one there is.
  virtual Result<std::unique_ptr<Session>> open_session(std::string name, std::function<void()> on_lost) = 0;

  /// Tells who holds sessions, and tells all of it again whenever one comes or goes, for as long as the Watch lives. On
  /// the thread on which followers are told: what they know by then is at least as new. Goes on with whom it knew while
  /// a backend is away. A local store knows its own process's only.
  virtual std::unique_ptr<Watch> follow_holders(std::function<void(const Holders&)> on_change) = 0;

  virtual Identity identity() const = 0;
  /// Rows that this version cannot read, which stay as they are and count for nobody, and troubles of the file. Any
  /// thread.
  virtual std::vector<StoreProblem> problems() const = 0;

  /// Waits until everything written so far is durable. Blocks: for shutdown and tests.
  virtual Status flush() = 0;
};

struct StoreLimits {
  std::size_t object_bytes = 1536 * 1024;  ///< etcd's default request limit.
  std::size_t history = 10'000;            ///< Changes kept of each kind for watches that resume.
  model::Completion complete = {};         ///< May be empty.
};

/// Nothing survives the process. For tests and as the behaviour that every backend is held to.
std::unique_ptr<Store> make_memory_store(const StoreLimits& limits = {});

struct SqliteOptions {
  StoreLimits limits{};
  std::string node{};            ///< For whom a new store is made.
  std::string version{};         ///< Of the program: before another one writes, a copy is made.
  std::filesystem::path copy{};  ///< Where a consistent copy is kept; empty: nowhere.
  std::chrono::milliseconds copy_every = std::chrono::hours{1};
  unsigned max_pages = 0;        ///< Largest file, in pages of 4 KiB; 0: no bound. How tests fill the disk.
  const Clock* clock = nullptr;  ///< What creationTimestamp is read from; null: the host's. Must outlive the store.
  std::function<void(const StoreProblem&)> on_problem{};  ///< Once for each new one, on a thread of the store.
};

/// One file, WAL mode, mode 0600, synced on durable writes (grouped). Errors: PermissionDenied, DataLoss (not a
/// database of ours, damaged, or of a newer schema; nothing was changed), Unavailable (another process holds it),
/// ResourceExhausted (the disk is full: try again later).
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, SqliteOptions options);
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, const StoreLimits& limits = {});

/// What can be read now, as admission asks for it.
class AsStored final : public model::Stored {
 public:
  explicit AsStored(const Store& store) : store_(store) {}
  model::ObjectPtr get(const model::ObjectKey& key) const override { return store_.get(key); }
  std::vector<model::ObjectPtr> list(model::Kind kind, std::string_view ns) const override {
    return store_.list(kind, ns).objects;
  }

 private:
  const Store& store_;
};

/// For callers that may block (tests, lanes): one write, awaited.
Result<std::vector<model::ObjectPtr>> commit_and_wait(Store& store, Txn txn);
Result<model::ObjectPtr> create_and_wait(Store& store, model::Object object);
Result<model::ObjectPtr> update_and_wait(Store& store, model::Object object, Revision expected);
Status remove_and_wait(Store& store, const model::ObjectKey& key, Revision expected);

}  // namespace berth::store
