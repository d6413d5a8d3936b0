// api/streams/spdy_headers.cpp - SPDY/3 header blocks, by zlib.
#include "api/streams/spdy_headers.hpp"

#include <zlib.h>

#include <array>
#include <cstdint>

#include <fmt/format.h>

namespace berth::api {

namespace {

constexpr std::size_t kMaxBlock = 16 * 1024;
constexpr std::uint32_t kMaxHeaders = 64;

/// The dictionary begins with these, each behind its length, ...
constexpr std::string_view kWords[] = {"options",
                                       "head",
                                       "post",
                                       "put",
                                       "delete",
                                       "trace",
                                       "accept",
                                       "accept-charset",
                                       "accept-encoding",
                                       "accept-language",
                                       "accept-ranges",
                                       "age",
                                       "allow",
                                       "authorization",
                                       "cache-control",
                                       "connection",
                                       "content-base",
                                       "content-encoding",
                                       "content-language",
                                       "content-length",
                                       "content-location",
                                       "content-md5",
                                       "content-range",
                                       "content-type",
                                       "date",
                                       "etag",
                                       "expect",
                                       "expires",
                                       "from",
                                       "host",
                                       "if-match",
                                       "if-modified-since",
                                       "if-none-match",
                                       "if-range",
                                       "if-unmodified-since",
                                       "last-modified",
                                       "location",
                                       "max-forwards",
                                       "pragma",
                                       "proxy-authenticate",
                                       "proxy-authorization",
                                       "range",
                                       "referer",
                                       "retry-after",
                                       "server",
                                       "te",
                                       "trailer",
                                       "transfer-encoding",
                                       "upgrade",
                                       "user-agent",
                                       "vary",
                                       "via",
                                       "warning",
                                       "www-authenticate",
                                       "method",
                                       "get",
                                       "status",
                                       "200 OK",
                                       "version",
                                       "HTTP/1.1",
                                       "url",
                                       "public",
                                       "set-cookie",
                                       "keep-alive",
                                       "origin"};
/// ... and ends with this.
constexpr std::string_view kText =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Au"
    "thoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidd"
    "en404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr Ma"
    "y Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,imag"
    "e/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicpri"
    "vatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

void append_u32(std::string& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
}

const Bytef* octets(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

Error broken(std::string_view what) { return {ErrorCode::InvalidArgument, fmt::format("SPDY header block: {}", what)}; }

/// Takes a length and what it counts from the front.
Result<std::string_view> take_text(std::string_view& rest) {
  if (rest.size() < 4) return broken("cut off");
  std::size_t size = 0;
  for (int i = 0; i < 4; ++i) size = size << 8U | static_cast<unsigned char>(rest[static_cast<std::size_t>(i)]);
  rest.remove_prefix(4);
  if (size > rest.size()) return broken("cut off");
  const auto text = rest.substr(0, size);
  rest.remove_prefix(size);
  return text;
}

Result<SpdyHeaders> parse_block(std::string_view rest) {
  if (rest.size() < 4) return broken("cut off");
  std::uint32_t count = 0;
  for (int i = 0; i < 4; ++i) count = count << 8U | static_cast<unsigned char>(rest[static_cast<std::size_t>(i)]);
  rest.remove_prefix(4);
  if (count > kMaxHeaders) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("SPDY header block: more than {} headers", kMaxHeaders));
  }
  SpdyHeaders out;
  for (; count > 0; --count) {
    const auto name = take_text(rest);
    if (!name) return name.error();
    const auto value = take_text(rest);
    if (!value) return value.error();
    std::string lower(*name);
    for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.emplace_back(std::move(lower), *value);
  }
  if (!rest.empty()) return broken("octets behind the last header");
  return out;
}

}  // namespace

