// agent/probes/probe_http.cpp - see probe_http.hpp. RFC 9110, RFC 9112; behaviour as the kubelet's pkg/probe/http.
#include "agent/probes/probe_http.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <sstream>
#include <utility>

#include "https/probe_stream.hpp"

namespace berth::agent {
namespace {

constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::size_t kMaxHeader = 32 * 1024;  // Beast throws at 64 KiB
constexpr std::size_t kMaxBody = 10 * 1024;
constexpr int kMaxRedirects = 10;

namespace beast = boost::beast;
namespace http = boost::beast::http;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// As far as it is there: what is no HTTP/1 need not be waited for.
bool begins_like_http(std::string_view text) {
  constexpr std::string_view kVersion = "HTTP/1.";
  return text.substr(0, kVersion.size()) == kVersion.substr(0, text.size());
}

std::uint16_t default_port(bool tls) { return tls ? 443 : 80; }

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

/// "host", "host:port", "[v6]:port" without user information.
struct Authority {
  std::string host;
  std::optional<std::uint16_t> port;
};
std::optional<Authority> parse_authority(std::string_view text) {
  if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  std::string_view host = text;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  Authority authority{std::string(host), std::nullopt};
  if (host.empty() || (!rest.empty() && rest.front() != ':')) return std::nullopt;
  if (rest.size() > 1) {
    authority.port = number<std::uint16_t>(rest.substr(1));
    if (!authority.port) return std::nullopt;
  }
  return authority;
}

class HttpProbe final : public NetProbe {
 public:
  HttpProbe(HttpTarget target, std::vector<model::HttpHeader> headers)
      : target_(std::move(target)), headers_(std::move(headers)) {}

  std::optional<ProbeOutcome> advance() override {
    for (;;) {
      const auto step = next();
      if (step == Step::Wait) return std::nullopt;
      if (step == Step::Over) return outcome_;
    }
  }
  int fd() const override { return fd_.get(); }
  short events() const override { return phase_ == Phase::Connect || !stream_ ? POLLOUT : stream_->events(); }
  ProbeOutcome timed_out() const override {
    // The status is known and the body only slow: it counts, as nothing else is asked of the body.
    if (phase_ == Phase::Body) return judged();
    return {ProbeAnswer::Failure, fmt::format("Get \"{}\": {} (timeout exceeded)", target_.url(),
                                              phase_ == Phase::Connect ? "no connection" : "no response headers")};
  }

 private:
  enum class Phase { Begin, Connect, Handshake, Send, Head, Body };
  using Parser = http::response_parser<http::buffer_body>;
  enum class Step { Again, Wait, Over };

  Step next() {
    switch (phase_) {
      case Phase::Begin: return begin();
      case Phase::Connect: return connect();
      case Phase::Handshake: return handshake();
      case Phase::Send: return send();
      case Phase::Head: return head();
      case Phase::Body: return body();
    }
    return fail("bug");
  }

  Step fail(std::string_view why, ProbeAnswer answer = ProbeAnswer::Failure) {
    outcome_ = {answer, fmt::format("Get \"{}\": {}", target_.url(), why)};
    return Step::Over;
  }
  Step finish(ProbeOutcome outcome) {
    outcome_ = std::move(outcome);
    return Step::Over;
  }
  Step io_failed(https::ProbeStream::Io io) {
    return fail(io == https::ProbeStream::Io::Closed ? "EOF" : stream_->error());
  }

  int status() const { return static_cast<int>(parser_->get().result_int()); }

  ProbeOutcome judged() const {
    if (status() >= 200 && status() < 400) return {ProbeAnswer::Success, {}};
    return {ProbeAnswer::Failure, fmt::format("HTTP probe failed with statuscode: {}", status())};
  }

  Step begin() {
    auto request = http_request(target_, headers_);
    if (!request) return fail(request.error().message(), ProbeAnswer::Unknown);
    request_ = std::move(*request);
    rest_ = request_;
    received_.clear();
    body_size_ = 0;
    stream_.reset();
    auto begun = begin_connect(target_.address);
    if (!begun.error.empty()) return fail(begun.error);
    fd_ = std::move(begun.fd);
    phase_ = Phase::Connect;
    return Step::Again;
  }

