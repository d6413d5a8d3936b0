// api/streams/body_session.cpp - see body_session.hpp.
#include "api/streams/body_session.hpp"

#include <string>
#include <utility>

namespace berth::api {

namespace {

class BodySession final : public PeerSession, public std::enable_shared_from_this<BodySession> {
 public:
  explicit BodySession(std::unique_ptr<BodySource> body) : body_(std::move(body)) {}

  void on_open(PeerSocket& socket) override {
    socket_ = &socket;
    if (!body_) return socket_->close();
    body_->on_wake([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->pump();
    });
    pump();
  }
  void on_message(std::string_view) override {}
  void on_drained() override { pump(); }
  void on_closed() override {
    socket_ = nullptr;
    body_.reset();
  }

 private:
  void pump() {
    while (socket_ != nullptr && body_ && socket_->queued_bytes() <= kMaxQueued) {
      std::string piece;
      const auto state = body_->read(piece);
      if (!piece.empty()) socket_->send(std::move(piece));
      if (state == BodySource::State::Later) return;
      if (state == BodySource::State::More) continue;
      body_.reset();
      if (socket_ != nullptr) socket_->close();
    }
  }

  std::unique_ptr<BodySource> body_;
  PeerSocket* socket_ = nullptr;
};

}  // namespace

std::shared_ptr<PeerSession> make_body_session(std::unique_ptr<BodySource> body) {
  return std::make_shared<BodySession>(std::move(body));
}

}  // namespace berth::api
