// api/reads/watch_hub.cpp - the store's changes, handed to many watchers.
#include "api/reads/watch_hub.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <mutex>

#include "api/encoding/json_text.hpp"

namespace berth::api {

namespace {

/// Kept for a slow reader even when they are large.
constexpr std::size_t kMinChanges = 16;
/// That may wait for the API's thread; with more it has hung, and every reader lists again.
constexpr std::size_t kMaxIncoming = 5000;
/// Handed to the readers at once.
constexpr std::size_t kSlice = 200;
static_assert(kSlice < WatchHub::kMaxChanges);

/// About what a value takes in memory and as text: a bound, not an account.
std::size_t rough_bytes(const json::value& value) {
  constexpr std::size_t kNode = 80;  // with what the allocator adds; measured over whole pods
  std::size_t sum = kNode;
  if (const auto* object = value.if_object()) {
    for (const auto& entry : *object) sum += entry.key().size() + rough_bytes(entry.value());
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) sum += rough_bytes(element);
  } else if (const auto* text = value.if_string()) {
    sum += text->size();
  }
  return sum;
}

std::size_t rough_bytes(const model::Object& object) {
  std::size_t sum = 0;
  for (const auto& entry : object.raw) sum += entry.key().size() + rough_bytes(entry.value());
  return sum;
}

}  // namespace

const std::string& SharedChange::text() const {
  if (text_.empty()) append_json(text_, change_.object->raw);
  return text_;
}

model::ObjectPtr SharedChange::before() const {
  if (before_ == nullptr) {
    auto gone = *change_.previous;
    gone.meta.resource_version = change_.revision;
    if (auto* metadata = gone.raw.if_contains("metadata"); metadata != nullptr && metadata->is_object()) {
      metadata->get_object()["resourceVersion"] = std::to_string(change_.revision);
    }
    before_ = std::make_shared<const model::Object>(std::move(gone));
  }
  return before_;
}

const std::string& SharedChange::text_before() const {
  if (text_before_.empty()) append_json(text_before_, before()->raw);
  return text_before_;
}

const std::string& SharedChange::row(WallTime now) const {
  if (row_.empty()) append_table_row(row_, *change_.object, RowObject::Metadata, now);
  return row_;
}

/// The changes of one kind on their way to its readers.
class WatchHub::Channel : public std::enable_shared_from_this<Channel> {
 public:
  class Reader;

  Channel(Poster post, store::Store& store, model::Kind kind)
      : store_(store), kind_(kind), inbox_(std::make_shared<Inbox>()) {
    inbox_->post = std::move(post);
  }

  /// Subscribes unless that was done.
  Status open() {
    if (watch_) return Ok{};
    inbox_->channel = weak_from_this();
    seen_ = store_.revision();
    auto watch = store_.watch(kind_, seen_, [inbox = inbox_](const store::Change& change) { put(inbox, change); });
    if (!watch) return std::move(watch).error();
    watch_ = *std::move(watch);
    return Ok{};
  }

  void close_if_unused() {
    if (std::all_of(readers_.begin(), readers_.end(), [](const auto* each) { return each == nullptr; })) {
      watch_.reset();
    }
  }

 private:
  struct Entry {
    std::shared_ptr<const SharedChange> change;
    std::size_t waiting = 0;  ///< Readers that have not passed it.
    std::size_t bytes = 0;
  };

  /// Where the store's thread puts changes and the API's thread takes them.
  struct Inbox {
    Poster post;
    std::weak_ptr<Channel> channel;  // set before the subscription
    std::mutex mutex;
    std::deque<store::Change> changes;  // under `mutex`, as the next two
    bool overflowed = false;
    bool posted = false;
  };

  static void put(const std::shared_ptr<Inbox>& inbox, const store::Change& change) {
    {
      const std::lock_guard lock(inbox->mutex);
      // After one was lost none is put, until the readers were told.
      if (!inbox->overflowed && inbox->changes.size() < kMaxIncoming) {
        inbox->changes.push_back(change);
      } else {
        inbox->overflowed = true;
      }
      if (inbox->posted) return;
      inbox->posted = true;
    }
    inbox->post([weak = inbox->channel] {
      if (const auto self = weak.lock()) self->take();
    });
  }

