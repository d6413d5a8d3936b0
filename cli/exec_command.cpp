// cli/exec_command.cpp - berth exec: a command in a container, with this terminal.
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <deque>
#include <iostream>
#include <optional>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "cli/commands.hpp"
#include "cli/http_client.hpp"
#include "cli/messages.hpp"
#include "cli/resources.hpp"

namespace berth::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ws = boost::beast::websocket;
using asio::local::stream_protocol;

constexpr std::size_t kInputPiece = 32 * 1024;
constexpr std::size_t kMaxQueued = 1024 * 1024;

/// The terminal passes every key on while this lives.
class RawTerminal {
 public:
  RawTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    auto raw = before_;
    ::cfmakeraw(&raw);
    active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  ~RawTerminal() {
    if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool active_ = false;
};

void write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto put = ::write(fd, data.data(), data.size());
    if (put > 0) data.remove_prefix(static_cast<std::size_t>(put));
    if (put < 0 && errno != EINTR) return;  // nobody reads our output any more
  }
}

/// The exit code in the final Status; a text for the user where it is another failure.
int read_status(std::string_view text) {
  const auto status = parse_json(text);
  if (!status) return fail(Error(ErrorCode::Internal, "the agent's final status cannot be read"));
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
  return fail(Error(ErrorCode::Unknown, std::string(find_string(*status, {"message"}))));
}

class Session {
 public:
  Session(const Global& global, const ExecCommand& options)
      : global_(global), options_(options), stream_(context_), signals_(context_), input_(context_) {}

  int run(const std::string& target) {
    beast::error_code error;
    stream_.next_layer().connect(stream_protocol::endpoint(global_.socket.string()), error);
    if (error) {
      return fail(
          {ErrorCode::Unavailable,
           fmt::format("the connection to the agent at {} was refused - is berthd running?", global_.socket.string())});
    }
    stream_.set_option(ws::stream_base::decorator([](ws::request_type& request) {
      request.set(beast::http::field::sec_websocket_protocol, "v5.channel.k8s.io");
      request.set(beast::http::field::user_agent, "berth/" BERTH_VERSION);
    }));
    ws::response_type answer;
    stream_.handshake(answer, "localhost", target, error);
    if (error) return refused(answer, error);
    stream_.binary(true);
    stream_.auto_fragment(false);
    std::optional<RawTerminal> raw;
    if (options_.tty && ::isatty(STDIN_FILENO) == 1) {
      raw.emplace();
      send_size();
      signals_.add(SIGWINCH);
      await_resize();
    }
    if (options_.has_stdin) {
      input_.assign(::dup(STDIN_FILENO), error);
      read_input();
    }
    read();
    context_.run();
    raw.reset();
    if (status_) return read_status(*status_);
    return fail({ErrorCode::Unavailable, "the connection to the agent was lost"});
  }

 private:
  /// The answer was no upgrade: its body is a Status.
  static int refused(const ws::response_type& answer, const beast::error_code& error) {
    if (answer.body().empty()) return fail({ErrorCode::Unavailable, fmt::format("exec: {}", error.message())});
    const auto read = read_reply({.code = answer.result_int(), .body = answer.body(), .warnings = {}});
    return fail(read ? Error(ErrorCode::Unknown, "the agent did not upgrade the connection") : read.error());
  }

  void read() {
    stream_.async_read(buffer_, [this](beast::error_code error, std::size_t) {
      if (error) return stop();
      take({static_cast<const char*>(buffer_.cdata().data()), buffer_.size()});
      buffer_.clear();
      read();
    });
  }

  void take(std::string_view message) {
    if (message.size() < 2) return;
    const auto channel = message.front();
    message.remove_prefix(1);
    if (channel == 1) write_all(STDOUT_FILENO, message);
    if (channel == 2) write_all(STDERR_FILENO, message);
    if (channel == 3) status_ = std::string(message);
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
      if (was_full && queued_ <= kMaxQueued) read_input();
    });
  }

  void read_input() {
    // A wait and a read(2). A regular file cannot be waited for (epoll_ctl(2): EPERM) and is always ready: the wait
    // ends with operation_not_supported, and the read finds data.
    if (!input_.is_open()) return take_input();
    input_.async_wait(asio::posix::descriptor_base::wait_read, [this](beast::error_code error) {
      if (error != asio::error::operation_aborted) take_input();
    });
  }

  void take_input() {
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
    signals_.async_wait([this](beast::error_code error, int) {
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
    signals_.cancel();
    if (input_.is_open()) input_.close();
    context_.stop();
  }

  const Global& global_;
  const ExecCommand& options_;
  asio::io_context context_{1};
  ws::stream<stream_protocol::socket> stream_;
  asio::signal_set signals_;
  asio::posix::stream_descriptor input_;
  beast::flat_buffer buffer_;
  std::deque<std::string> queue_;
  std::size_t queued_ = 0;
  std::optional<std::string> status_;
};

}  // namespace

int run_exec(const Global& global, const ExecCommand& options) {
  auto pod = options.pod;
  for (const std::string_view prefix : {"pod/", "pods/", "po/"}) {
    if (pod.starts_with(prefix)) pod.erase(0, prefix.size());
  }
  auto command = options;
  if (options.tty && ::isatty(STDIN_FILENO) != 1) {
    std::cerr << "Unable to use a TTY - input is not a terminal or the right kind of file\n";
    command.tty = false;
  }
  auto target = resource_path(model::info(model::Kind::Pod), global.ns, pod) + "/exec?stdout=true";
  for (const auto& word : options.command) target += "&command=" + url_encode(word);
  if (!options.container.empty()) target += "&container=" + url_encode(options.container);
  if (options.has_stdin) target += "&stdin=true";
  target += command.tty ? "&tty=true" : "&stderr=true";
  try {
    return Session(global, command).run(target);
  } catch (const std::exception& error) {
    return fail(Error(ErrorCode::Unknown, fmt::format("exec: {}", error.what())));
  }
}

}  // namespace berth::cli
