// api/usage/far_usage.cpp - see far_usage.hpp.
#include "api/usage/far_usage.hpp"

#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/streams/far_host.hpp"

namespace berth::api {

namespace {

/// Of one host's answer: a thousand pods are half a megabyte.
constexpr std::size_t kMaxAnswer = 8 * 1024 * 1024;

/// Takes in one body.
class Answer : public std::enable_shared_from_this<Answer> {
 public:
  /// Nullopt: it broke off, or is too large.
  using Done = std::function<void(std::optional<std::string>)>;

  Answer(std::unique_ptr<BodySource> body, Done done) : body_(std::move(body)), done_(std::move(done)) {}

  void start() {
    body_->on_wake([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->take();
    });
    take();
  }

 private:
  void take() {
    while (body_) {
      const auto state = body_->read(text_);
      if (text_.size() > kMaxAnswer || state == BodySource::State::Broken) return end(std::nullopt);
      if (state == BodySource::State::End) return end(std::move(text_));
      if (state == BodySource::State::Later) return;
    }
  }
  void end(std::optional<std::string> text) {
    const auto hold = shared_from_this();
    body_.reset();
    done_(std::move(text));
  }

  std::unique_ptr<BodySource> body_;
  const Done done_;
  std::string text_;
};

/// Held by its timer, and by those who are asked until they answer.
class Gathering : public std::enable_shared_from_this<Gathering> {
 public:
  Gathering(std::size_t asked, std::function<void(std::vector<UsageItem>)> done)
      : open_(asked), done_(std::move(done)) {}

  void wait(Reactor& reactor, std::chrono::milliseconds time) {
    timer_ = reactor.after(time, [self = shared_from_this()] { self->finish(); });
  }

  void take(HttpResponse response) {
    if (!done_) return;
    if (response.code != 200 || !response.stream) return count({});
    answers_.push_back(std::make_shared<Answer>(std::move(response.stream), [this](std::optional<std::string> text) {
      auto items = text ? read_usage_list(*text) : Result<std::vector<UsageItem>>(std::vector<UsageItem>());
      count(items ? *std::move(items) : std::vector<UsageItem>());
    }));
    answers_.back()->start();
  }

 private:
  void count(std::vector<UsageItem> items) {
    std::move(items.begin(), items.end(), std::back_inserter(items_));
    if (--open_ == 0) finish();
  }
  void finish() {
    const auto hold = shared_from_this();
    timer_.reset();
    const auto done = std::exchange(done_, nullptr);
    const auto late = std::exchange(answers_, {});
    if (done) done(std::move(items_));
  }

  std::size_t open_;  ///< Not answered yet.
  std::function<void(std::vector<UsageItem>)> done_;
  std::vector<std::shared_ptr<Answer>> answers_;
  std::vector<UsageItem> items_;
  std::unique_ptr<ReactorHandle> timer_;
};

}  // namespace

Result<std::vector<UsageItem>> read_usage_list(const std::string& text) {
  const auto list = parse_json(text);
  if (!list) return list.error();
  if (!list->is_object() || field(list->get_object(), {"items"}) == nullptr) {
    return Error(ErrorCode::InvalidArgument, "not a list");
  }
  std::vector<UsageItem> out;
  for (const auto& item : array_at(list->get_object(), {"items"})) {
    if (!item.is_object()) return Error(ErrorCode::InvalidArgument, "an item of the list is no object");
    const auto& object = item.get_object();
    out.push_back({std::string(text_at(object, {"metadata", "namespace"})),
                   std::string(text_at(object, {"metadata", "name"})), json::serialize(item)});
  }
  return out;
}

void ask_far_usage(ApiContext& context, const std::set<std::string>& nodes, const HttpRequest& request,
                   std::chrono::milliseconds time, std::function<void(std::vector<UsageItem>)> done) {
  const auto gathering = std::make_shared<Gathering>(nodes.size(), std::move(done));
  gathering->wait(context.reactor, time);
  for (const auto& node : nodes) {
    ask_far_host(context, node, fmt::format("node {}", node), request,
                 [gathering](HttpResponse response) { gathering->take(std::move(response)); });
  }
}

}  // namespace berth::api
