// api/streams/remote_command.cpp - pumps a process's streams.
#include "api/streams/remote_command.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include <fmt/format.h>

#include "api/encoding/field.hpp"
#include "api/request/api_error.hpp"
#include "api/request/peer_socket.hpp"
#include "api/streams/input_pump.hpp"

namespace berth::api {

namespace {

constexpr std::size_t kReadSize = 32 * 1024;
/// Reads in one go before others get their turn.
constexpr int kReadsPerTurn = 4;
/// A child left behind may hold the output open: after the process ended we wait this long for the rest.
constexpr std::chrono::seconds kOutputGrace{2};

/// One of the process's output streams.
struct Output {
  CommandPeer::Output which = CommandPeer::Output::Stdout;
  int fd = -1;  ///< -1: not asked for, or at its end.
  std::unique_ptr<ReactorHandle> wait;
};

class Command final : public RemoteCommand, public std::enable_shared_from_this<Command> {
 public:
  Command(ApiContext& context, CommandOptions options) : context_(context), options_(std::move(options)) {}

  void start(CommandPeer& peer) override {
    peer_ = &peer;
    context_.lane.run([self = shared_from_this(), post = context_.reactor.post()] {
      auto begun = std::make_shared<Result<std::unique_ptr<runtime::ExecSession>>>(self->options_.begin());
      post([self, begun] { self->begun(std::move(*begun)); });
    });
  }

  void input(std::string_view bytes) override {
    if (peer_ != nullptr) input_.take(bytes);
  }

  void end_input() override {
    if (peer_ != nullptr) input_.end();
  }

  void resize(std::string_view sizes) override {
    // The last one counts; the stream has one JSON object after another.
    const auto begin = sizes.rfind('{');
    if (begin == std::string_view::npos) return;
    sizes.remove_prefix(begin);
    const auto size = parse_json(sizes.substr(0, sizes.find('}') + 1));
    if (!size || !size->is_object()) return;
    const auto width = number_at(size->get_object(), {"Width"});
    const auto height = number_at(size->get_object(), {"Height"});
    if (width <= 0 || height <= 0 || width > UINT16_MAX || height > UINT16_MAX) return;
    wanted_size_ = {static_cast<std::uint16_t>(width), static_cast<std::uint16_t>(height)};
    apply_size();
  }

  void drained() override {
    for (auto& output : outputs_) await_output(output);
  }

  void peer_gone() override {
    peer_ = nullptr;
    drop_process();
  }

 private:
  void begun(Result<std::unique_ptr<runtime::ExecSession>> result) {
    if (!result) return finish(failed_outcome(options_.doing, result.error().message()));
    process_ = std::shared_ptr<runtime::ExecSession>(*std::move(result));
    if (peer_ == nullptr) return drop_process();  // the client left while it started
    process_->on_exit([weak = weak_from_this(), post = context_.reactor.post()](Result<std::int32_t> code) {
      post([weak, code = std::move(code)] {
        if (const auto self = weak.lock()) self->exited(code);
      });
    });
    outputs_[0].which = CommandPeer::Output::Stdout;
    outputs_[0].fd = process_->stdout_fd();
    outputs_[1].which = CommandPeer::Output::Stderr;
    outputs_[1].fd = process_->stderr_fd();
    for (auto& output : outputs_) await_output(output);
    apply_size();
    has_stdin_ = process_->stdin_fd() >= 0;
    input_.open(process_->stdin_fd(), write_some, weak_from_this());
  }

  void await_output(Output& output) {
    if (output.fd < 0 || output.wait || peer_ == nullptr || peer_->queued_bytes() > kMaxQueued) return;
    output.wait = context_.reactor.when_readable(output.fd, [this, &output, self = shared_from_this()] {
      output.wait.reset();  // first: the descriptor can be waited for once at a time
      read_output(output);
    });
  }

  void read_output(Output& output) {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      if (output.fd < 0 || peer_ == nullptr || peer_->queued_bytes() > kMaxQueued) return;
      std::array<char, kReadSize> buffer;
      const auto got = ::read(output.fd, buffer.data(), buffer.size());
      if (got > 0) {
        heard_ = true;
        peer_->send_output(output.which, {buffer.data(), static_cast<std::size_t>(got)});
        continue;
      }
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        output.fd = -1;
        return finish_if_done();
      }
      break;
    }
    await_output(output);
  }

  static ssize_t write_some(int fd, const char* bytes, std::size_t size) { return ::write(fd, bytes, size); }