  Step connect() {
    pollfd ready = {fd_.get(), POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1) return Step::Wait;
    if (const auto error = connect_error(fd_.get(), target_.address); !error.empty()) return fail(error);
    if (target_.tls) {
      auto stream = https::make_tls_stream(fd_.get(), target_.host);
      if (!stream) return fail(stream.error().message(), ProbeAnswer::Unknown);
      stream_ = std::move(*stream);
    } else {
      stream_ = https::make_plain_stream(fd_.get());
    }
    phase_ = Phase::Handshake;
    return Step::Again;
  }

  Step handshake() {
    const auto io = stream_->handshake();
    if (io == https::ProbeStream::Io::Again) return Step::Wait;
    if (io != https::ProbeStream::Io::Done) return io_failed(io);
    phase_ = Phase::Send;
    return Step::Again;
  }

  Step send() {
    if (rest_.empty()) {
      phase_ = Phase::Head;
      return Step::Again;
    }
    const auto io = stream_->write(rest_);
    if (io == https::ProbeStream::Io::Again) return Step::Wait;
    return io == https::ProbeStream::Io::Done ? Step::Again : io_failed(io);
  }

  Step head() {
    if (auto head = take_http_head(received_)) {
      if (head->size() > kMaxHead) return fail("response headers are larger than 64 KiB");
      parser_.emplace();
      parser_->header_limit(kMaxHead);
      parser_->body_limit(boost::none);  // counted below
      parser_->eager(false);             // the head alone
      boost::system::error_code error;
      parser_->put(boost::asio::buffer(*head), error);
      if (error || !parser_->is_header_done()) return fail("malformed HTTP response");
      if (status() < 200) return Step::Again;  // 100 Continue, 103 Early Hints: the real one follows
      phase_ = Phase::Body;
      return Step::Again;
    }
    if (!begins_like_http(received_)) return fail("malformed HTTP response");
    if (received_.size() > kMaxHead) return fail("response headers are larger than 64 KiB");
    const auto io = stream_->read(received_, kMaxHead);
    if (io == https::ProbeStream::Io::Again) return Step::Wait;
    return io == https::ProbeStream::Io::Done ? Step::Again : io_failed(io);
  }

  /// To its end, or as far as we care; a body that is broken changes nothing.
  Step body() {
    if (!pass_over(received_)) return redirect();
    const auto io = stream_->read(received_, kMaxBody);
    if (io == https::ProbeStream::Io::Again) return Step::Wait;
    return io == https::ProbeStream::Io::Done ? Step::Again : redirect();
  }

  /// Gives the parser what is there of the body. False: it needs no more.
  bool pass_over(std::string& text) {
    std::array<char, 1024> thrown_away;
    while (!parser_->is_done() && body_size_ <= kMaxBody) {
      auto& body = parser_->get().body();
      body.data = thrown_away.data();
      body.size = thrown_away.size();
      body.more = true;
      boost::system::error_code error;
      const auto used = parser_->put(boost::asio::buffer(text), error);
      text.erase(0, used);
      body_size_ += used;
      if (error == http::error::need_more || (used == 0 && !error)) return true;
      if (error && error != http::error::need_buffer) return false;
    }
    return false;
  }

  Step redirect() {
    const auto location = parser_->get()[http::field::location];
    const auto redirects = status() == 301 || status() == 302 || status() == 303 || status() == 307 || status() == 308;
    if (!redirects || location.empty()) return finish(judged());
    auto to = follow_redirect(target_, std::string_view(location.data(), location.size()));
    if (!to) return finish(judged());
    if (++redirects_ > kMaxRedirects) return fail("stopped after 10 redirects");
    target_ = std::move(*to);
    phase_ = Phase::Begin;
    return Step::Again;
  }

