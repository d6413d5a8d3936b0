// api/streams/log_body.cpp - one container run's log as a stream of text.
#include "api/streams/log_body.hpp"

#include <fmt/format.h>

#include "api/streams/pod_containers.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kPiece = 64 * 1024;
/// While following: how often we ask whether the container still runs, and look again without being told.
constexpr std::chrono::milliseconds kLookAgain{300};
/// Looks without a new line after the container ended: the collector may be a little behind.
constexpr int kQuietLooks = 2;

/// What the lane works on; one job at a time. The lane's job keeps it alive when the connection is gone.
struct Tail {
  runtime::LogReader* reader = nullptr;
  LogRequest request;
  std::unique_ptr<runtime::LogCursor> cursor;
  bool mid_line = false;  ///< The last line goes on: no timestamp before its next part.
};

struct Piece {
  std::string text;
  bool drained = false;  ///< There is no more for now.
  std::optional<Error> error;
};

void append_line(std::string& out, Tail& tail, const runtime::LogLine& line) {
  const auto wanted = tail.request.stream;
  if (wanted != LogStream::All && (wanted == LogStream::Stderr) != line.is_stderr) return;
  if (tail.request.timestamps && !tail.mid_line) {
    out += format_log_time(line.time);
    out += ' ';
  }
  out += line.text;
  tail.mid_line = line.partial;
  if (!line.partial) out += '\n';
}

Piece read_piece(Tail& tail) {
  Piece piece;
  if (!tail.cursor) {
    auto opened = tail.reader->open(tail.request.query);
    if (!opened) {
      piece.drained = true;
      if (opened.error().code() != ErrorCode::NotFound)
        piece.error = opened.error();  // NotFound: nothing written so far
      return piece;
    }
    tail.cursor = *std::move(opened);
  }
  while (piece.text.size() < kPiece) {
    auto line = tail.cursor->next();
    if (!line) {
      if (line.error().code() == ErrorCode::DataLoss) continue;  // rotated away: go on after the gap
      piece.error = line.error();
      return piece;
    }
    if (!*line) {
      piece.drained = true;
      return piece;
    }
    append_line(piece.text, tail, **line);
  }
  return piece;
}

class LogBody final : public BodySource {
 public:
  LogBody(ApiContext& context, LogRequest request) : context_(context), tail_(std::make_shared<Tail>()) {
    remaining_ = request.limit_bytes;
    key_ = {model::Kind::Pod, request.query.ns, request.query.pod};
    follow_ = request.follow;
    tail_->reader = &context.logs;
    tail_->request = std::move(request);
  }

  ~LogBody() override {
    *alive_ = false;
    readable_.reset();  // before the cursor, whose descriptor it waits on
  }

  void on_wake(std::function<void()> wake) override { wake_ = std::move(wake); }

  State read(std::string& out) override {
    if (piece_) {
      out += piece_->text;
      const bool drained = piece_->drained;
      const bool failed = piece_->error.has_value();
      if (failed) out += fmt::format("berth: cannot read the log: {}\n", piece_->error->message());
      if (drained && !piece_->text.empty()) quiet_looks_ = 0;
      piece_.reset();
      if (cut(out) || failed || (drained && is_over())) return State::End;
      if (drained) {
        wait();
        return State::Later;
      }
    }
    begin();
    return State::Later;
  }

 private:
  /// Applies limitBytes. True when it is reached.
  bool cut(std::string& out) {
    if (!remaining_) return false;
    if (out.size() >= *remaining_) {
      out.resize(static_cast<std::size_t>(*remaining_));
      return true;
    }
    *remaining_ -= out.size();
    return false;
  }

  /// Will no line come any more?
  bool is_over() {
    if (!follow_) return true;
    if (is_running()) {
      quiet_looks_ = 0;
      return false;
    }
    return ++quiet_looks_ > kQuietLooks;
  }

  bool is_running() const {
    const auto& query = tail_->request.query;
    const auto pod = context_.store.get(key_);
    if (!pod || pod->meta.uid != query.pod_uid) return false;
    const auto view = container_view(*pod, query.container);
    return view.running && view.restarts == query.attempt;
  }

  void begin() {
    if (reading_) return;
    reading_ = true;
    readable_.reset();
    timer_.reset();
    context_.lane.run([this, alive = alive_, tail = tail_, post = context_.reactor.post()] {
      auto piece = std::make_shared<Piece>(read_piece(*tail));
      post([this, alive, piece] {
        if (!*alive) return;
        reading_ = false;
        piece_ = std::move(*piece);
        const auto wake = wake_;
        wake();
      });
    });
  }

  void wait() {
    const auto look = [this] { begin(); };
    timer_ = context_.reactor.after(kLookAgain, look);
    if (tail_->cursor && tail_->cursor->wait_fd() >= 0) {
      readable_ = context_.reactor.when_readable(tail_->cursor->wait_fd(), look);
    }
  }

  ApiContext& context_;
  std::shared_ptr<Tail> tail_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< API thread only.
  model::ObjectKey key_;
  bool follow_ = false;
  std::optional<std::uint64_t> remaining_;
  std::optional<Piece> piece_;
  std::function<void()> wake_;
  bool reading_ = false;
  int quiet_looks_ = 0;
  std::unique_ptr<ReactorHandle> timer_;
  std::unique_ptr<ReactorHandle> readable_;
};

}  // namespace

std::unique_ptr<BodySource> make_log_body(ApiContext& context, LogRequest request) {
  return std::make_unique<LogBody>(context, std::move(request));
}

std::string format_log_time(WallTime time) {
  const auto nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count() % 1'000'000'000;
  auto out = format_rfc3339(time);
  out.pop_back();  // the Z
  return fmt::format("{}.{:09}Z", out, nanoseconds);
}

}  // namespace berth::api
