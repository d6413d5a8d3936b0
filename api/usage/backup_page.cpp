// api/usage/backup_page.cpp - see backup_page.hpp.
#include "api/usage/backup_page.hpp"

#include <unistd.h>

#include <cerrno>
#include <optional>

#include "api/request/api_error.hpp"

namespace berth::api {
namespace {

constexpr std::size_t kPiece = 64 * 1024;

/// A file's bytes, read on a lane: disks may be slow, and this API has one thread.
class FileBody final : public BodySource {
 public:
  FileBody(ApiContext& context, UniqueFd file)
      : context_(context), file_(std::make_shared<const UniqueFd>(std::move(file))) {}
  ~FileBody() override { *alive_ = false; }
  FileBody(const FileBody&) = delete;
  FileBody& operator=(const FileBody&) = delete;

  void on_wake(std::function<void()> wake) override { wake_ = std::move(wake); }

  State read(std::string& out) override {
    if (piece_) {
      if (piece_->empty()) return State::End;
      out += *std::exchange(piece_, std::nullopt);
      return State::More;
    }
    begin();
    return State::Later;
  }

 private:
  void begin() {
    if (reading_) return;
    reading_ = true;
    context_.lane.run([this, alive = alive_, file = file_, post = context_.reactor.post()] {
      auto piece = std::make_shared<std::string>(kPiece, '\0');
      ssize_t got = 0;
      do {
        got = ::read(file->get(), piece->data(), piece->size());
      } while (got < 0 && errno == EINTR);
      // What cannot be read ends the body early: too short for what its head says, which the reader checks.
      piece->resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      post([this, alive, piece] {
        if (!*alive) return;
        reading_ = false;
        piece_ = std::move(*piece);
        const auto wake = wake_;
        wake();
      });
    });
  }

  ApiContext& context_;
  std::shared_ptr<const UniqueFd> file_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< API thread only.
  std::optional<std::string> piece_;                            ///< Read and not sent; empty: the end.
  std::function<void()> wake_;
  bool reading_ = false;
};

HttpResponse refusal(const Error& error) {
  if (error.code() != ErrorCode::ResourceExhausted) return to_response(internal(error.message()));
  return to_response({.code = 507, .reason = "InsufficientStorage", .message = error.message()});
}

}  // namespace

bool handle_backup(ApiContext& context, const Target& target, Method method, const Respond& respond) {
  if (!context.config.back_up || target.segments != std::vector<std::string>{"berth", "v1", "backup"}) return false;
  if (method != Method::Get) {
    respond(to_response(method_not_allowed()));
    return true;
  }
  context.lane.run([&context, make = context.config.back_up, post = context.reactor.post(), respond] {
    auto made = std::make_shared<Result<UniqueFd>>(make());
    post([&context, respond, made] {
      if (!*made) return respond(refusal(made->error()));
      HttpResponse response;
      response.content_type = "application/vnd.sqlite3";
      response.stream = std::make_unique<FileBody>(context, std::move(**made));
      respond(std::move(response));
    });
  });
  return true;
}

}  // namespace berth::api
