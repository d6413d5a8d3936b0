// api/http/request_reader.cpp - see request_reader.hpp.
#include "api/http/request_reader.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace berth::api {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Room for the first bytes of a request; a short one fits.
constexpr std::size_t kFirstRead = 512;
constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
/// How long, and how much, a peer may send after it was refused.
constexpr std::chrono::seconds kDrainTime{5};
constexpr std::size_t kMaxDrained = 16 * 1024 * 1024;

ApiError body_too_large() { return {413, "RequestEntityTooLarge", "the request's body is too large"}; }

}  // namespace

void RequestReader::read_some(Keep keep, std::string& into, std::size_t most, std::function<void(bool)> then) {
  const auto before = into.size();
  into.resize(before + most);
  stream_.async_read_some(
      asio::buffer(into.data() + before, most),
      [&into, before, keep = std::move(keep), then = std::move(then)](error_code error, std::size_t got) {
        into.resize(before + got);
        then(!error);
      });
}

void RequestReader::read_head(Keep keep, std::chrono::milliseconds idle, std::chrono::milliseconds head, OnHead done) {
  scanner_.emplace(limits_.header_bytes);
  if (!buffer_.empty()) {
    stream_.expires_after(head);
    return look_for_head(std::move(keep), std::move(done));
  }
  buffer_ = {};  // what rests costs nothing
  stream_.expires_after(idle);
  read_some(keep, buffer_, kFirstRead, [this, keep, head, done = std::move(done)](bool ok) mutable {
    if (!ok) return done(std::nullopt);
    stream_.expires_after(head);
    look_for_head(std::move(keep), std::move(done));
  });
}

void RequestReader::look_for_head(Keep keep, OnHead done) {
  const auto size = scanner_->look(buffer_);
  if (!size) return done(ApiResult<RequestHead>(size.error()));
  if (*size) {
    auto head = parse_head(std::string_view(buffer_).substr(0, **size));
    buffer_.erase(0, **size);
    return done(std::move(head));
  }
  read_some(keep, buffer_, kReadSize, [this, keep, done = std::move(done)](bool ok) mutable {
    if (!ok) return done(std::nullopt);
    look_for_head(std::move(keep), std::move(done));
  });
}

void RequestReader::read_body(Keep keep, const RequestHead& head, OnBody done) {
  body_.clear();
  if (!head.has_body()) return done(ApiResult<std::string>(std::string()));
  if (head.content_length > limits_.body_bytes) return done(ApiResult<std::string>(body_too_large()));
  stream_.expires_after(limits_.body);
  const auto go_on = [this, keep, chunked = head.chunked, length = head.content_length, done = std::move(done)] {
    if (!chunked) return read_length(keep, length, done);
    chunks_.emplace(limits_.body_bytes);
    read_chunks(keep, done);
  };
  // Who has begun to send does not wait.
  if (!head.expects_continue || !buffer_.empty()) return go_on();
  asio::async_write(stream_, asio::buffer(kContinue), [keep, done, go_on](error_code error, std::size_t) {
    if (error) return done(std::nullopt);
    go_on();
  });
}

void RequestReader::read_length(Keep keep, std::size_t left, OnBody done) {
  const auto here = std::min(left, buffer_.size());
  body_.append(buffer_, 0, here);
  buffer_.erase(0, here);
  left -= here;
  if (left == 0) return done(ApiResult<std::string>(std::exchange(body_, {})));
  const auto most = std::min(left, kReadSize);
  const auto before = body_.size();
  read_some(keep, body_, most, [this, keep, left, before, done = std::move(done)](bool ok) mutable {
    if (!ok) return done(std::nullopt);
    read_length(std::move(keep), left - (body_.size() - before), std::move(done));
  });
}

void RequestReader::read_chunks(Keep keep, OnBody done) {
  const auto taken = chunks_->take(buffer_);
  if (!taken) return done(ApiResult<std::string>(taken.error()));
  buffer_.erase(0, *taken);
  if (chunks_->ended()) {
    auto body = chunks_->take_text();
    chunks_.reset();
    return done(ApiResult<std::string>(std::move(body)));
  }
  read_some(keep, buffer_, kReadSize, [this, keep, done = std::move(done)](bool ok) mutable {
    if (!ok) return done(std::nullopt);
    read_chunks(std::move(keep), std::move(done));
  });
}

void RequestReader::drain(Keep keep, std::function<void()> done) {
  stream_.expires_after(kDrainTime);
  drained_ = 0;
  drain_on(std::move(keep), std::move(done));
}

void RequestReader::drain_on(Keep keep, std::function<void()> done) {
  drained_ += buffer_.size();
  buffer_.clear();
  if (drained_ > kMaxDrained) return done();
  read_some(keep, buffer_, kReadSize, [this, keep, done = std::move(done)](bool ok) mutable {
    if (!ok) return done();
    drain_on(std::move(keep), std::move(done));
  });
}

}  // namespace berth::api
