// api/request/byte_connection.cpp - a connection after its upgrade.
#include "api/request/byte_connection.hpp"

#include <poll.h>

#include <array>
#include <deque>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace berth::api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;

/// on_drained() comes when this much is left.
constexpr std::size_t kLowWater = 64 * 1024;
/// A peer that makes us answer (pings) and takes no answers is not read any more above this. Sessions stop earlier.
constexpr std::size_t kHardLimit = 4 * kMaxQueued;
constexpr std::size_t kReadSize = 32 * 1024;
constexpr std::size_t kBuffersPerWrite = 16;
/// After our end was sent: how long the peer may take to end, too.
constexpr std::chrono::seconds kLinger{10};
/// While nothing is read: how often we look whether the peer is still there.
constexpr std::chrono::seconds kLookAgain{1};

class Connection final : public PeerSocket, public std::enable_shared_from_this<Connection> {
 public:
  Connection(UnixStream stream, std::shared_ptr<PeerSession> session, std::shared_ptr<void> keep_alive)
      : stream_(std::move(stream)),
        timer_(stream_.get_executor()),
        session_(std::move(session)),
        keep_alive_(std::move(keep_alive)) {}

  ~Connection() override { end(); }

  void start(std::string head, std::string early) {
    stream_.expires_never();
    send(std::move(head));
    session_->on_open(*this);
    if (!early.empty() && session_) session_->on_message(early);
    read();
  }

  void send(std::string message) override {
    if (!session_ || closing_ || message.empty()) return;
    queued_bytes_ += message.size();
    queue_.push_back(std::move(message));
    write();
  }

  std::size_t queued_bytes() const override { return queued_bytes_; }

  void set_reading(bool reading) override {
    reading_ = reading;
    read();
  }

  void close() override {
    if (closing_ || !session_) return;
    closing_ = true;
    write();
    read();  // to the peer's end, even while its input was held back
  }

 private:
  bool may_read() const { return closing_ || (reading_ && queued_bytes_ <= kHardLimit); }

  void read() {
    if (!session_ || read_pending_) return;
    if (!may_read()) return look_for_hangup();
    read_pending_ = true;
    if (!buffer_) buffer_ = std::make_unique<std::array<char, kReadSize>>();
    stream_.async_read_some(asio::buffer(*buffer_),
                            [self = shared_from_this()](beast::error_code error, std::size_t size) {
                              if (error) return self->end();
                              if (self->session_ && !self->closing_) {
                                self->session_->on_message({self->buffer_->data(), size});
                              }
                              self->read_pending_ = false;  // only now: the session may ask to go on reading meanwhile
                              self->read();
                            });
  }

  /// Nobody reads, so nobody would see the end of the connection.
  void look_for_hangup() {
    if (looking_) return;
    looking_ = true;
    timer_.expires_after(kLookAgain);
    timer_.async_wait([self = shared_from_this()](beast::error_code error) {
      self->looking_ = false;
      if (error || !self->session_ || self->read_pending_) return;
      pollfd wanted{self->stream_.socket().native_handle(), POLLRDHUP, 0};
      if (::poll(&wanted, 1, 0) > 0 && (wanted.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) return self->end();
      self->read();
    });
  }

  void write() {
    if (!session_ || write_pending_) return;
    if (queue_.empty()) {
      if (closing_) send_end();
      return;
    }
    write_pending_ = true;
    buffers_.clear();
    for (const auto& piece : queue_) {
      if (buffers_.size() == kBuffersPerWrite) break;
      buffers_.push_back(asio::buffer(piece));
    }
    asio::async_write(stream_, buffers_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      self->write_pending_ = false;
      if (error) return self->end();
      for (std::size_t i = self->buffers_.size(); i > 0; --i) {
        self->queued_bytes_ -= self->queue_.front().size();
        self->queue_.pop_front();
      }
      if (self->session_ && !self->closing_ && self->queued_bytes_ <= kLowWater) self->session_->on_drained();
      self->write();
      self->read();
    });
  }

  /// Closing at once would make the kernel throw away what the peer has not read yet, when it still sends.
  void send_end() {
    beast::error_code ignored;
    stream_.socket().shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
    timer_.expires_after(kLinger);
    timer_.async_wait([self = shared_from_this()](beast::error_code error) {
      if (!error) self->end();
    });
  }

  void end() {
    if (!session_) return;
    const auto session = std::move(session_);
    session_.reset();
    session->on_closed();
    timer_.cancel();
    stream_.close();
    keep_alive_.reset();
  }

  UnixStream stream_;
  asio::steady_timer timer_;              ///< Looking for a hang-up, then lingering.
  std::shared_ptr<PeerSession> session_;  ///< Null once it was told of the end.
  std::shared_ptr<void> keep_alive_;
  std::unique_ptr<std::array<char, kReadSize>> buffer_;
  std::deque<std::string> queue_;
  std::vector<asio::const_buffer> buffers_;  ///< Being written: the front of the queue.
  std::size_t queued_bytes_ = 0;
  bool reading_ = true;
  bool closing_ = false;
  bool looking_ = false;
  bool read_pending_ = false;
  bool write_pending_ = false;
};

}  // namespace

void start_byte_connection(UnixStream stream, std::string head, std::string early, std::shared_ptr<PeerSession> session,
                           std::shared_ptr<void> keep_alive) {
  std::make_shared<Connection>(std::move(stream), std::move(session), std::move(keep_alive))
      ->start(std::move(head), std::move(early));
}

}  // namespace berth::api
