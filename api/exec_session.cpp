// api/exec_session.cpp - pumps a command's streams through a WebSocket.
#include "api/exec_session.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include <fmt/format.h>

#include "api/api_error.hpp"
#include "api/tables/field.hpp"

namespace berth::api {

namespace {

enum Channel : unsigned char { kStdin = 0, kStdout = 1, kStderr = 2, kError = 3, kResize = 4, kCloseStream = 255 };

constexpr std::size_t kMaxQueued = 1024 * 1024;
constexpr std::size_t kReadSize = 32 * 1024;
/// A child left behind may hold the output open: after the process ended we wait this long for the rest.
constexpr std::chrono::seconds kOutputGrace{2};

/// One of the process's output streams.
struct Output {
  Channel channel = kStdout;
  int fd = -1;  ///< -1: not asked for, or at its end.
  std::unique_ptr<ReactorHandle> wait;
};

class Session final : public WebSocketSession, public std::enable_shared_from_this<Session> {
 public:
  Session(ApiContext& context, std::string container_id, runtime::ExecOptions options)
      : context_(context), container_id_(std::move(container_id)), options_(std::move(options)) {}

  void on_open(WebSocket& socket) override {
    socket_ = &socket;
    context_.lane.run([self = shared_from_this(), post = context_.reactor.post()] {
      auto started = std::make_shared<Result<std::unique_ptr<runtime::ExecSession>>>(
          self->context_.runtime.exec_stream(self->container_id_, self->options_));
      post([self, started] { self->started(std::move(*started)); });
    });
  }

  void on_message(std::string_view message, bool) override {
    if (message.empty()) return;
    const auto channel = static_cast<unsigned char>(message.front());
    message.remove_prefix(1);
    if (channel == kStdin && !stdin_closing_) {
      input_ += message;
      if (input_.size() > kMaxQueued) socket_->set_reading(false);
      write_input();
    } else if (channel == kResize) {
      resize(message);
    } else if (channel == kCloseStream && !message.empty() && message.front() == static_cast<char>(kStdin)) {
      stdin_closing_ = true;
      write_input();
    }
  }

  void on_drained() override {
    for (auto& output : outputs_) await_output(output);
  }

  void on_closed() override {
    socket_ = nullptr;
    drop_process();
  }

 private:
  void started(Result<std::unique_ptr<runtime::ExecSession>> result) {
    if (!result) {
      if (socket_ != nullptr) finish(json::serialize(encode_status(internal(result.error().message()))));
      return;
    }
    process_ = std::shared_ptr<runtime::ExecSession>(*std::move(result));
    if (socket_ == nullptr) return drop_process();  // the client left while it started
    process_->on_exit([weak = weak_from_this(), post = context_.reactor.post()](Result<std::int32_t> code) {
      post([weak, code = std::move(code)] {
        if (const auto self = weak.lock()) self->exited(code);
      });
    });
    outputs_[0].channel = kStdout;
    outputs_[0].fd = process_->stdout_fd();
    outputs_[1].channel = kStderr;
    outputs_[1].fd = process_->stderr_fd();
    for (auto& output : outputs_) await_output(output);
    if (first_size_) resize_to(*std::exchange(first_size_, std::nullopt));
    write_input();
  }

  void await_output(Output& output) {
    if (output.fd < 0 || output.wait || socket_ == nullptr || socket_->queued_bytes() > kMaxQueued) return;
    output.wait = context_.reactor.when_readable(output.fd, [this, &output, self = shared_from_this()] {
      output.wait.reset();
      read_output(output);
    });
  }

  void read_output(Output& output) {
    if (output.fd < 0 || socket_ == nullptr) return;
    std::array<char, kReadSize> buffer;
    const auto got = ::read(output.fd, buffer.data(), buffer.size());
    if (got > 0) {
      std::string message(1, static_cast<char>(output.channel));
      message.append(buffer.data(), static_cast<std::size_t>(got));
      socket_->send(std::move(message));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      output.fd = -1;
      finish_if_done();
      return;
    }
    await_output(output);
  }