  HttpTarget target_;
  std::vector<model::HttpHeader> headers_;
  Phase phase_ = Phase::Begin;
  UniqueFd fd_;
  std::unique_ptr<https::ProbeStream> stream_;
  std::string request_;
  std::string_view rest_;
  std::string received_;
  std::optional<Parser> parser_;
  std::size_t body_size_ = 0;
  int redirects_ = 0;
  ProbeOutcome outcome_;
};

}  // namespace

std::string HttpTarget::url() const {
  return fmt::format("{}://{}:{}{}", tls ? "https" : "http", bracketed(host), address.port, path);
}

Result<std::string> http_request(const HttpTarget& target, const std::vector<model::HttpHeader>& headers) {
  const auto bad = [](std::string_view what) {
    return Error(ErrorCode::InvalidArgument, fmt::format("{} holds a control character or line break", what));
  };
  if (has_control(target.path) || target.path.find(' ') != std::string::npos) return bad("httpGet.path");
  if (has_control(target.host)) return bad("httpGet.host");
  auto host = target.address.port == default_port(target.tls)
                  ? bracketed(target.host)
                  : fmt::format("{}:{}", bracketed(target.host), target.address.port);
  http::request<http::empty_body> request(http::verb::get, target.path, 11);
  request.set(http::field::host, host);
  request.set(http::field::connection, "close");
  request.set(http::field::user_agent, "kube-probe/berth");
  request.set(http::field::accept, "*/*");
  for (const auto& header : headers) {
    if (header.name.empty() || has_control(header.name) || header.name.find_first_of(" :\t") != std::string::npos) {
      return bad("httpGet.httpHeaders[].name");
    }
    if (has_control(header.value)) return bad("httpGet.httpHeaders[].value");
    if (header.name.size() + header.value.size() > kMaxHeader) {
      return Error(ErrorCode::InvalidArgument, "httpGet.httpHeaders[] is larger than 32 KiB");
    }
    const auto field = http::string_to_field(header.name);
    if (field == http::field::connection) continue;
    const bool ours = field == http::field::host || field == http::field::user_agent || field == http::field::accept;
    if (ours && header.value.empty() && field != http::field::host) {
      request.erase(field);
    } else if (ours) {
      request.set(field, header.value);
    } else {
      request.insert(header.name, header.value);
    }
  }
  std::ostringstream text;
  text << request.base();
  return text.str();
}

std::optional<std::string> take_http_head(std::string& received) {
  // The empty line: CRLF, or bare LF from servers that do not know better.
  const auto crlf = received.find("\r\n\r\n");
  const auto lf = received.find("\n\n");
  if (crlf == std::string::npos && lf == std::string::npos) return std::nullopt;
  const auto size = crlf < lf ? crlf + 4 : lf + 2;
  const auto begins = [](std::string_view line, std::string_view name) {
    return beast::iequals(line.substr(0, name.size()), name);
  };
  bool chunked = false;
  for (std::size_t at = 0; at < size; at = received.find('\n', at) + 1) {
    chunked = chunked || begins(std::string_view(received).substr(at, size - at), "Transfer-Encoding:");
  }
  std::string head;
  for (std::string_view rest = std::string_view(received).substr(0, size); !rest.empty();) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (chunked && begins(line, "Content-Length:")) continue;
    constexpr std::size_t kWithoutReason = std::string_view("HTTP/1.1 200").size();
    const bool no_reason = head.empty() && line.size() == kWithoutReason;
    head.append(line).append(no_reason ? " \r\n" : "\r\n");
  }
  received.erase(0, size);
  return head;
}

std::optional<HttpTarget> follow_redirect(const HttpTarget& from, std::string_view location) {
  location = location.substr(0, location.find('#'));
  if (location.empty() || has_control(location) || location.find(' ') != std::string_view::npos) return std::nullopt;
  auto to = from;
  for (const auto tls : {false, true}) {
    const auto scheme = std::string_view(tls ? "https://" : "http://");
    if (!beast::iequals(location.substr(0, scheme.size()), scheme)) continue;
    to.tls = tls;
    location.remove_prefix(scheme.size() - 2);
  }
  if (location.substr(0, 2) == "//") {
    location.remove_prefix(2);
    const auto slash = std::min(location.find_first_of("/?"), location.size());
    const auto authority = parse_authority(location.substr(0, slash));
    if (!authority || !beast::iequals(authority->host, from.host)) return std::nullopt;
    to.address.port = authority->port.value_or(default_port(to.tls));
    to.path = std::string(location.substr(slash));
    if (to.path.empty() || to.path.front() != '/') to.path.insert(0, "/");
    return to;
  }
  if (location.find(':') < location.find_first_of("/?")) return std::nullopt;  // another scheme
  if (location.front() == '/') {
    to.path = std::string(location);
  } else {
    const auto directory = from.path.substr(0, from.path.find('?'));
    const auto base = location.front() == '?' ? directory : directory.substr(0, directory.rfind('/') + 1);
    to.path = base + std::string(location);
  }
  return to;
}

std::unique_ptr<NetProbe> make_http_probe(HttpTarget target, std::vector<model::HttpHeader> headers) {
  return std::make_unique<HttpProbe>(std::move(target), std::move(headers));
}

}  // namespace berth::agent
