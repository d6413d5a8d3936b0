// api/reads/watch_body.cpp - changes as a stream of JSON lines.
#include "api/reads/watch_body.hpp"

#include <fmt/format.h>

#include "api/encoding/json_text.hpp"
#include "api/encoding/old_version.hpp"
#include "api/reads/read_state.hpp"
#include "base/counters.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::chrono::seconds kBookmarkInterval{60};

class WatchBody final : public BodySource {
 public:
  WatchBody(ApiContext& context, WatchRequest request) : context_(context), request_(std::move(request)) {
    ++counters().api_watches;
    if (request_.from) {
      sent_ = *request_.from;
      if (const auto newest = context.store.revision(); sent_ > newest) {
        // Kubernetes would wait for it in silence; after our state was reset that is for ever.
        failure_ = revision_too_large(sent_, newest);
        return;
      }
    } else if (request_.initial) {
      auto listing = context.store.list(request_.kind, request_.ns);
      sent_ = listing.revision;
      initial_ = std::move(listing.objects);
    } else {
      sent_ = context.store.revision();
    }
    initial_end_due_ = request_.bookmarks && request_.mark_initial_end;
    auto reader = context.reads->hub.read(request_.kind, request_.ns, sent_);
    if (reader) {
      reader_ = *std::move(reader);
    } else if (reader.error().code() == ErrorCode::OutOfRange) {
      failure_ = expired(fmt::format("too old resource version: {} ({})", sent_, context.store.revision()));
    } else {
      failure_ = from_error(reader.error(), model::info(request_.kind), "");
    }
  }

  ~WatchBody() override { --counters().api_watches; }
  WatchBody(const WatchBody&) = delete;
  WatchBody& operator=(const WatchBody&) = delete;

  void on_wake(std::function<void()> wake) override {
    if (reader_) reader_->on_wake(wake);
    deadline_ = context_.reactor.after(request_.timeout, [this, wake] {
      timed_out_ = true;
      wake();
    });
    if (request_.bookmarks) await_bookmark(wake);
  }

  State read(std::string& out) override {
    if (failure_) return fail(out, *failure_);
    while (next_initial_ < initial_.size()) {
      if (out.size() >= kPiece) return State::More;
      const auto object = std::move(initial_[next_initial_++]);
      if (wanted(*object)) append_object(out, "ADDED", *object);
    }
    initial_ = {};
    next_initial_ = 0;
    if (initial_end_due_) {
      initial_end_due_ = false;
      append_bookmark(out, sent_, /*initial_end=*/true);
    }
    while (const auto change = reader_->next()) {
      append_change(out, *change);
      sent_ = (*change)->revision;
      if (out.size() >= kPiece) return State::More;
    }
    if (reader_->fell_behind()) {
      return fail(out, expired(fmt::format("too old resource version: {}: the reader is too slow", sent_)));
    }
    if (request_.bookmarks && (bookmark_due_ || timed_out_)) {
      bookmark_due_ = false;
      append_bookmark(out, std::max(sent_, reader_->progress()), /*initial_end=*/false);
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
    out += R"({"type":"ERROR","object":)";
    append_json(out, encode_status(error));
    out += "}\n";
    return State::End;
  }

  bool wanted(const model::Object& object) const {
    return (request_.name.empty() || object.meta.name == request_.name) && request_.selection.matches(object);
  }

  void append_change(std::string& out, const SharedChange& change) {
    const bool now = wanted(*change->object);
    if (change->type == store::ChangeType::Deleted) {
      if (now || (change->previous != nullptr && wanted(*change->previous))) append_now(out, "DELETED", change);
      return;
    }
    const bool before = change->previous != nullptr && wanted(*change->previous);
    if (now) {
      append_now(out, before ? "MODIFIED" : "ADDED", change);
    } else if (before) {
      // It left the selection: its last matching state, at the revision that made it leave.
      if (!is_shared()) return append_object(out, "DELETED", *change.before());
      append_event(out, "DELETED", change.text_before());
    }
  }

  /// Does this watch show whole objects as they are stored?
  bool is_shared() const { return !request_.presentation.table && request_.presentation.api_version.empty(); }

  /// The state that the change made; the text is shared with the other watchers.
  void append_now(std::string& out, std::string_view type, const SharedChange& change) {
    if (is_shared()) return append_event(out, type, change.text());
    if (!request_.presentation.table || request_.presentation.include != RowObject::Metadata) {
      return append_object(out, type, *change->object);
    }
    begin_event(out, type);
    append_table_head(out, *change->object);
    out += change.row(context_.clock.wall());
    out += "]}}\n";
  }

  static void append_event(std::string& out, std::string_view type, const std::string& object) {
    begin_event(out, type);
    out += object;
    out += "}\n";
  }

  void append_object(std::string& out, std::string_view type, const model::Object& object) {
    begin_event(out, type);
    if (request_.presentation.table) {
      append_table_head(out, object);
      append_table_row(out, object, request_.presentation.include, context_.clock.wall(),
                       request_.presentation.api_version);
      out += "]}";
    } else {
      berth::api::append_object(out, object.raw, request_.presentation.api_version);
    }
    out += "}\n";
  }

  static void begin_event(std::string& out, std::string_view type) {
    out += R"({"type":")";
    out += type;
    out += R"(","object":)";
  }

  /// Columns come with the first row only.
  void append_table_head(std::string& out, const model::Object& object) {
    out += table_head(object.kind, {.revision = object.meta.resource_version}, /*columns=*/!columns_sent_);
    columns_sent_ = true;
  }

  void append_bookmark(std::string& out, store::Revision revision, bool initial_end) {
    const auto& kind = model::info(request_.kind);
    out += fmt::format(
        R"({{"type":"BOOKMARK","object":{{"kind":"{}","apiVersion":"{}","metadata":{{"resourceVersion":"{}","creationTimestamp":null{}}}}}}})",
        kind.name, request_.presentation.api_version.empty() ? kind.api_version() : request_.presentation.api_version,
        revision, initial_end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "");
    out += '\n';
  }

  ApiContext& context_;
  WatchRequest request_;
  std::unique_ptr<ChangeReader> reader_;
  std::optional<ApiError> failure_;
  std::vector<model::ObjectPtr> initial_;
  std::size_t next_initial_ = 0;
  store::Revision sent_ = 0;  ///< Everything up to here was sent.
  bool initial_end_due_ = false;
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
