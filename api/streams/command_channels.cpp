// api/streams/command_channels.cpp - a remote command over a WebSocket.
#include "api/streams/command_channels.hpp"

#include "api/streams/channel_framing.hpp"

namespace berth::api {

namespace {

enum Channel : unsigned char { kStdin = 0, kStdout = 1, kStderr = 2, kError = 3, kResize = 4, kCloseStream = 255 };

class Channels final : public PeerSession, public CommandPeer, public std::enable_shared_from_this<Channels> {
 public:
  Channels(std::shared_ptr<RemoteCommand> command, std::string_view protocol)
      : command_(std::move(command)),
        has_status_(protocol.starts_with("v4.") || protocol.starts_with("v5.")),
        framing_(protocol) {}

  void on_open(PeerSocket& socket) override {
    socket_ = &socket;
    command_->start(*this);
  }

  void on_message(std::string_view message) override {
    const auto self = shared_from_this();
    const auto part = framing_.read(message);
    if (!part) return;
    if (part->channel == kStdin) {
      command_->input(part->bytes);
    } else if (part->channel == kResize) {
      command_->resize(part->bytes);
    } else if (part->channel == kCloseStream && part->bytes.starts_with(static_cast<char>(kStdin))) {
      command_->end_input();
    }
  }

  void on_drained() override { command_->drained(); }

  void on_closed() override {
    socket_ = nullptr;
    command_->peer_gone();
  }

  void send_output(Output which, std::string bytes) override {
    send(which == Output::Stdout ? kStdout : kStderr, std::move(bytes));
  }
  std::size_t queued_bytes() const override { return socket_->queued_bytes(); }
  void set_reading(bool reading) override { socket_->set_reading(reading); }
  void finish(const CommandOutcome& outcome) override {
    const auto& text = has_status_ ? outcome.status : outcome.text;
    if (!text.empty()) send(kError, text);
    socket_->close();
  }

 private:
  void send(Channel channel, std::string bytes) { socket_->send(framing_.write(channel, std::move(bytes))); }

  PeerSocket* socket_ = nullptr;
  std::shared_ptr<RemoteCommand> command_;
  bool has_status_;
  ChannelFraming framing_;
};

}  // namespace

std::shared_ptr<PeerSession> make_command_channels(std::shared_ptr<RemoteCommand> command, std::string_view protocol) {
  return std::make_shared<Channels>(std::move(command), protocol);
}

}  // namespace berth::api
