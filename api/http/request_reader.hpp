// api/http/request_reader.hpp - reads one request after another from a connection. Only for the server's own .cpp
// files.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/http/chunked_body.hpp"
#include "api/http/head_scanner.hpp"
#include "api/http/http_server.hpp"
#include "api/http/request_head.hpp"
#include "api/request/byte_connection.hpp"

namespace berth::api {

/// A part of a connection. `keep` is the connection, held while a read is under way. One read at a time.
class RequestReader {
 public:
  using Keep = std::shared_ptr<void>;
  /// Nullopt: the peer is gone, or was silent for too long.
  using OnHead = std::function<void(std::optional<ApiResult<RequestHead>>)>;
  using OnBody = std::function<void(std::optional<ApiResult<std::string>>)>;

  RequestReader(UnixStream& stream, const HttpLimits& limits) : stream_(stream), limits_(limits) {}

  /// Waits for a request's first byte for `idle`, then for the rest of its head for `head`: a kept connection may rest
  /// for long, a request that has begun may not.
  void read_head(Keep keep, std::chrono::milliseconds idle, std::chrono::milliseconds head, OnHead done);

  /// The body that `head` announced; 413 above the limit. Asks for it first, where the client waits to be asked.
  void read_body(Keep keep, const RequestHead& head, OnBody done);

  /// Throws away what comes until the peer ends, for a while: closing while it still sends would take back an answer
  /// that it has not read yet.
  void drain(Keep keep, std::function<void()> done);

  /// How much came behind the request, and the bytes themselves.
  std::size_t ahead() const { return buffer_.size(); }
  std::string take_ahead() { return std::exchange(buffer_, {}); }

 private:
  /// `then(ok)` after more was appended to `into`, at most `most` bytes.
  void read_some(Keep keep, std::string& into, std::size_t most, std::function<void(bool)> then);
  void look_for_head(Keep keep, OnHead done);
  void read_length(Keep keep, std::size_t left, OnBody done);
  void read_chunks(Keep keep, OnBody done);
  void drain_on(Keep keep, std::function<void()> done);

  UnixStream& stream_;
  const HttpLimits& limits_;
  std::string buffer_;  ///< What came and was not taken yet.
  std::string body_;
  std::optional<HeadScanner> scanner_;
  std::optional<ChunkedBody> chunks_;
  std::size_t drained_ = 0;
};

}  // namespace berth::api
