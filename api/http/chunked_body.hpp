// api/http/chunked_body.hpp - a body that comes in chunks (RFC 9112, section 7.1). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/request/api_error.hpp"

namespace berth::api {

/// Takes chunks apart. Extensions and trailers are read over; both have a limit.
class ChunkedBody {
 public:
  explicit ChunkedBody(std::size_t limit) : limit_(limit) {}

  /// Takes what belongs to this body from the front of `bytes`; less than all of it only at the end. 400 at the first
  /// byte that does not belong there, 413 as soon as a chunk is announced that is over the limit.
  ApiResult<std::size_t> take(std::string_view bytes);

  bool ended() const { return state_ == State::End; }
  /// What the chunks held; moves it out.
  std::string take_text() { return std::move(text_); }

 private:
  enum class State { Size, Extension, SizeEnd, Data, DataEnd, DataEndLf, LineBegin, Line, LineEnd, LastLineEnd, End };
  std::optional<ApiError> take_one(char c);
  std::optional<ApiError> take_size(char c);

  std::size_t limit_;
  State state_ = State::Size;
  std::size_t size_ = 0;    ///< Of the chunk; counts down while its data comes.
  std::size_t digits_ = 0;  ///< Of the size, so far.
  std::size_t beside_ = 0;  ///< Bytes of extensions and trailers.
  std::string text_;
};

}  // namespace berth::api
