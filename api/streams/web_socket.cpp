// api/streams/web_socket.cpp - WebSocket framing between a session and its connection.
#include "api/streams/web_socket.hpp"

#include "api/streams/web_socket_frames.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kMaxMessage = 1024 * 1024;
/// After our Close: how long the peer may take to read what is before it, and to answer. It may have stopped its
/// terminal; a session that has ended costs us little.
constexpr std::chrono::minutes kCloseWait{2};

class Framing final : public PeerSession, public PeerSocket, public std::enable_shared_from_this<Framing> {
 public:
  Framing(Reactor& reactor, std::shared_ptr<PeerSession> session) : reactor_(reactor), session_(std::move(session)) {}

  // --- towards the connection

  void on_open(PeerSocket& socket) override {
    socket_ = &socket;
    session_->on_open(*this);
  }

  void on_message(std::string_view input) override {
    const auto self = shared_from_this();
    while (socket_ != nullptr && !ended_) {
      const auto message = reader_.next(input);
      if (!message) {
        return end(message.error().code() == ErrorCode::ResourceExhausted ? kCloseTooBig : kCloseProtocolError);
      }
      if (!*message) return;
      take(**message);
    }
  }

  void on_drained() override {
    if (session_ && !closing_) session_->on_drained();
  }

  void on_closed() override {
    const auto self = shared_from_this();
    socket_ = nullptr;
    timer_.reset();
    if (const auto session = std::exchange(session_, nullptr)) session->on_closed();
  }

  // --- towards the session

  void send(std::string message) override {
    if (closing_) return;
    message.insert(0, web_socket_header(WebSocketOpcode::Binary, message.size()));
    socket_->send(std::move(message));
  }

  std::size_t queued_bytes() const override { return socket_->queued_bytes(); }

  void set_reading(bool reading) override { socket_->set_reading(reading || closing_); }

  void close() override {
    if (closing_) return;
    send_close(kCloseNormal);
    socket_->set_reading(true);  // for the peer's Close
    timer_ = reactor_.after(kCloseWait, [self = shared_from_this()] {
      if (self->socket_ != nullptr) self->socket_->close();
    });
  }

 private:
  void take(const WebSocketMessage& message) {
    switch (message.opcode) {
      case WebSocketOpcode::Text:
      case WebSocketOpcode::Binary:
        if (!closing_) session_->on_message(message.payload);
        return;
      case WebSocketOpcode::Ping: {
        auto pong = web_socket_header(WebSocketOpcode::Pong, message.payload.size());
        pong += message.payload;
        if (!closing_) socket_->send(std::move(pong));
        return;
      }
      case WebSocketOpcode::Close: return end(kCloseNormal);
      case WebSocketOpcode::Pong:
      case WebSocketOpcode::Continuation: return;
    }
  }

  void send_close(std::uint16_t code) {
    closing_ = true;
    const auto payload = close_payload(code);
    socket_->send(web_socket_header(WebSocketOpcode::Close, payload.size()) + payload);
  }

  /// The peer said its last word, or one that we do not understand.
  void end(std::uint16_t code) {
    if (!closing_) send_close(code);
    ended_ = true;
    timer_.reset();
    socket_->close();
    // The session ends now: what it runs is of no use to anybody any more.
    if (const auto session = std::exchange(session_, nullptr)) session->on_closed();
  }

  Reactor& reactor_;
  PeerSocket* socket_ = nullptr;
  std::shared_ptr<PeerSession> session_;  ///< Null once it was told of the end.
  WebSocketReader reader_{kMaxMessage};
  std::unique_ptr<ReactorHandle> timer_;
  bool closing_ = false;  ///< Our Close is sent.
  bool ended_ = false;    ///< The peer's, too.
};

}  // namespace

std::shared_ptr<PeerSession> over_web_socket(Reactor& reactor, std::shared_ptr<PeerSession> session) {
  return std::make_shared<Framing>(reactor, std::move(session));
}

}  // namespace berth::api
