// api/streams/spdy_connection.cpp - SPDY/3.1 streams over one upgraded connection.
#include "api/streams/spdy_connection.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

namespace berth::api {

namespace {

constexpr std::uint32_t kConnection = 0;  ///< WINDOW_UPDATE for all streams together.
constexpr std::int64_t kMaxWindow = 0x7fffffff;
/// Larger data is cut, so that streams take turns.
constexpr std::size_t kMaxFrame = 32 * 1024;
/// Received and not yet acknowledged: half a window.
constexpr std::uint32_t kAcknowledge = kSpdyInitialWindow / 2;
constexpr std::uint32_t kGoAwayOk = 0;
constexpr std::uint32_t kGoAwayProtocolError = 1;

/// What the peer lets us send.
struct Window {
  std::int64_t left = kSpdyInitialWindow;
  bool is_kept = false;  ///< It has been updated: the peer means it.

  std::size_t room() const { return is_kept ? static_cast<std::size_t>(std::max<std::int64_t>(left, 0)) : SIZE_MAX; }
};

struct Stream {
  Window window;
  std::uint32_t received = 0;  ///< Since our last WINDOW_UPDATE.
  std::string held;            ///< For want of a window.
  bool fin_held = false;
  bool we_ended = false;
  bool peer_ended = false;
};

class Connection final : public PeerSession, public SpdyStreams, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Reactor& reactor, std::shared_ptr<SpdyHandler> handler, SpdyLimits limits)
      : reactor_(reactor), handler_(std::move(handler)), limits_(limits) {}

  // --- towards the connection

  void on_open(PeerSocket& socket) override {
    socket_ = &socket;
    handler_->on_open(*this);
  }

  void on_message(std::string_view input) override {
    const auto self = shared_from_this();
    while (socket_ != nullptr && !ended_) {
      auto frame = reader_.next(input);
      if (!frame) return fail();
      if (!*frame) return;
      take(**frame);
    }
  }

  void on_drained() override {
    if (handler_ && !closing_) handler_->on_drained();
  }

  void on_closed() override {
    const auto self = shared_from_this();
    socket_ = nullptr;
    timer_.reset();
    streams_.clear();
    if (const auto handler = std::exchange(handler_, nullptr)) handler->on_closed();
  }

  // --- towards the handler

  void send(std::uint32_t id, std::string data, bool fin) override {
    const auto it = streams_.find(id);
    if (it == streams_.end() || it->second.we_ended || it->second.fin_held || socket_ == nullptr) return;
    auto& stream = it->second;
    stream.fin_held = fin;
    if (stream.held.empty() && data.size() <= std::min(room(stream), kMaxFrame)) {
      put(id, stream, std::move(data));
      forget_if_done(it);
      return;
    }
    held_bytes_ += data.size();
    stream.held += data;
    put_held(it);
  }

  void reset(std::uint32_t id, SpdyReset status) override {
    if (socket_ == nullptr) return;
    socket_->send(spdy_rst_stream(id, status));
    drop(streams_.find(id));
  }

  std::size_t queued_bytes() const override { return held_bytes_ + (socket_ != nullptr ? socket_->queued_bytes() : 0); }

  void set_reading(bool reading) override {
    if (socket_ != nullptr) socket_->set_reading(reading || closing_);
  }

  void close() override {
    if (closing_ || socket_ == nullptr) return;
    closing_ = true;
    socket_->send(spdy_go_away(last_stream_, kGoAwayOk));
    socket_->set_reading(true);  // for the peer's end
    timer_ = reactor_.after(limits_.go_away, [self = shared_from_this()] { self->end(); });
    end_if_done();
  }

 private:
  using Streams = std::map<std::uint32_t, Stream>;

  void take(SpdyFrame& frame) {
    switch (frame.type) {
      case SpdyType::SynStream: return open(frame);
      case SpdyType::Data: return data(frame);
      case SpdyType::RstStream: {
        const auto it = streams_.find(frame.stream);
        if (it == streams_.end()) return;
        drop(it);
        if (handler_ && !closing_) handler_->on_reset(frame.stream);
        return end_if_done();
      }
      case SpdyType::Ping:
        if (frame.value % 2 == 1) socket_->send(spdy_ping(frame.value));  // an even one answers ours; we send none
        return;
      case SpdyType::GoAway: return end();
      case SpdyType::WindowUpdate: return update_window(frame.stream, frame.value);
      case SpdyType::Settings:
        for (const auto& [id, value] : frame.settings) {
          if (id == kSpdySettingInitialWindow) return set_initial_window(value);
        }
        return;
      case SpdyType::SynReply:  // we open no streams
      case SpdyType::Headers: return;
    }
  }

  void open(const SpdyFrame& frame) {
    const auto id = frame.stream;
    if (id == 0 || id % 2 == 0) return fail();
    if (id <= last_stream_) return reset_unknown(id, SpdyReset::ProtocolError);
    last_stream_ = id;
    if (closing_ || streams_.size() >= limits_.streams) return reset_unknown(id, SpdyReset::RefusedStream);
    auto& stream = streams_[id];
    stream.window.left = initial_window_;
    stream.window.is_kept = keeps_windows_;
    stream.peer_ended = frame.fin;
    // Before the handler: what it sends at once comes behind.
    socket_->send(spdy_syn_reply(writer_, id, {}));
    if (!handler_->on_stream(id, frame.headers)) return reset(id, SpdyReset::RefusedStream);
    if (frame.fin && handler_ && streams_.contains(id)) handler_->on_end(id);
  }