  void on_input_progress() {
    if (!input_.written() || !std::exchange(has_stdin_, false)) return;
    input_.close();
    on_lane([](runtime::ExecSession& process) { static_cast<void>(process.close_stdin()); });
  }

  /// One resize at a time: a client that drags its window does not fill the lane.
  void apply_size() {
    if (!process_ || !wanted_size_ || resizing_) return;
    resizing_ = true;
    on_lane([self = shared_from_this(), size = *std::exchange(wanted_size_, std::nullopt),
             post = context_.reactor.post()](runtime::ExecSession& process) {
      static_cast<void>(process.resize(size.first, size.second));
      post([self] {
        self->resizing_ = false;
        self->apply_size();
      });
    });
  }

  /// Calls of the process's session may block on its shim.
  void on_lane(std::function<void(runtime::ExecSession&)> call) {
    context_.lane.run([process = process_, call = std::move(call)] { call(*process); });
  }

  void exited(const Result<std::int32_t>& code) {
    if (!code) {
      exit_ = failed_outcome(options_.doing, code.error().message());
    } else {
      exit_ = exit_outcome(options_.attached ? 0 : *code);
    }
    await_rest();
    finish_if_done();
  }

  /// Gives up on outputs that are silent and that nobody closes; not while it is the client who does not take them.
  void await_rest() {
    grace_ = context_.reactor.after(kOutputGrace, [this, self = shared_from_this()] {
      if (peer_ == nullptr) return;
      if (std::exchange(heard_, false) || peer_->queued_bytes() > 0) return await_rest();
      for (auto& output : outputs_) output.fd = -1;
      finish_if_done();
    });
  }

  void finish_if_done() {
    if (outputs_[0].fd >= 0 || outputs_[1].fd >= 0) return;
    if (exit_) return finish(*exit_);
    if (!options_.attached) return;
    // Nobody may tell us the exit any more.
    grace_ = context_.reactor.after(kOutputGrace, [self = shared_from_this()] { self->finish(exit_outcome(0)); });
  }

  void finish(const CommandOutcome& outcome) {
    if (auto* const peer = std::exchange(peer_, nullptr)) peer->finish(outcome);
    drop_process();
  }

  /// Destroying the session kills a command, which may take a while: not on this thread.
  void drop_process() {
    for (auto& output : outputs_) {
      output.wait.reset();
      output.fd = -1;
    }
    input_.close();
    grace_.reset();
    has_stdin_ = false;
    if (!process_) return;
    context_.lane.run([process = std::move(process_)]() mutable { process.reset(); });
    process_.reset();
  }

  ApiContext& context_;
  CommandOptions options_;
  CommandPeer* peer_ = nullptr;  ///< Null before it started, after it left and after finish().
  std::shared_ptr<runtime::ExecSession> process_;
  std::array<Output, 2> outputs_;
  InputPump input_{context_.reactor,
                   {.set_reading =
                        [this](bool more) {
                          if (peer_ != nullptr) peer_->set_reading(more);
                        },
                    .on_progress = [this] { on_input_progress(); }}};
  bool has_stdin_ = false;  ///< It was asked for, and is not closed yet.
  std::unique_ptr<ReactorHandle> grace_;
  std::optional<std::pair<std::uint16_t, std::uint16_t>> wanted_size_;
  std::optional<CommandOutcome> exit_;
  bool heard_ = false;  ///< Output came since we last looked.
  bool resizing_ = false;
};

}  // namespace

CommandOutcome exit_outcome(std::int32_t exit_code) {
  if (exit_code == 0) return {true, R"({"metadata":{},"status":"Success"})", {}};
  CommandOutcome out;
  out.success = false;
  out.text = fmt::format("command terminated with non-zero exit code: exit status {}", exit_code);
  out.status = json::serialize(json::object{
      {"metadata", json::object{}},
      {"status", "Failure"},
      {"message", out.text},
      {"reason", "NonZeroExitCode"},
      {"details",
       {{"causes", json::array{json::object{{"reason", "ExitCode"}, {"message", std::to_string(exit_code)}}}}}}});
  return out;
}

CommandOutcome failed_outcome(std::string_view doing, std::string_view why) {
  auto error = internal(fmt::format("error {}: {}", doing, why));
  return {false, json::serialize(encode_status(error)), std::move(error.message)};
}

std::shared_ptr<RemoteCommand> make_remote_command(ApiContext& context, CommandOptions options) {
  return std::make_shared<Command>(context, std::move(options));
}

}  // namespace berth::api
