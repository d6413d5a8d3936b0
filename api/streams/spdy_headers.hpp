// api/streams/spdy_headers.hpp - SPDY/3 header blocks: names and values, compressed with a dictionary that both sides
// know.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace berth::api {

/// Lower-case names; a value that came several times has NULs between.
using SpdyHeaders = std::vector<std::pair<std::string, std::string>>;

/// The value of `name`, else empty.
std::string_view header_value(const SpdyHeaders& headers, std::string_view name);

/// Reads the blocks of one direction, which are one zlib stream (RFC 1950). About 45 KB from the first block on.
class SpdyHeaderReader {
 public:
  SpdyHeaderReader();
  ~SpdyHeaderReader();
  SpdyHeaderReader(const SpdyHeaderReader&) = delete;
  SpdyHeaderReader& operator=(const SpdyHeaderReader&) = delete;

  /// InvalidArgument: not zlib, another dictionary, or lengths that do not fit. ResourceExhausted: more than 16 KiB
  /// or 64 headers, however small it was packed. The stream is lost after an error.
  Result<SpdyHeaders> read(std::string_view block);

 private:
  struct Inflater;
  std::unique_ptr<Inflater> inflater_;
};

/// Writes the blocks of one direction. About 16 KB from the first block on.
class SpdyHeaderWriter {
 public:
  SpdyHeaderWriter();
  ~SpdyHeaderWriter();
  SpdyHeaderWriter(const SpdyHeaderWriter&) = delete;
  SpdyHeaderWriter& operator=(const SpdyHeaderWriter&) = delete;

  std::string write(const SpdyHeaders& headers);

 private:
  struct Deflater;
  std::unique_ptr<Deflater> deflater_;
};

/// The 1423 octets that both sides begin with (section 2.6.10.1 of the SPDY/3 draft).
const std::string& spdy_dictionary();

}  // namespace berth::api
