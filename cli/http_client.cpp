// cli/http_client.cpp - requests to the agent over its unix socket.
#include "cli/http_client.hpp"

#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <optional>

#include <fmt/format.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "cli/messages.hpp"
#include "cli/standard_streams.hpp"

namespace berth::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Stream = beast::basic_stream<asio::local::stream_protocol>;

constexpr std::chrono::seconds kDeadline{60};
constexpr std::size_t kPiece = 64 * 1024;
/// Lists of large clusters fit; a broken server does not fill our memory.
constexpr std::uint64_t kMaxBody = 512ULL * 1024 * 1024;

Error describe(const beast::error_code& error, const std::filesystem::path& socket) {
  if (error == beast::error::timeout) {
    return {ErrorCode::DeadlineExceeded, fmt::format("the agent at {} did not answer in time", socket.string())};
  }
  if (error == boost::system::errc::no_such_file_or_directory || error == asio::error::connection_refused) {
    return {ErrorCode::Unavailable,
            fmt::format("the connection to the agent at {} was refused - is berthd running?", socket.string())};
  }
  if (error == boost::system::errc::permission_denied) {
    return {ErrorCode::PermissionDenied,
            fmt::format("no access to the agent at {}: be root or a member of group berth", socket.string())};
  }
  return {ErrorCode::Unavailable, fmt::format("talk to the agent at {}: {}", socket.string(), error.message())};
}

/// `299 - "text"` → text
std::string warning_text(std::string_view header) {
  const auto open = header.find('"');
  const auto close = header.rfind('"');
  if (open == std::string_view::npos || close <= open) return std::string(header);
  std::string out;
  for (std::size_t i = open + 1; i < close; ++i) {
    if (header[i] == '\\' && i + 1 < close) ++i;
    out += header[i];
  }
  return out;
}

http::request<http::string_body> to_message(const Request& request) {
  http::request<http::string_body> message;
  message.method_string(request.method);
  message.target(request.target);
  message.version(11);
  message.set(http::field::host, "localhost");
  message.set(http::field::user_agent, "berth/" BERTH_VERSION);
  message.set(http::field::accept, request.accept);
  message.set(http::field::connection, "close");
  if (!request.content_type.empty()) message.set(http::field::content_type, request.content_type);
  message.body() = request.body;
  message.prepare_payload();
  return message;
}

/// One exchange on its own loop: timeouts of Beast's streams only work with asynchronous calls.
class Exchange {
 public:
  Exchange(const std::filesystem::path& socket, const Request& request,
           const std::function<bool(std::string_view)>* take)
      : stream_(context_),
        output_(context_),
        socket_(socket),
        message_(to_message(request)),
        deadline_(request.deadline),
        take_(take) {
    parser_.body_limit(kMaxBody);
  }

  Result<Reply> run() {
    stream_.expires_at(deadline_.value_or(std::chrono::steady_clock::now() + kDeadline));
    stream_.async_connect(asio::local::stream_protocol::endpoint(socket_.string()), [this](beast::error_code error) {
      if (error) return fail(error);
      http::async_write(stream_, message_, [this](beast::error_code failed, std::size_t) {
        if (failed) return fail(failed);
        read_header();
      });
    });
    context_.run();
    if (failure_) return *failure_;
    return std::move(reply_);
  }

 private:
  void fail(const beast::error_code& error) {
    done();
    if (error != http::error::end_of_stream) failure_ = describe(error, socket_);
  }

  void read_header() {
    http::async_read_header(stream_, buffer_, parser_, [this](beast::error_code error, std::size_t) {
      if (error) {
        failure_ = describe(error, socket_);
        return;
      }
      const auto& head = parser_.get();
      reply_.code = head.result_int();
      for (auto range = head.equal_range(http::field::warning); range.first != range.second; ++range.first) {
        const auto value = range.first->value();
        reply_.warnings.push_back(warning_text({value.data(), value.size()}));
      }
      streaming_ = take_ != nullptr && reply_.code >= 200 && reply_.code < 300;
      if (streaming_) {
        if (!deadline_) stream_.expires_never();
        parser_.body_limit(boost::none);
        watch_output();
      }
      read_body();
    });
  }

  /// `berth logs -f | head` ends with head, not with the next line.
  void watch_output() {
    struct stat info {};
    if (::fstat(STDOUT_FILENO, &info) != 0 || !(S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode))) return;
    auto watch = watch_shared(STDOUT_FILENO, EPOLLERR);
    if (!watch) return;
    output_.assign(watch.release());
    output_.async_wait(asio::posix::descriptor_base::wait_read, [this](beast::error_code error) {
      if (error == asio::error::operation_aborted) return;
      ::raise(SIGPIPE);  // as the next write would
      context_.stop();
    });
  }

  void read_body() {
    if (parser_.is_done()) return done();
    piece_.resize(kPiece);
    parser_.get().body().data = piece_.data();
    parser_.get().body().size = piece_.size();
    http::async_read_some(stream_, buffer_, parser_, [this](beast::error_code error, std::size_t) {
      if (error == http::error::need_buffer) error = {};
      if (error) return fail(error);
      const std::string_view got(piece_.data(), piece_.size() - parser_.get().body().size);
      if (!streaming_) {
        reply_.body += got;
      } else if (!got.empty() && !(*take_)(got)) {
        return done();
      }
      read_body();
    });
  }

  void done() {
    if (output_.is_open()) output_.close();
  }

  asio::io_context context_{1};
  Stream stream_;
  asio::posix::stream_descriptor output_;
  const std::filesystem::path& socket_;
  http::request<http::string_body> message_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  const std::function<bool(std::string_view)>* take_;
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
  std::string piece_;
  Reply reply_;
  std::optional<Error> failure_;
  bool streaming_ = false;
};

}  // namespace

Result<Reply> HttpClient::run(const Request& request, const std::function<bool(std::string_view)>* take) const {
  try {
    const auto begin = std::chrono::steady_clock::now();
    auto reply = Exchange(socket_, request, take).run();
    if (verbose_) {
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
      std::cerr << fmt::format("{} {} {} in {} ms\n", request.method, request.target,
                               reply ? std::to_string(reply->code) : reply.error().message(), took.count());
    }
    return reply;
  } catch (const std::exception& error) {  // a socket path that is too long, for one
    return Error(ErrorCode::InvalidArgument,
                 fmt::format("talk to the agent at {}: {}", socket_.string(), error.what()));
  }
}

Result<Reply> HttpClient::send(const Request& request) const { return run(request, nullptr); }

Result<Reply> HttpClient::stream(const Request& request, const std::function<bool(std::string_view)>& take) const {
  return run(request, &take);
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<json::value> read_reply(const Reply& reply) {
  for (const auto& warning : reply.warnings) std::cerr << "Warning: " << warning << '\n';
  auto body = parse_json(reply.body);
  if (reply.code >= 200 && reply.code < 300) {
    if (!body) return body.error().context("read the agent's answer");
    return *std::move(body);
  }
  if (!body && reply.code == 404) {
    return Error(ErrorCode::NotFound, "Error from server (NotFound): the server could not find the requested resource");
  }
  if (!body) {
    return Error(ErrorCode::Unknown,
                 fmt::format("Error from server: HTTP {}: {}", reply.code, reply.body.substr(0, 200)));
  }
  return server_error(reply.code, *body);
}

}  // namespace berth::cli