  void data(const SpdyFrame& frame) {
    const auto it = streams_.find(frame.stream);
    acknowledge(kConnection, received_, frame.data.size());
    if (it == streams_.end()) {
      // Of a stream that ended meanwhile, or never was: a reset for each frame would only invite more.
      if (frame.stream > last_stream_) reset_unknown(frame.stream, SpdyReset::InvalidStream);
      return;
    }
    if (it->second.peer_ended) return reset(frame.stream, SpdyReset::ProtocolError);
    if (!frame.fin) acknowledge(frame.stream, it->second.received, frame.data.size());
    if (!frame.data.empty() && !closing_) handler_->on_data(frame.stream, frame.data);
    if (!frame.fin || socket_ == nullptr) return;
    const auto again = streams_.find(frame.stream);  // the handler may have reset it
    if (again == streams_.end()) return;
    again->second.peer_ended = true;
    if (!closing_ && handler_) handler_->on_end(frame.stream);
    forget_if_done(streams_.find(frame.stream));
    end_if_done();
  }

  void acknowledge(std::uint32_t id, std::uint32_t& received, std::size_t size) {
    received += static_cast<std::uint32_t>(size);
    if (received < kAcknowledge) return;
    socket_->send(spdy_window_update(id, std::exchange(received, 0)));
  }

  void update_window(std::uint32_t id, std::uint32_t delta) {
    if (delta == 0) return;
    const auto add = [delta](Window& window) {
      window.is_kept = true;
      window.left = std::min(window.left + delta, kMaxWindow);
    };
    if (id == kConnection) {
      add(window_);
      return put_all_held();
    }
    const auto it = streams_.find(id);
    if (it == streams_.end()) return;
    add(it->second.window);
    put_held(it);
    tell_drained();
  }

  void set_initial_window(std::uint32_t size) {
    if (size > static_cast<std::uint32_t>(kMaxWindow)) return fail();
    const auto difference = static_cast<std::int64_t>(size) - initial_window_;
    initial_window_ = size;
    keeps_windows_ = true;
    for (auto& [id, stream] : streams_) {
      stream.window.left += difference;
      stream.window.is_kept = true;
    }
    put_all_held();
  }

  std::size_t room(const Stream& stream) const { return std::min(stream.window.room(), window_.room()); }

  /// Sends one frame; the last one with the FIN that waits for it.
  void put(std::uint32_t id, Stream& stream, std::string data) {
    const bool fin = stream.fin_held && stream.held.empty();
    if (data.empty() && !fin) return;
    stream.window.left -= static_cast<std::int64_t>(data.size());
    window_.left -= static_cast<std::int64_t>(data.size());
    // A peer without windows must not make them run out of their type.
    if (!stream.window.is_kept) stream.window.left = std::max(stream.window.left, -kMaxWindow);
    if (!window_.is_kept) window_.left = std::max(window_.left, -kMaxWindow);
    data.insert(0, spdy_data_header(id, data.size(), fin));
    socket_->send(std::move(data));
    stream.we_ended = fin;
  }

  void put_held(Streams::iterator it) {
    auto& [id, stream] = *it;
    while (!stream.held.empty()) {
      const auto size = std::min({stream.held.size(), room(stream), kMaxFrame});
      if (size == 0) return;
      auto piece = stream.held.substr(0, size);
      stream.held.erase(0, size);
      held_bytes_ -= size;
      put(id, stream, std::move(piece));
    }
    if (!stream.we_ended) put(id, stream, {});
    forget_if_done(it);
  }

  void put_all_held() {
    for (auto it = streams_.begin(); it != streams_.end();) {
      const auto next = std::next(it);
      put_held(it);
      it = next;
    }
    tell_drained();
  }

  void tell_drained() {
    if (handler_ && !closing_ && queued_bytes() <= kMaxQueued) handler_->on_drained();
  }

  void reset_unknown(std::uint32_t id, SpdyReset status) { socket_->send(spdy_rst_stream(id, status)); }

  void drop(Streams::iterator it) {
    if (it == streams_.end()) return;
    held_bytes_ -= it->second.held.size();
    streams_.erase(it);
  }

  void forget_if_done(Streams::iterator it) {
    if (it != streams_.end() && it->second.we_ended && it->second.peer_ended) drop(it);
  }

  void end_if_done() {
    if (closing_ && streams_.empty()) end();
  }

  /// The peer does not speak SPDY as we do.
  void fail() {
    socket_->send(spdy_go_away(last_stream_, kGoAwayProtocolError));
    end();
  }

  void end() {
    if (ended_ || socket_ == nullptr) return;
    ended_ = true;
    closing_ = true;
    timer_.reset();
    socket_->close();
    // The handler ends now: what it runs is of no use to anybody any more.
    if (const auto handler = std::exchange(handler_, nullptr)) handler->on_closed();
  }

  Reactor& reactor_;
  PeerSocket* socket_ = nullptr;
  std::shared_ptr<SpdyHandler> handler_;  ///< Null once it was told of the end.
  SpdyLimits limits_;
  SpdyReader reader_;
  SpdyHeaderWriter writer_;
  Streams streams_;
  Window window_;               ///< Of the connection.
  std::uint32_t received_ = 0;  ///< On all streams, since our last WINDOW_UPDATE.
  std::int64_t initial_window_ = kSpdyInitialWindow;
  bool keeps_windows_ = false;  ///< For new streams.
  std::uint32_t last_stream_ = 0;
  std::size_t held_bytes_ = 0;
  std::unique_ptr<ReactorHandle> timer_;
  bool closing_ = false;  ///< Our GOAWAY is sent.
  bool ended_ = false;
};

}  // namespace

std::shared_ptr<PeerSession> over_spdy(Reactor& reactor, std::shared_ptr<SpdyHandler> handler, SpdyLimits limits) {
  return std::make_shared<Connection>(reactor, std::move(handler), limits);
}

}  // namespace berth::api
