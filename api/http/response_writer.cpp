// api/http/response_writer.cpp - see response_writer.hpp.
#include "api/http/response_writer.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>

namespace berth::api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// RFC 9110, section 5.6.7. The C locale: nobody calls setlocale(3) here.
std::string http_date() {
  static std::time_t made_for = 0;  // API thread only
  static std::string made;
  const auto now = std::time(nullptr);
  if (now == made_for) return made;
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char out[32];
  made.assign(out, std::strftime(out, sizeof(out), "%a, %d %b %Y %H:%M:%S GMT", &parts));
  made_for = now;
  return made;
}

template <typename Message>
void set_head(Message& message, const HttpResponse& response, unsigned version) {
  message.result(response.code);
  message.version(version);
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::server, "berth/" BERTH_VERSION);
  message.set(http::field::date, http_date());
  message.set(http::field::cache_control, "no-cache, private");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) message.insert(name, value);
}

}  // namespace

void ResponseWriter::write(const Keep& keep, HttpResponse response, const Manner& manner, OnEnd done) {
  done_ = std::move(done);
  keep_alive_ = manner.keep_alive;
  stream_.expires_after(limits_.stalled);
  if (manner.is_head) return write_head(keep, response, manner);
  if (response.stream) return write_stream(keep, std::move(response), manner);
  write_whole(keep, std::move(response), manner);
}

void ResponseWriter::write_whole(const Keep& keep, HttpResponse response, const Manner& manner) {
  auto message = std::make_shared<http::response<http::string_body>>();
  set_head(*message, response, manner.version);
  message->body() = std::move(response.body);
  message->keep_alive(keep_alive_);
  message->prepare_payload();
  http::async_write(stream_, *message, [this, keep, message](beast::error_code error, std::size_t) {
    end(error ? End::Gone : keep_alive_ ? End::Next : End::Close);
  });
}

void ResponseWriter::write_head(const Keep& keep, const HttpResponse& response, const Manner& manner) {
  auto message = std::make_shared<http::response<http::empty_body>>();
  set_head(*message, response, manner.version);
  if (!response.stream) message->content_length(response.body.size());
  message->keep_alive(keep_alive_);
  auto serializer = std::make_shared<http::response_serializer<http::empty_body>>(*message);
  http::async_write_header(stream_, *serializer,
                           [this, keep, message, serializer](beast::error_code error, std::size_t) {
                             end(error ? End::Gone : keep_alive_ ? End::Next : End::Close);
                           });
}

void ResponseWriter::write_stream(const Keep& keep, HttpResponse response, const Manner& manner) {
  source_ = std::move(response.stream);
  source_->on_wake([this, weak = std::weak_ptr<void>(keep)] {
    if (const auto alive = weak.lock()) pump(alive);
  });
  chunked_ = manner.version >= 11;
  if (!chunked_) keep_alive_ = false;  // HTTP/1.0: the end of the connection is the end of the body
  auto message = std::make_shared<http::response<http::empty_body>>();
  set_head(*message, response, manner.version);
  if (chunked_) message->chunked(true);
  message->keep_alive(keep_alive_);
  auto serializer = std::make_shared<http::response_serializer<http::empty_body>>(*message);
  writing_ = true;
  watch_for_hangup(keep);
  http::async_write_header(stream_, *serializer,
                           [this, keep, message, serializer](beast::error_code error, std::size_t) {
                             writing_ = false;
                             if (error) return end(End::Gone);
                             pump(keep);
                           });
}

void ResponseWriter::pump(const Keep& keep) {
  if (writing_ || !source_) return;
  piece_.clear();
  const auto state = source_->read(piece_);
  const bool ended = state == BodySource::State::End;
  const bool broken = state == BodySource::State::Broken;
  if (piece_.empty()) {
    if (broken) return end(End::Gone);
    if (ended) end_body(keep);
    if (state == BodySource::State::More) pump(keep);
    return;
  }
  writing_ = true;
  stream_.expires_after(limits_.stalled);
  const auto sent = [this, keep, ended, broken](beast::error_code error, std::size_t) {
    writing_ = false;
    if (error || broken) return end(End::Gone);
    if (ended) return end_body(keep);
    pump(keep);
  };
  if (chunked_) {
    asio::async_write(stream_, http::make_chunk(asio::buffer(piece_)), sent);
  } else {
    asio::async_write(stream_, asio::buffer(piece_), sent);
  }
}

void ResponseWriter::end_body(const Keep& keep) {
  source_.reset();
  if (!chunked_) return end(End::Close);
  writing_ = true;
  stream_.expires_after(limits_.stalled);
  asio::async_write(stream_, http::make_chunk_last(), [this, keep](beast::error_code error, std::size_t) {
    writing_ = false;
    end(error ? End::Gone : keep_alive_ ? End::Next : End::Close);
  });
}

void ResponseWriter::watch_for_hangup(const Keep& keep) {
  if (hangup_pending_) return;
  hangup_pending_ = true;
  stream_.socket().async_wait(asio::socket_base::wait_read, [this, keep](beast::error_code error) {
    hangup_pending_ = false;
    if (error || !source_) return;
    char byte = 0;
    const auto got = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0) return end(End::Gone);
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return end(End::Gone);
    if (got > 0) return;  // the next request is here already: a hang-up is now seen when writing
    watch_for_hangup(keep);
  });
}

void ResponseWriter::end(End how) {
  source_.reset();
  // The hang-up watch holds the socket's read side as long as it waits.
  if (hangup_pending_ && how == End::Next) stream_.socket().cancel();
  // Once: a write that fails after the peer was seen to leave has nobody to tell.
  if (const auto done = std::exchange(done_, nullptr)) done(how);
}

}  // namespace berth::api
