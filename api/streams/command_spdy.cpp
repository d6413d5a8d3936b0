// api/streams/command_spdy.cpp - a remote command over SPDY.
#include "api/streams/command_spdy.hpp"

#include <array>

#include "api/streams/spdy_connection.hpp"

namespace berth::api {

namespace {

constexpr std::chrono::seconds kStreamCreation{30};  // as the kubelet
/// Five streams at most are wanted; a client may try a few more in vain.
constexpr std::size_t kMaxStreams = 16;

enum Role : std::size_t { kError, kStdin, kStdout, kStderr, kResize, kRoles };
constexpr std::array<std::string_view, kRoles> kNames = {"error", "stdin", "stdout", "stderr", "resize"};

class SpdyCommand final : public SpdyHandler, public CommandPeer, public std::enable_shared_from_this<SpdyCommand> {
 public:
  SpdyCommand(Reactor& reactor, std::shared_ptr<RemoteCommand> command, std::string_view protocol,
              const CommandStreams& wanted)
      : reactor_(reactor), command_(std::move(command)), has_status_(protocol.starts_with("v4.")) {
    const bool has_resize = wanted.tty && (protocol.starts_with("v4.") || protocol.starts_with("v3."));
    wanted_ = {true, wanted.has_stdin, wanted.has_stdout, wanted.has_stderr, has_resize};
  }

  void on_open(SpdyStreams& streams) override {
    streams_ = &streams;
    timer_ = reactor_.after(kStreamCreation, [this] { streams_->close(); });
  }

  bool on_stream(std::uint32_t stream, const SpdyHeaders& headers) override {
    const auto type = header_value(headers, "streamtype");
    for (std::size_t role = 0; role < kRoles; ++role) {
      if (type != kNames[role]) continue;
      if (ids_[role] != 0) return false;
      ids_[role] = stream;
      start_if_ready();
      return true;
    }
    return false;
  }

  void on_data(std::uint32_t stream, std::string_view data) override {
    if (stream == ids_[kResize]) return command_->resize(data);
    if (stream != ids_[kStdin]) return;
    if (started_) return command_->input(data);
    early_ += data;
    if (early_.size() > kMaxQueued) streams_->close();
  }

  void on_end(std::uint32_t stream) override {
    if (stream != ids_[kStdin]) return;
    if (started_) return command_->end_input();
    early_end_ = true;
  }

  void on_reset(std::uint32_t stream) override { on_end(stream); }

  void on_drained() override { command_->drained(); }

  void on_closed() override {
    timer_.reset();
    streams_ = nullptr;
    command_->peer_gone();
  }

  void send_output(Output which, std::string bytes) override {
    streams_->send(ids_[which == Output::Stdout ? kStdout : kStderr], std::move(bytes));
  }
  std::size_t queued_bytes() const override { return streams_->queued_bytes(); }
  void set_reading(bool reading) override { streams_->set_reading(reading); }
  void finish(const CommandOutcome& outcome) override {
    streams_->send(ids_[kError], has_status_ ? outcome.status : outcome.text, /*fin=*/true);
    for (const auto role : {kStdout, kStderr, kStdin, kResize}) streams_->send(ids_[role], {}, /*fin=*/true);
    streams_->close();
  }

 private:
  void start_if_ready() {
    for (std::size_t role = 0; role < kRoles; ++role) {
      if (wanted_[role] && ids_[role] == 0) return;
    }
    if (std::exchange(started_, true)) return;
    timer_.reset();
    command_->start(*this);
    if (!early_.empty()) command_->input(std::exchange(early_, {}));
    if (early_end_) command_->end_input();
  }

  Reactor& reactor_;
  std::shared_ptr<RemoteCommand> command_;
  SpdyStreams* streams_ = nullptr;
  std::array<bool, kRoles> wanted_{};
  std::array<std::uint32_t, kRoles> ids_{};  ///< 0: not opened.
  std::unique_ptr<ReactorHandle> timer_;
  std::string early_;  ///< Came before the last of the streams.
  bool early_end_ = false;
  bool has_status_;
  bool started_ = false;
};

}  // namespace

std::shared_ptr<PeerSession> make_command_spdy(Reactor& reactor, std::shared_ptr<RemoteCommand> command,
                                               std::string_view protocol, const CommandStreams& wanted) {
  auto handler = std::make_shared<SpdyCommand>(reactor, std::move(command), protocol, wanted);
  return over_spdy(reactor, std::move(handler), {.streams = kMaxStreams});
}

}  // namespace berth::api
