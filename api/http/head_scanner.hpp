// api/http/head_scanner.hpp - where the head of a request ends, byte by byte. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "api/request/api_error.hpp"

namespace berth::api {

/// Refuses at the first byte what two servers could read in two ways (RFC 9112, sections 2.2, 5.1 and 5.2): a bare CR
/// or LF, a folded line, control characters. What passes consists of lines that end with CRLF.
class HeadScanner {
 public:
  explicit HeadScanner(std::size_t limit) : limit_(limit) {}

  /// `bytes` is all that came since the request began; only what is new is looked at. The size of the head with its
  /// empty line, once it is there. 400, 431.
  ApiResult<std::optional<std::size_t>> look(std::string_view bytes);

 private:
  std::size_t limit_;
  std::size_t seen_ = 0;
  std::size_t line_ = 0;  ///< Where the line began that is looked at.
};

}  // namespace berth::api
