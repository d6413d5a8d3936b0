// api/http/chunked_body.cpp - see chunked_body.hpp.
#include "api/http/chunked_body.hpp"

#include <algorithm>

namespace berth::api {

namespace {

/// Nobody that we know sends any: what there is of them costs reading and nothing else.
constexpr std::size_t kMaxBeside = 16 * 1024;
/// More say nothing that a body within any limit could be.
constexpr std::size_t kMaxDigits = 15;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

ApiError wrong_chunk() { return bad_request("the request's body is not in chunks as RFC 9112, section 7.1 has them"); }

}  // namespace

std::optional<ApiError> ChunkedBody::take_size(char c) {
  if (const int digit = hex_digit(c); digit >= 0) {
    if (++digits_ > kMaxDigits) return wrong_chunk();
    size_ = size_ * 16 + static_cast<std::size_t>(digit);
    return std::nullopt;
  }
  if (digits_ == 0 || (c != ';' && c != '\r')) return wrong_chunk();
  if (size_ > limit_ - text_.size()) {
    return ApiError{413, "RequestEntityTooLarge", "the request's body is too large"};
  }
  state_ = c == ';' ? State::Extension : State::SizeEnd;
  return std::nullopt;
}

std::optional<ApiError> ChunkedBody::take_one(char c) {
  const auto beside = [&](State on_cr, State on_text) -> std::optional<ApiError> {
    if (c == '\r') {
      state_ = on_cr;
    } else if (!is_text(c)) {
      return wrong_chunk();
    } else if (++beside_ > kMaxBeside) {
      return bad_request("the extensions and trailers of the request's chunks are too long");
    } else {
      state_ = on_text;
    }
    return std::nullopt;
  };
  const auto expect = [&](char wanted, State next) -> std::optional<ApiError> {
    if (c != wanted) return wrong_chunk();
    state_ = next;
    return std::nullopt;
  };
  switch (state_) {
    case State::Size: return take_size(c);
    case State::Extension: return beside(State::SizeEnd, State::Extension);
    case State::SizeEnd: {
      const bool last = size_ == 0;
      digits_ = 0;
      return expect('\n', last ? State::LineBegin : State::Data);
    }
    case State::DataEnd: return expect('\r', State::DataEndLf);
    case State::DataEndLf: return expect('\n', State::Size);
    case State::LineBegin:
      if (c == ' ' || c == '\t') return wrong_chunk();
      return beside(State::LastLineEnd, State::Line);
    case State::Line: return beside(State::LineEnd, State::Line);
    case State::LineEnd: return expect('\n', State::LineBegin);
    case State::LastLineEnd: return expect('\n', State::End);
    case State::Data:
    case State::End: break;
  }
  return wrong_chunk();
}

ApiResult<std::size_t> ChunkedBody::take(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !ended()) {
    if (state_ == State::Data) {
      const auto part = std::min(size_, bytes.size() - at);
      text_.append(bytes.substr(at, part));
      at += part;
      size_ -= part;
      if (size_ == 0) state_ = State::DataEnd;
      continue;
    }
    if (auto wrong = take_one(bytes[at])) return *std::move(wrong);
    ++at;
  }
  return at;
}

}  // namespace berth::api
