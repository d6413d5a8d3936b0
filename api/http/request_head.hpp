// api/http/request_head.hpp - what a request's head says. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "api/request/api_error.hpp"
#include "api/request/http_message.hpp"

namespace berth::api {

/// A head that was understood to the last byte.
struct RequestHead {
  HttpRequest request{};  ///< All but body and user.
  unsigned version = 11;  ///< 10 or 11.
  bool is_head = false;   ///< The method HEAD: `request` says Get.
  bool keep_alive = true;
  bool expects_continue = false;
  bool chunked = false;            ///< The body comes in chunks,
  std::size_t content_length = 0;  ///< or is so long.
  std::string bearer_token{};      ///< Of `Authorization: Bearer TOKEN`; empty for anything else.
  /// A browser sends this for a page of another site, and it is more than a look: a write, or a stream. Browsers add
  /// client certificates by themselves, so what is asked is not what the user wants.
  bool for_other_site = false;
  std::optional<std::string> impersonates{};  ///< Somebody whom the request wants to be, by an Impersonate- header.

  bool has_body() const { return chunked || content_length > 0; }
};

/// `text` passed HeadScanner, and ends with its empty line. 400 for what is no request of HTTP/1.0 or 1.1, and for
/// every doubt about where its body ends (RFC 9112, section 6): Transfer-Encoding that is not exactly `chunked`, is
/// there twice, beside Content-Length, or in HTTP/1.0; Content-Length that is no number or is there twice; Host that is
/// missing in HTTP/1.1, is there twice or is none.
ApiResult<RequestHead> parse_head(std::string_view text);

}  // namespace berth::api
