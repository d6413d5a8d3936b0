// api/http/head_scanner.cpp - see head_scanner.hpp.
#include "api/http/head_scanner.hpp"

namespace berth::api {

namespace {

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\r' && c != '\n') || byte == 0x7f;
}

}  // namespace

ApiResult<std::optional<std::size_t>> HeadScanner::look(std::string_view bytes) {
  for (; seen_ < bytes.size(); ++seen_) {
    if (seen_ >= limit_) {
      return ApiError{431, "RequestHeaderFieldsTooLarge", "the request's headers are too large"};
    }
    const char c = bytes[seen_];
    const bool after_cr = seen_ > 0 && bytes[seen_ - 1] == '\r';
    if (after_cr != (c == '\n')) return bad_request("the request's head has a line that does not end with CRLF");
    if (is_control(c)) return bad_request("the request's head has a control character");
    if (seen_ == line_ && (c == ' ' || c == '\t')) {
      return bad_request("the request's head has a line that begins with a blank");
    }
    if (c != '\n') continue;
    const bool is_empty = seen_ - line_ == 1;
    line_ = seen_ + 1;
    if (!is_empty) continue;
    if (seen_ == 1) return bad_request("the request begins with an empty line");
    return std::optional<std::size_t>(line_);
  }
  return std::optional<std::size_t>();
}

}  // namespace berth::api
