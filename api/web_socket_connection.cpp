// api/web_socket_connection.cpp - a connection after its upgrade.
#include "api/web_socket_connection.hpp"

#include <deque>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

namespace berth::api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ws = boost::beast::websocket;

constexpr std::size_t kMaxMessage = 1024 * 1024;
/// on_drained() comes when this much is left.
constexpr std::size_t kLowWater = 64 * 1024;

class Connection final : public WebSocket, public std::enable_shared_from_this<Connection> {
 public:
  Connection(UnixStream stream, std::shared_ptr<WebSocketSession> session, std::shared_ptr<void> keep_alive)
      : stream_(std::move(stream)), session_(std::move(session)), keep_alive_(std::move(keep_alive)) {}

  ~Connection() override { end(); }

  void start(const beast::http::request<beast::http::string_body>& request, std::string sub_protocol) {
    beast::get_lowest_layer(stream_).expires_never();
    auto timeouts = ws::stream_base::timeout::suggested(beast::role_type::server);
    timeouts.keep_alive_pings = true;  // a peer that vanished is noticed within the idle time
    stream_.set_option(timeouts);
    stream_.set_option(
        ws::stream_base::decorator([sub_protocol = std::move(sub_protocol)](ws::response_type& response) {
          response.set(beast::http::field::sec_websocket_protocol, sub_protocol);
          response.set(beast::http::field::server, "berth/" BERTH_VERSION);
        }));
    stream_.read_message_max(kMaxMessage);
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.async_accept(request, [self = shared_from_this()](beast::error_code error) {
      if (error) return self->end();
      self->open_ = true;
      self->session_->on_open(*self);
      self->read();
    });
  }

  void send(std::string message) override {
    if (!session_ || closing_) return;
    queued_bytes_ += message.size();
    queue_.push_back(std::move(message));
    write();
  }

  std::size_t queued_bytes() const override { return queued_bytes_; }

  void set_reading(bool reading) override {
    reading_ = reading;
    // Pending operations keep a connection alive; while its input is held back there may be none.
    const auto self = shared_from_this();
    paused_ = reading ? nullptr : self;
    read();
  }

  void close() override {
    const auto self = std::exchange(paused_, nullptr);
    closing_ = true;
    reading_ = true;  // the peer's Close is read even while its input was held back
    read();
    write();
  }

 private:
  void read() {
    if (!open_ || !session_ || read_pending_ || !reading_) return;
    read_pending_ = true;
    stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->end();
      const auto data = self->buffer_.cdata();
      if (self->session_ && !self->closing_) {
        self->session_->on_message({static_cast<const char*>(data.data()), data.size()}, self->stream_.got_binary());
      }
      self->buffer_.clear();
      self->read_pending_ = false;  // only now: the session may ask to go on reading from within on_message()
      self->read();
    });
  }

  void write() {
    if (!open_ || !session_ || write_pending_) return;
    if (queue_.empty()) {
      if (closing_) send_close();
      return;
    }
    write_pending_ = true;
    stream_.async_write(asio::buffer(queue_.front()),
                        [self = shared_from_this()](beast::error_code error, std::size_t) {
                          self->write_pending_ = false;
                          if (error) return self->end();
                          self->queued_bytes_ -= self->queue_.front().size();
                          self->queue_.pop_front();
                          if (self->session_ && !self->closing_ && self->queued_bytes_ <= kLowWater)
                            self->session_->on_drained();
                          self->write();
                        });
  }

  void send_close() {
    write_pending_ = true;
    stream_.async_close(ws::close_code::normal, [self = shared_from_this()](beast::error_code) { self->end(); });
  }

  void end() {
    if (!session_) return;
    const auto self = std::exchange(paused_, nullptr);
    const auto session = std::move(session_);
    session_.reset();
    session->on_closed();
    beast::get_lowest_layer(stream_).cancel();
  }

  ws::stream<UnixStream> stream_;
  std::shared_ptr<WebSocketSession> session_;  ///< Null once it was told of the end.
  std::shared_ptr<void> keep_alive_;
  beast::flat_buffer buffer_;
  std::deque<std::string> queue_;
  std::size_t queued_bytes_ = 0;
  std::shared_ptr<Connection> paused_;  ///< Ourselves, while reading is held back.
  bool open_ = false;
  bool reading_ = true;
  bool closing_ = false;
  bool read_pending_ = false;
  bool write_pending_ = false;
};

}  // namespace

void start_web_socket(UnixStream stream, const beast::http::request<beast::http::string_body>& request,
                      std::shared_ptr<WebSocketSession> session, std::string sub_protocol,
                      std::shared_ptr<void> keep_alive) {
  std::make_shared<Connection>(std::move(stream), std::move(session), std::move(keep_alive))
      ->start(request, std::move(sub_protocol));
}

}  // namespace berth::api
