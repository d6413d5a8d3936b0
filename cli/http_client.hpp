// cli/http_client.hpp - requests to the agent over its unix socket. Blocking.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

struct Reply {
  unsigned code = 0;
  std::string body;
  std::vector<std::string> warnings;  ///< Texts of `Warning: 299` headers.
};

struct Request {
  std::string method = "GET";
  std::string target;
  std::string accept = "application/json";
  std::string content_type;
  std::string body;
  /// When the whole exchange must be over; unset: a minute until the answer begins, and for a body that is not
  /// streamed.
  std::optional<std::chrono::steady_clock::time_point> deadline{};
};

class HttpClient {
 public:
  /// `verbose`: each request is a line on stderr.
  explicit HttpClient(std::filesystem::path socket, bool verbose = false)
      : socket_(std::move(socket)), verbose_(verbose) {}

  /// One request, one connection. Unavailable: nobody answers on the socket; DeadlineExceeded: no answer in time.
  Result<Reply> send(const Request& request) const;

  /// As send(), but a 2xx body goes to `take` piece by piece as it arrives, until it ends, `take` returns false, or
  /// nobody reads our standard output any more. Other answers are returned with their body.
  Result<Reply> stream(const Request& request, const std::function<bool(std::string_view)>& take) const;

  const std::filesystem::path& socket() const { return socket_; }

 private:
  Result<Reply> run(const Request& request, const std::function<bool(std::string_view)>* take) const;

  std::filesystem::path socket_;
  bool verbose_ = false;
};

/// %-encodes everything but unreserved characters (RFC 3986).
std::string url_encode(std::string_view text);

/// The reply's JSON when it is 2xx, else the Status as kubectl words it:
/// `Error from server (NotFound): pods "x" not found`.
Result<json::value> read_reply(const Reply& reply);

}  // namespace berth::cli