  void take() {
    std::vector<store::Change> changes;
    bool lost = false;
    {
      const std::lock_guard lock(inbox_->mutex);
      auto& waiting = inbox_->changes;
      const auto cut = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(waiting.size(), kSlice));
      changes.assign(std::make_move_iterator(waiting.begin()), std::make_move_iterator(cut));
      waiting.erase(waiting.begin(), cut);
      lost = waiting.empty() && std::exchange(inbox_->overflowed, false);
      inbox_->posted = !waiting.empty();
      // After a pause of this thread there may be many: readers get time to write between two slices.
      if (inbox_->posted) {
        inbox_->post([weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->take();
        });
      }
    }
    if (!watch_) return;  // the last reader left meanwhile
    const auto begin = end();
    for (auto& change : changes) {
      if (change.revision <= seen_) continue;  // of an earlier subscription
      seen_ = change.revision;
      const auto bytes = rough_bytes(*change.object);
      bytes_ += bytes;
      ring_.push_back({std::make_shared<const SharedChange>(std::move(change)), readers_.size(), bytes});
    }
    while (ring_.size() > kMaxChanges || (bytes_ > kMaxBytes && ring_.size() > kMinChanges)) pop();
    if (lost) {
      while (!ring_.empty()) pop();
      ++first_;  // nobody is at the end any more
    }
    tell(begin);
  }

  void tell(std::uint64_t begin);
  void leave(const Reader* reader);

  std::uint64_t end() const { return first_ + ring_.size(); }
  void pop() {
    bytes_ -= ring_.front().bytes;
    ring_.pop_front();
    ++first_;
  }
  void passed(std::uint64_t place) {
    --ring_[place - first_].waiting;
    while (!ring_.empty() && ring_.front().waiting == 0) pop();
  }

  store::Store& store_;
  const model::Kind kind_;
  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<store::Watch> watch_;
  store::Revision seen_ = 0;  ///< Every change of the kind up to here came to the ring.
  std::deque<Entry> ring_;    ///< What the slowest reader has not passed, within bounds.
  std::uint64_t first_ = 0;   ///< The place of the ring's first entry: how many were popped.
  std::size_t bytes_ = 0;
  std::vector<Reader*> readers_;  ///< Null: left while the others are being told.
  bool telling_ = false;
};

class WatchHub::Channel::Reader final : public ChangeReader {
 public:
  Reader(std::shared_ptr<Channel> channel, std::string ns, store::History history)
      : channel_(std::move(channel)), ns_(std::move(ns)), known_(history.revision), place_(channel_->end()) {
    for (auto& change : history.changes) {
      if (concerns(change)) backlog_.push_back(std::move(change));
    }
    channel_->readers_.push_back(this);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() override { channel_->leave(this); }

  std::shared_ptr<const SharedChange> next() override {
    if (!backlog_.empty()) {
      auto change = std::make_shared<const SharedChange>(std::move(backlog_.front()));
      backlog_.pop_front();
      return change;
    }
    while (place_ < channel_->end() && !fell_behind()) {
      auto change = channel_->ring_[place_ - channel_->first_].change;
      channel_->passed(place_++);
      if ((*change)->revision > known_ && concerns(*change->operator->())) return change;
    }
    return nullptr;
  }

  bool fell_behind() const override { return place_ < channel_->first_; }

  store::Revision progress() override {
    if (!backlog_.empty()) return backlog_.front().revision - 1;
    if (fell_behind()) return known_;
    if (place_ < channel_->end())
      return std::max(known_, (*channel_->ring_[place_ - channel_->first_].change)->revision - 1);
    const auto store = channel_->store_.progress(channel_->kind_);
    // What the store has told its watchers may still be on its way to us.
    return store.of_kind <= std::max(known_, channel_->seen_) ? store.revision : std::max(known_, channel_->seen_);
  }

  void on_wake(std::function<void()> wake) override { wake_ = std::move(wake); }

  /// Changes from `begin` on came: wakes the watcher if one concerns it, else passes them.
  void told(std::uint64_t begin) {
    if (place_ >= begin && !fell_behind()) {
      bool wanted = false;
      for (auto at = place_; at < channel_->end() && !wanted; ++at) {
        wanted = concerns(*channel_->ring_[at - channel_->first_].change->operator->());
      }
      if (!wanted) {
        while (place_ < channel_->end()) channel_->passed(place_++);
        return;
      }
    }
    const auto wake = wake_;  // the call may end the watch
    if (wake) wake();
  }

 private:
  friend class Channel;

  bool concerns(const store::Change& change) const { return ns_.empty() || change.object->meta.ns == ns_; }

  std::shared_ptr<Channel> channel_;
  std::string ns_;
  std::deque<store::Change> backlog_;  ///< From the store's history, before the ring.
  store::Revision known_;              ///< The ring's changes up to here were in the backlog.
  std::uint64_t place_;                ///< Of the next change in the ring.
  std::function<void()> wake_;
};

void WatchHub::Channel::tell(std::uint64_t begin) {
  const auto self = shared_from_this();  // the last reader may leave
  telling_ = true;
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i] != nullptr) readers_[i]->told(begin);
  }
  telling_ = false;
  std::erase(readers_, nullptr);
}

void WatchHub::Channel::leave(const Reader* reader) {
  // What it has not passed waits for one reader less.
  for (auto at = end(); at > std::max(reader->place_, first_);) --ring_[--at - first_].waiting;
  while (!ring_.empty() && ring_.front().waiting == 0) pop();
  const auto place = std::find(readers_.begin(), readers_.end(), reader);
  if (telling_) {
    *place = nullptr;
  } else {
    readers_.erase(place);
  }
  close_if_unused();
}

Result<std::unique_ptr<ChangeReader>> WatchHub::read(model::Kind kind, std::string ns, store::Revision from) {
  auto& channel = channels_[kind];
  if (channel == nullptr) channel = std::make_shared<Channel>(post_, store_, kind);
  if (auto opened = channel->open(); !opened) return std::move(opened).error();
  // After the subscription: what is not in the history comes to the ring.
  auto history = store_.history(kind, from);
  if (!history) {
    channel->close_if_unused();
    return std::move(history).error();
  }
  return std::unique_ptr<ChangeReader>(std::make_unique<Channel::Reader>(channel, std::move(ns), *std::move(history)));
}

}  // namespace berth::api
