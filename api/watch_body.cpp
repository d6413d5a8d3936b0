// api/watch_body.cpp - changes as a stream of JSON lines.
#include "api/watch_body.hpp"

#include <deque>
#include <mutex>

#include <fmt/format.h>

#include "api/old_version.hpp"
#include "base/counters.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::chrono::seconds kBookmarkInterval{60};

/// Where the store's thread puts changes and the API's thread takes them.
struct Inbox {
  Poster post;
  std::string ns;
  std::mutex mutex;
  std::deque<store::Change> changes;  // under `mutex`, as the next two
  bool overflowed = false;
  bool wake_posted = false;
  std::function<void()> wake;  // API thread only
};

void put(const std::shared_ptr<Inbox>& inbox, const store::Change& change) {
  if (!inbox->ns.empty() && change.object->meta.ns != inbox->ns) return;
  {
    const std::lock_guard lock(inbox->mutex);
    if (inbox->overflowed) return;
    if (inbox->changes.size() >= kMaxWaitingChanges) {
      inbox->overflowed = true;
      inbox->changes.clear();
    } else {
      inbox->changes.push_back(change);
    }
    if (inbox->wake_posted) return;
    inbox->wake_posted = true;
  }
  inbox->post([weak = std::weak_ptr(inbox)] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex);
      self->wake_posted = false;
    }
    const auto wake = self->wake;  // the call may end the watch
    if (wake) wake();
  });
}

class WatchBody final : public BodySource {
 public:
  WatchBody(ApiContext& context, WatchRequest request)
      : context_(context), request_(std::move(request)), inbox_(std::make_shared<Inbox>()) {
    ++counters().api_watches;
    inbox_->post = context.reactor.post();
    inbox_->ns = request_.ns;
    if (request_.from) {
      revision_ = *request_.from;
    } else {
      auto listing = context.store.list(request_.kind, request_.ns);
      revision_ = listing.revision;
      initial_ = std::move(listing.objects);
    }
    auto watch = context.store.watch(request_.kind, revision_,
                                     [inbox = inbox_](const store::Change& change) { put(inbox, change); });
    if (watch) {
      watch_ = *std::move(watch);
    } else if (watch.error().code() == ErrorCode::OutOfRange) {
      failure_ = expired(fmt::format("too old resource version: {} ({})", revision_, context.store.revision()));
    } else {
      failure_ = from_error(watch.error(), model::info(request_.kind), "");
    }
  }

  ~WatchBody() override {
    --counters().api_watches;
    watch_.reset();
    inbox_->wake = nullptr;
  }

  void on_wake(std::function<void()> wake) override {
    inbox_->wake = wake;
    deadline_ = context_.reactor.after(request_.timeout, [this, wake] {
      timed_out_ = true;
      wake();
    });
    if (request_.bookmarks) await_bookmark(wake);
  }

  State read(std::string& out) override {
    if (failure_) return fail(out, *failure_);
    while (next_initial_ < initial_.size() && out.size() < kPiece) {
      const auto object = std::move(initial_[next_initial_++]);
      if (request_.selection.matches(*object)) append(out, "ADDED", *object);
    }
    if (next_initial_ < initial_.size()) return State::More;
    while (out.size() < kPiece) {
      store::Change change;
      {
        const std::lock_guard lock(inbox_->mutex);
        if (inbox_->overflowed) {
          return fail(out, expired(fmt::format("too old resource version: {}: the reader is too slow", revision_)));
        }
        if (inbox_->changes.empty()) break;
        change = std::move(inbox_->changes.front());
        inbox_->changes.pop_front();
      }
      append_change(out, change);
      revision_ = change.revision;
    }
    if (out.size() >= kPiece) return State::More;
    if (bookmark_due_) {
      bookmark_due_ = false;
      append_bookmark(out);
    }
    return timed_out_ ? State::End : State::Later;
  }

 private:
  void await_bookmark(const std::function<void()>& wake) {
    bookmark_timer_ = context_.reactor.after(kBookmarkInterval, [this, wake] {
      bookmark_due_ = true;
      await_bookmark(wake);
      wake();
    });
  }

  State fail(std::string& out, const ApiError& error) {
    watch_.reset();
    out += R"({"type":"ERROR","object":)";
    out += json::serialize(encode_status(error));
    out += "}\n";
    return State::End;
  }

  void append_change(std::string& out, const store::Change& change) {
    const auto& selection = request_.selection;
    const bool now = change.type != store::ChangeType::Deleted && selection.matches(*change.object);
    const bool before = change.previous != nullptr && selection.matches(*change.previous);
    if (change.type == store::ChangeType::Deleted) {
      if (before || selection.matches(*change.object)) append(out, "DELETED", *change.object);
    } else if (now) {
      append(out, before ? "MODIFIED" : "ADDED", *change.object);
    } else if (before) {
      // It left the selection: its last matching state, at the revision that made it leave.
      auto gone = *change.previous;
      gone.meta.resource_version = change.revision;
      if (auto* metadata = gone.raw.if_contains("metadata"); metadata != nullptr && metadata->is_object()) {
        metadata->get_object()["resourceVersion"] = std::to_string(change.revision);
      }
      append(out, "DELETED", gone);
    }
  }

  void append(std::string& out, std::string_view type, const model::Object& object) {
    out += R"({"type":")";
    out += type;
    out += R"(","object":)";
    if (request_.presentation.table) {
      out += table_head(object.kind, object.meta.resource_version, /*columns=*/!columns_sent_);
      columns_sent_ = true;
      append_table_row(out, object, request_.presentation.include, context_.clock.wall(),
                       request_.presentation.api_version);
      out += "]}";
    } else {
      append_object(out, object.raw, request_.presentation.api_version);
    }
    out += "}\n";
  }

  void append_bookmark(std::string& out) {
    const auto& kind = model::info(request_.kind);
    out += fmt::format(
        R"({{"type":"BOOKMARK","object":{{"kind":"{}","apiVersion":"{}","metadata":{{"resourceVersion":"{}","creationTimestamp":null}}}}}})",
        kind.name, request_.presentation.api_version.empty() ? kind.api_version() : request_.presentation.api_version,
        revision_);
    out += '\n';
  }

  ApiContext& context_;
  WatchRequest request_;
  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<store::Watch> watch_;
  std::optional<ApiError> failure_;
  std::vector<model::ObjectPtr> initial_;
  std::size_t next_initial_ = 0;
  store::Revision revision_ = 0;  ///< Everything up to here was sent.
  bool columns_sent_ = false;
  bool bookmark_due_ = false;
  bool timed_out_ = false;
  std::unique_ptr<ReactorHandle> deadline_;
  std::unique_ptr<ReactorHandle> bookmark_timer_;
};

}  // namespace

std::unique_ptr<BodySource> make_watch_body(ApiContext& context, WatchRequest request) {
  return std::make_unique<WatchBody>(context, std::move(request));
}

}  // namespace berth::api
