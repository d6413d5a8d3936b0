// api/streams/forwarded_port.cpp - pumps one connection to a port of a pod.
#include "api/streams/forwarded_port.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "api/request/peer_socket.hpp"

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
    context_.dial_lane.run([self = shared_from_this(), post = context_.reactor.post()] {
      const auto& dial = self->context_.config.dial_pod;
      auto dialled = std::make_shared<Result<UniqueFd>>(
          dial ? dial(self->target_.pod_uid, self->target_.port)
               : Result<UniqueFd>(Error(ErrorCode::Unimplemented, "this agent has no network for pods")));
      post([self, dialled] { self->dialled(std::move(*dialled)); });
    });
  }

  void input(std::string_view bytes) override {
    if (peer_ == nullptr || input_ended_ || input_gone_) return;
    if (input_.empty()) bytes.remove_prefix(put(bytes));
    if (bytes.empty()) return;
    input_ += bytes;
    if (input_.size() > kMaxQueued) peer_->set_reading(false);
    write_input();
  }

  void end_input() override {
    if (peer_ == nullptr || std::exchange(input_ended_, true)) return;
    write_input();
  }

  void drained() override { await_output(); }

  void abandon() override {
    peer_ = nullptr;
    close();
  }

 private:
  void dialled(Result<UniqueFd> result) {
    if (peer_ == nullptr) return;  // the client left meanwhile
    if (!result) {
      // The words of containerd and the kubelet.
      peer_->fail(fmt::format("error forwarding port {} to pod {}, uid : {}", target_.port, target_.pod_name,
                              result.error().message()));
      return finish();
    }
    fd_ = *std::move(result);
    ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
    await_output();
    write_input();
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

  std::size_t put(std::string_view bytes) {
    std::size_t taken = 0;
    while (fd_ && taken < bytes.size()) {
      const auto got = ::send(fd_.get(), bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL);
      if (got > 0) {
        taken += static_cast<std::size_t>(got);
      } else if (errno == EINTR) {
        continue;
      } else if (errno == EAGAIN) {
        break;
      } else {  // the pod takes nothing any more
        input_gone_ = true;
        return bytes.size();
      }
    }
    return taken;
  }

  void write_input() {
    if (!fd_ || peer_ == nullptr || input_wait_) return;
    if (!input_.empty()) input_.erase(0, put(input_));
    if (!input_.empty()) {
      // A descriptor of its own: epoll(7) knows each only once.
      if (!write_fd_) write_fd_ = UniqueFd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
      input_wait_ =
          context_.reactor.when_writable(write_fd_ ? write_fd_.get() : fd_.get(), [this, self = shared_from_this()] {
            input_wait_.reset();
            write_input();
          });
    }
    if (input_.size() <= kMaxQueued / 2) peer_->set_reading(true);
    if (input_.empty() && input_ended_ && !std::exchange(shut_, true)) ::shutdown(fd_.get(), SHUT_WR);
    finish_if_done();
  }

  void finish_if_done() {
    if (output_ended_ && (input_gone_ || (input_ended_ && input_.empty()))) finish();
  }

  void finish() {
    if (auto* const peer = std::exchange(peer_, nullptr)) peer->done();
    close();
  }

  void close() {
    output_wait_.reset();
    input_wait_.reset();
    write_fd_.reset();
    fd_.reset();
    input_.clear();
  }

  ApiContext& context_;
  const ForwardTarget target_;
  ForwardPeer* peer_ = nullptr;  ///< Null before it started, and when nobody listens any more.
  UniqueFd fd_;
  UniqueFd write_fd_;  ///< The same socket, for waiting until it takes more.
  std::string input_;
  std::unique_ptr<ReactorHandle> output_wait_;
  std::unique_ptr<ReactorHandle> input_wait_;
  bool output_ended_ = false;
  bool input_ended_ = false;
  bool input_gone_ = false;
  bool shut_ = false;
};

}  // namespace

std::shared_ptr<ForwardedPort> make_forwarded_port(ApiContext& context, ForwardTarget target) {
  return std::make_shared<Port>(context, std::move(target));
}

}  // namespace berth::api