std::string_view header_value(const SpdyHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

struct SpdyHeaderReader::Inflater {
  z_stream zlib{};
  bool ready = false;
  bool lost = false;

  Inflater() { ready = ::inflateInit(&zlib) == Z_OK; }
  ~Inflater() {
    if (ready) ::inflateEnd(&zlib);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<std::string> unpack(std::string_view block) {
    if (!ready) return Error(ErrorCode::ResourceExhausted, "SPDY header block: no memory");
    if (lost) return broken("after one that could not be read");
    lost = true;  // unless we come to the end
    std::string out;
    zlib.next_in = const_cast<Bytef*>(octets(block));  // zlib reads only
    zlib.avail_in = static_cast<uInt>(block.size());
    while (true) {
      std::array<char, 4096> piece;
      zlib.next_out = reinterpret_cast<Bytef*>(piece.data());
      zlib.avail_out = piece.size();
      const auto code = ::inflate(&zlib, Z_SYNC_FLUSH);
      if (code == Z_NEED_DICT) {
        const auto& dictionary = spdy_dictionary();
        if (::inflateSetDictionary(&zlib, octets(dictionary), static_cast<uInt>(dictionary.size())) != Z_OK) {
          return broken("packed with another dictionary");
        }
        continue;
      }
      if (code != Z_OK && code != Z_BUF_ERROR) return broken(code == Z_STREAM_END ? "its stream ended" : "not zlib");
      out.append(piece.data(), piece.size() - zlib.avail_out);
      if (out.size() > kMaxBlock) {
        return Error(ErrorCode::ResourceExhausted, fmt::format("SPDY header block: longer than {} bytes", kMaxBlock));
      }
      if (zlib.avail_out > 0) break;  // all that was there
    }
    if (zlib.avail_in > 0) return broken("octets that are no zlib");
    lost = false;
    return out;
  }
};

SpdyHeaderReader::SpdyHeaderReader() = default;
SpdyHeaderReader::~SpdyHeaderReader() = default;

Result<SpdyHeaders> SpdyHeaderReader::read(std::string_view block) {
  if (!inflater_) inflater_ = std::make_unique<Inflater>();
  const auto text = inflater_->unpack(block);
  if (!text) return text.error();
  auto headers = parse_block(*text);
  if (!headers) inflater_->lost = true;
  return headers;
}

struct SpdyHeaderWriter::Deflater {
  /// Blocks are small: the smallest window that holds the dictionary, and little memory.
  static constexpr int kWindowBits = 11;
  static constexpr int kMemoryLevel = 1;

  z_stream zlib{};
  bool ready = false;

  Deflater() {
    const auto& dictionary = spdy_dictionary();
    ready =
        ::deflateInit2(&zlib, Z_BEST_COMPRESSION, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK &&
        ::deflateSetDictionary(&zlib, octets(dictionary), static_cast<uInt>(dictionary.size())) == Z_OK;
  }
  ~Deflater() { ::deflateEnd(&zlib); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
};

SpdyHeaderWriter::SpdyHeaderWriter() = default;
SpdyHeaderWriter::~SpdyHeaderWriter() = default;

std::string SpdyHeaderWriter::write(const SpdyHeaders& headers) {
  if (!deflater_) deflater_ = std::make_unique<Deflater>();
  std::string block;
  append_u32(block, headers.size());
  for (const auto& [name, value] : headers) {
    append_u32(block, name.size());
    block += name;
    append_u32(block, value.size());
    block += value;
  }
  std::string out;
  if (!deflater_->ready) return out;  // no memory: the peer will find an empty block and close
  auto& zlib = deflater_->zlib;
  zlib.next_in = const_cast<Bytef*>(octets(block));
  zlib.avail_in = static_cast<uInt>(block.size());
  do {
    std::array<char, 512> piece;
    zlib.next_out = reinterpret_cast<Bytef*>(piece.data());
    zlib.avail_out = piece.size();
    ::deflate(&zlib, Z_SYNC_FLUSH);
    out.append(piece.data(), piece.size() - zlib.avail_out);
  } while (zlib.avail_out == 0);
  return out;
}

const std::string& spdy_dictionary() {
  static const std::string dictionary = [] {
    std::string out;
    for (const auto word : kWords) {
      append_u32(out, word.size());
      out += word;
    }
    return out += kText;
  }();
  return dictionary;
}

}  // namespace berth::api
