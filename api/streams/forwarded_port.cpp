// api/streams/forwarded_port.cpp - pumps one connection to a port of a pod.
#include "api/streams/forwarded_port.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "api/request/peer_socket.hpp"
#include "api/streams/input_pump.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kReadSize = 32 * 1024;
/// Reads in one go before others get their turn.
constexpr int kReadsPerTurn = 4;

class Port final : public ForwardedPort, public std::enable_shared_from_this<Port> {
 public:
  Port(ApiContext& context, ForwardTarget target) : context_(context), target_(std::move(target)) {}

  void start(ForwardPeer& peer) override {
    peer_ = &peer;
    if (target_.connect) {
      return target_.connect([self = shared_from_this()](Result<UniqueFd> made) { self->dialled(std::move(made)); });
    }
    context_.dial_lane.run([self = shared_from_this(), post = context_.reactor.post()] {
      auto dialled = std::make_shared<Result<UniqueFd>>(self->dial());
      post([self, dialled] { self->dialled(std::move(*dialled)); });
    });
  }

  void input(std::string_view bytes) override {
    if (peer_ != nullptr) input_.take(bytes);
  }

  void end_input() override {
    if (peer_ != nullptr) input_.end();
  }

  void drained() override { await_output(); }

  void abandon() override {
    peer_ = nullptr;
    close();
  }

 private:
  Result<UniqueFd> dial() const {
    if (target_.dial) return target_.dial();
    const auto& dial = context_.config.dial_pod;
    if (!dial) return Error(ErrorCode::Unimplemented, "this agent has no network for pods");
    auto made = dial(target_.pod_uid, target_.port);
    if (made) return made;
    // The words of containerd and the kubelet.
    return Error(made.error().code(), fmt::format("error forwarding port {} to pod {}, uid : {}", target_.port,
                                                  target_.pod_name, made.error().message()));
  }

  void dialled(Result<UniqueFd> result) {
    if (peer_ == nullptr) return;  // the client left meanwhile
    if (!result) {
      peer_->fail(result.error().message());
      return finish();
    }
    fd_ = *std::move(result);
    ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
    await_output();
    // A descriptor of its own: epoll(7) knows each only once.
    write_fd_ = UniqueFd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
    input_.open(write_fd_ ? write_fd_.get() : fd_.get(), send_some, weak_from_this());
  }

  void await_output() {
    if (!fd_ || output_ended_ || output_wait_ || peer_ == nullptr || peer_->queued_bytes() > kMaxQueued) return;
    output_wait_ = context_.reactor.when_readable(fd_.get(), [this, self = shared_from_this()] {
      output_wait_.reset();
      read_output();
    });
  }

  void read_output() {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      if (!fd_ || peer_ == nullptr || peer_->queued_bytes() > kMaxQueued) return;
      std::array<char, kReadSize> buffer;
      const auto got = ::read(fd_.get(), buffer.data(), buffer.size());
      if (got > 0) {
        peer_->send_data({buffer.data(), static_cast<std::size_t>(got)});
        continue;
      }
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        // A reset ends it as well: for the client both are the end of what it can read.
        output_ended_ = true;
        peer_->end_output();
        return finish_if_done();
      }
      break;
    }
    await_output();
  }

  static ssize_t send_some(int fd, const char* bytes, std::size_t size) {
    return ::send(fd, bytes, size, MSG_NOSIGNAL);
  }

  void on_input_progress() {
    if (fd_ && input_.written() && !std::exchange(shut_, true)) ::shutdown(fd_.get(), SHUT_WR);
    finish_if_done();
  }

  void finish_if_done() {
    if (output_ended_ && (input_.gone() || input_.written())) finish();
  }

  void finish() {
    if (auto* const peer = std::exchange(peer_, nullptr)) peer->done();
    close();
  }

  void close() {
    output_wait_.reset();
    input_.close();
    write_fd_.reset();
    fd_.reset();
  }

  ApiContext& context_;
  const ForwardTarget target_;
  ForwardPeer* peer_ = nullptr;  ///< Null before it started, and when nobody listens any more.
  UniqueFd fd_;
  UniqueFd write_fd_;  ///< The same socket, for waiting until it takes more.
  InputPump input_{context_.reactor,
                   {.set_reading =
                        [this](bool more) {
                          if (peer_ != nullptr) peer_->set_reading(more);
                        },
                    .on_progress = [this] { on_input_progress(); }}};
  std::unique_ptr<ReactorHandle> output_wait_;
  bool output_ended_ = false;
  bool shut_ = false;
};

}  // namespace

std::shared_ptr<ForwardedPort> make_forwarded_port(ApiContext& context, ForwardTarget target) {
  return std::make_shared<Port>(context, std::move(target));
}

}  // namespace berth::api
