// api/reads/watch_hub.hpp - the store's changes, handed to many watchers: one queue per kind, each text made once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/request/reactor.hpp"
#include "api/tables/table.hpp"
#include "store/store.hpp"

namespace berth::api {

/// One change and its texts, each made by the first watcher who needs it. API thread only.
class SharedChange {
 public:
  explicit SharedChange(store::Change change) : change_(std::move(change)) {}

  const store::Change* operator->() const { return &change_; }

  /// The object as JSON.
  const std::string& text() const;
  /// The state before as JSON, at the revision of this change: how an object that left a selection is shown. There must
  /// be one.
  const std::string& text_before() const;
  model::ObjectPtr before() const;
  /// The object as a table row with its metadata. `now` counts for whoever asks first.
  const std::string& row(WallTime now) const;

 private:
  store::Change change_;
  mutable std::string text_;
  mutable std::string text_before_;
  mutable std::string row_;
  mutable model::ObjectPtr before_;
};

/// A watcher's place in the changes of one kind; destroying it leaves. API thread only.
class ChangeReader {
 public:
  virtual ~ChangeReader() = default;

  /// The next change in the watched namespace; null when there is none now, or when the reader fell behind.
  virtual std::shared_ptr<const SharedChange> next() = 0;
  /// Others went on and this reader's next changes are not kept any more: it must list again.
  virtual bool fell_behind() const = 0;
  /// A revision up to which next() gave everything; asks the store how far it is.
  virtual store::Revision progress() = 0;
  /// Called on the API thread after changes of the watched namespace came.
  virtual void on_wake(std::function<void()> wake) = 0;
};

/// Subscribes to a kind while it has readers. All readers of a kind share one queue, in which each has a place: a
/// watcher costs a few hundred bytes, a stalled one too. API thread only, but destruction.
class WatchHub {
 public:
  static constexpr std::size_t kMaxChanges = 1000;           ///< Kept for the slowest reader of a kind.
  static constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;  ///< Of these, roughly; some are kept whatever their size.

  WatchHub(const Poster& post, store::Store& store) : post_(post), store_(store) {}

  /// A reader of the changes after `from`, in `ns` only unless that is empty. OutOfRange: the store does not know them
  /// (any more).
  Result<std::unique_ptr<ChangeReader>> read(model::Kind kind, std::string ns, store::Revision from);

  class Channel;

 private:
  Poster post_;
  store::Store& store_;
  std::map<model::Kind, std::shared_ptr<Channel>> channels_;
};

}  // namespace berth::api
