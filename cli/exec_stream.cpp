// cli/exec_stream.cpp - a command's streams in a container over WebSocket.
#include "cli/exec_stream.hpp"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <deque>
#include <iostream>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "base/json.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"
#include "cli/standard_streams.hpp"

namespace berth::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ws = boost::beast::websocket;
using asio::local::stream_protocol;

constexpr std::size_t kInputPiece = 32 * 1024;
constexpr std::size_t kMaxQueued = 1024 * 1024;
constexpr std::size_t kMaxMessage = 64 * 1024 * 1024;

/// A terminal in raw mode, and afterwards as we found it.
class RawTerminal {
 public:
  RawTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    auto modes = before_;
    ::cfmakeraw(&modes);
    raw_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &modes) == 0;
  }
  ~RawTerminal() {
    if (raw_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool raw_ = false;
};

/// The exit code in the final Status; other failures are errors.
Result<int> read_status(std::string_view text) {
  const auto status = parse_json(text);
  if (!status) return Error(ErrorCode::Internal, "the agent's final status cannot be read");
  if (find_string(*status, {"status"}) == "Success") return 0;
  const auto* causes = find(*status, {"details", "causes"});
  if (causes != nullptr && causes->is_array()) {
    for (const auto& cause : causes->get_array()) {
      if (find_string(cause, {"reason"}) != "ExitCode") continue;
      const auto code = find_string(cause, {"message"});
      int value = 1;
      std::from_chars(code.data(), code.data() + code.size(), value);
      std::cerr << fmt::format("command terminated with exit code {}\n", value);
      return value;
    }
  }
  return Error(ErrorCode::Unknown, std::string(find_string(*status, {"message"})));
}

class Session {
 public:
  Session(const Global& global, const StreamEnds& ends)
      : global_(global),
        ends_(ends),
        stream_(context_),
        resizes_(context_),
        ends_signals_(context_),
        input_(context_) {}

  Result<int> run(const std::string& target) {
    if (auto connected = connect(target); !connected) return connected.error();
    const bool raw = ends_.terminal && ::isatty(STDIN_FILENO) == 1;
    std::optional<RawTerminal> guard;
    if (raw) {
      guard.emplace();
      std::signal(SIGPIPE, SIG_IGN);  // the terminal has to be put right first
      send_size();
      resizes_.add(SIGWINCH);
      await_resize();
      for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ends_signals_.add(signal);
      ends_signals_.async_wait([this](beast::error_code error, int signal) {
        if (error) return;
        code_ = 128 + signal;
        stop();
      });
    }
    begin_input();
    read();
    context_.run();
    guard.reset();
    if (code_) return *code_;
    if (status_) return read_status(*status_);
    return Error(ErrorCode::Unavailable, "the connection to the agent was lost");
  }

 private:
  Status connect(const std::string& target) {
    beast::error_code error;
    stream_.next_layer().connect(stream_protocol::endpoint(global_.socket.string()), error);
    if (error) {
      return Error(
          ErrorCode::Unavailable,
          fmt::format("the connection to the agent at {} was refused - is berthd running?", global_.socket.string()));
    }
    stream_.set_option(ws::stream_base::decorator([](ws::request_type& request) {
      request.set(beast::http::field::sec_websocket_protocol, "v5.channel.k8s.io");
      request.set(beast::http::field::user_agent, "berth/" BERTH_VERSION);
    }));
    stream_.read_message_max(kMaxMessage);
    ws::response_type answer;
    stream_.handshake(answer, "localhost", target, error);
    if (error) {  // no upgrade: the body is a Status
      if (answer.body().empty())
        return Error(ErrorCode::Unavailable, fmt::format("open the streams: {}", error.message()));
      const auto read = read_reply({.code = answer.result_int(), .body = answer.body(), .warnings = {}});
      return read ? Error(ErrorCode::Unknown, "the agent did not upgrade the connection") : read.error();
    }
    stream_.binary(true);
    stream_.auto_fragment(false);
    return Ok{};
  }

  void read() {
    stream_.async_read(buffer_, [this](beast::error_code error, std::size_t) {
      if (error) return stop();
      if (!take({static_cast<const char*>(buffer_.cdata().data()), buffer_.size()})) {
        if (!code_) code_ = 1;
        return stop();
      }
      buffer_.clear();
      read();
    });
  }

  bool take(std::string_view message) {
    if (message.size() < 2) return true;
    const auto channel = message.front();
    message.remove_prefix(1);
    if (channel == 1 && ends_.take) return ends_.take(message);
    auto& out = channel == 1 ? std::cout : std::cerr;
    if (channel == 1 || channel == 2) return static_cast<bool>(out << message << std::flush);
    if (channel == 3) status_ = std::string(message);
    return true;
  }

  void begin_input() {
    if (ends_.produce) return produce();
    if (!ends_.own_stdin) return;
    if (auto watch = watch_shared(STDIN_FILENO, EPOLLIN)) input_.assign(watch.release());
    read_input();
  }

  /// Pieces from a callback, as fast as they are taken.
  void produce() {
    while (queued_ <= kMaxQueued && !input_ended_) {
      auto piece = ends_.produce();
      input_ended_ = piece.empty();
      send(input_ended_ ? std::string("\xff\x00", 2) : std::string(1, '\0') + piece);
    }
  }

  void send(std::string message) {
    queued_ += message.size();
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) write();
  }

  void write() {
    stream_.async_write(asio::buffer(queue_.front()), [this](beast::error_code error, std::size_t) {
      if (error) return;  // read() sees why
      const bool was_full = queued_ > kMaxQueued;
      queued_ -= queue_.front().size();
      queue_.pop_front();
      if (!queue_.empty()) write();
      if (was_full && queued_ <= kMaxQueued) ends_.produce ? produce() : read_input();
    });
  }

  void read_input() {
    // A wait and a read(2). A regular file cannot be waited for and is always ready.
    if (!input_.is_open()) return take_input();
    input_.async_wait(asio::posix::descriptor_base::wait_read, [this](beast::error_code error) {
      if (error != asio::error::operation_aborted) take_input();
    });
  }

  void take_input() {
    if (!readable_now(STDIN_FILENO)) return read_input();  // somebody else who has it read it
    std::array<char, kInputPiece> piece;
    const auto got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return read_input();
    if (got <= 0) {
      send(std::string("\xff\x00", 2));  // stdin ends
      return;
    }
    std::string message(1, '\0');
    message.append(piece.data(), static_cast<std::size_t>(got));
    send(std::move(message));
    if (queued_ <= kMaxQueued) asio::post(context_, [this] { read_input(); });
  }

  void await_resize() {
    resizes_.async_wait([this](beast::error_code error, int) {
      if (error) return;
      send_size();
      await_resize();
    });
  }

  void send_size() {
    winsize size{};
    if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return;
    send(fmt::format("\x04{{\"Width\":{},\"Height\":{}}}", size.ws_col, size.ws_row));
  }

  void stop() {
    beast::error_code ignored;
    resizes_.cancel(ignored);
    ends_signals_.cancel(ignored);
    if (input_.is_open()) input_.close(ignored);
    context_.stop();
  }

  const Global& global_;
  const StreamEnds& ends_;
  asio::io_context context_{1};
  ws::stream<stream_protocol::socket> stream_;
  asio::signal_set resizes_;
  asio::signal_set ends_signals_;
  asio::posix::stream_descriptor input_;
  beast::flat_buffer buffer_;
  std::deque<std::string> queue_;
  std::size_t queued_ = 0;
  bool input_ended_ = false;
  std::optional<std::string> status_;
  std::optional<int> code_;
};

}  // namespace

Result<int> run_stream(const Global& global, const std::string& target, const StreamEnds& ends) {
  try {
    return Session(global, ends).run(target);
  } catch (const std::exception& error) {  // a socket path that is too long, for one
    return Error(ErrorCode::Unknown, fmt::format("open the streams: {}", error.what()));
  }
}

}  // namespace berth::cli