  void write_input() {
    if (!process_ || socket_ == nullptr || input_wait_ || process_->stdin_fd() < 0) return;
    while (!input_.empty()) {
      const auto put = ::write(process_->stdin_fd(), input_.data(), input_.size());
      if (put > 0) {
        input_.erase(0, static_cast<std::size_t>(put));
      } else if (put < 0 && errno == EAGAIN) {
        input_wait_ = context_.reactor.when_writable(process_->stdin_fd(), [self = shared_from_this()] {
          self->input_wait_.reset();
          self->write_input();
        });
        break;
      } else if (put < 0 && errno != EINTR) {
        input_.clear();  // the process closed its stdin: the rest goes nowhere, as in a pipe
      }
    }
    if (input_.size() <= kMaxQueued / 2) socket_->set_reading(true);
    if (stdin_closing_ && input_.empty() && !stdin_closed_) {
      stdin_closed_ = true;
      on_lane([](runtime::ExecSession& process) { static_cast<void>(process.close_stdin()); });
    }
  }

  /// {"Width":80,"Height":24}
  void resize(std::string_view text) {
    const auto size = parse_json(text);
    if (!size || !size->is_object()) return;
    const auto width = number_at(size->get_object(), {"Width"});
    const auto height = number_at(size->get_object(), {"Height"});
    if (width <= 0 || height <= 0 || width > UINT16_MAX || height > UINT16_MAX) return;
    resize_to({static_cast<std::uint16_t>(width), static_cast<std::uint16_t>(height)});
  }

  void resize_to(std::pair<std::uint16_t, std::uint16_t> size) {
    if (!process_) {
      first_size_ = size;
      return;
    }
    on_lane([size](runtime::ExecSession& process) { static_cast<void>(process.resize(size.first, size.second)); });
  }

  /// Calls of the process's session may block on its shim.
  void on_lane(std::function<void(runtime::ExecSession&)> call) {
    context_.lane.run([process = process_, call = std::move(call)] { call(*process); });
  }

  void exited(const Result<std::int32_t>& code) {
    exit_ = code ? exit_status_text(*code) : json::serialize(encode_status(internal(code.error().message())));
    grace_ = context_.reactor.after(kOutputGrace, [self = shared_from_this()] {
      for (auto& output : self->outputs_) output.fd = -1;
      self->finish_if_done();
    });
    finish_if_done();
  }

  void finish_if_done() {
    if (!exit_ || outputs_[0].fd >= 0 || outputs_[1].fd >= 0 || socket_ == nullptr) return;
    finish(*exit_);
  }

  void finish(const std::string& status) {
    socket_->send(std::string(1, static_cast<char>(kError)) + status);
    socket_->close();
    drop_process();
  }

  /// Destroying the session kills the process, which may take a while: not on this thread.
  void drop_process() {
    for (auto& output : outputs_) {
      output.wait.reset();
      output.fd = -1;
    }
    input_wait_.reset();
    grace_.reset();
    if (!process_) return;
    context_.lane.run([process = std::move(process_)]() mutable { process.reset(); });
    process_.reset();
  }

  ApiContext& context_;
  std::string container_id_;
  runtime::ExecOptions options_;
  WebSocket* socket_ = nullptr;  ///< Null before it opened and after it closed.
  std::shared_ptr<runtime::ExecSession> process_;
  std::array<Output, 2> outputs_;
  std::string input_;
  std::unique_ptr<ReactorHandle> input_wait_;
  std::unique_ptr<ReactorHandle> grace_;
  std::optional<std::pair<std::uint16_t, std::uint16_t>> first_size_;  ///< Came before the process.
  std::optional<std::string> exit_;
  bool stdin_closing_ = false;
  bool stdin_closed_ = false;
};

}  // namespace

std::shared_ptr<WebSocketSession> make_exec_session(ApiContext& context, std::string container_id,
                                                    runtime::ExecOptions options) {
  return std::make_shared<Session>(context, std::move(container_id), std::move(options));
}

std::string exit_status_text(std::int32_t exit_code) {
  if (exit_code == 0) return R"({"metadata":{},"status":"Success"})";
  return json::serialize(json::object{
      {"metadata", json::object{}},
      {"status", "Failure"},
      {"message", fmt::format("command terminated with non-zero exit code: exit status {}", exit_code)},
      {"reason", "NonZeroExitCode"},
      {"details",
       {{"causes", json::array{json::object{{"reason", "ExitCode"}, {"message", std::to_string(exit_code)}}}}}}});
}

}  // namespace berth::api
