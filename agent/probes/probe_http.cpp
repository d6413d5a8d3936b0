// agent/probes/probe_http.cpp - see probe_http.hpp. RFC 9110, RFC 9112; behaviour as the kubelet's pkg/probe/http.
#include "agent/probes/probe_http.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/https/probe_stream.hpp"

namespace berth::agent {
namespace {

constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::size_t kMaxBody = 10 * 1024;
constexpr int kMaxRedirects = 10;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_fold(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

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
  Step io_failed(ProbeStream::Io io) { return fail(io == ProbeStream::Io::Closed ? "EOF" : stream_->error()); }

  ProbeOutcome judged() const {
    if (head_.status >= 200 && head_.status < 400) return {ProbeAnswer::Success, {}};
    return {ProbeAnswer::Failure, fmt::format("HTTP probe failed with statuscode: {}", head_.status)};
  }

  Step begin() {
    auto request = http_request(target_, headers_);
    if (!request) return fail(request.error().message(), ProbeAnswer::Unknown);
    request_ = std::move(*request);
    rest_ = request_;
    received_.clear();
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
      auto stream = make_tls_stream(fd_.get(), target_.host);
      if (!stream) return fail(stream.error().message(), ProbeAnswer::Unknown);
      stream_ = std::move(*stream);
    } else {
      stream_ = make_plain_stream(fd_.get());
    }
    phase_ = Phase::Handshake;
    return Step::Again;
  }

  Step handshake() {
    const auto io = stream_->handshake();
    if (io == ProbeStream::Io::Again) return Step::Wait;
    if (io != ProbeStream::Io::Done) return io_failed(io);
    phase_ = Phase::Send;
    return Step::Again;
  }

  Step send() {
    if (rest_.empty()) {
      phase_ = Phase::Head;
      return Step::Again;
    }
    const auto io = stream_->write(rest_);
    if (io == ProbeStream::Io::Again) return Step::Wait;
    return io == ProbeStream::Io::Done ? Step::Again : io_failed(io);
  }

  Step head() {
    auto parsed = parse_http_head(received_);
    if (!parsed) return fail(parsed.error().message());
    if (*parsed) {
      head_ = **parsed;
      received_.erase(0, head_.size);
      if (head_.status < 200) return Step::Again;  // 100 Continue, 103 Early Hints: the real one follows
      phase_ = Phase::Body;
      return Step::Again;
    }
    if (received_.size() > kMaxHead) return fail("response headers are larger than 64 KiB");
    const auto io = stream_->read(received_, kMaxHead);
    if (io == ProbeStream::Io::Again) return Step::Wait;
    return io == ProbeStream::Io::Done ? Step::Again : io_failed(io);
  }

  Step body() {
    const auto bodiless = head_.status == 204 || head_.status == 304;
    const auto wanted = bodiless ? 0 : std::min(head_.content_length.value_or(kMaxBody), kMaxBody);
    if (received_.size() < wanted) {
      const auto io = stream_->read(received_, wanted - received_.size());
      if (io == ProbeStream::Io::Again) return Step::Wait;
      if (io == ProbeStream::Io::Done) return Step::Again;
    }
    return redirect();
  }

  Step redirect() {
    const auto redirects =
        head_.status == 301 || head_.status == 302 || head_.status == 303 || head_.status == 307 || head_.status == 308;
    if (!redirects || head_.location.empty()) return finish(judged());
    auto to = follow_redirect(target_, head_.location);
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
  std::unique_ptr<ProbeStream> stream_;
  std::string request_;
  std::string_view rest_;
  std::string received_;
  HttpHead head_;
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
  std::string agent = "kube-probe/berth";
  std::string accept = "*/*";
  std::string others;
  for (const auto& header : headers) {
    if (header.name.empty() || has_control(header.name) || header.name.find_first_of(" :\t") != std::string::npos) {
      return bad("httpGet.httpHeaders[].name");
    }
    if (has_control(header.value)) return bad("httpGet.httpHeaders[].value");
    if (equal_fold(header.name, "Host")) {
      host = header.value;
    } else if (equal_fold(header.name, "User-Agent")) {
      agent = header.value;
    } else if (equal_fold(header.name, "Accept")) {
      accept = header.value;
    } else if (!equal_fold(header.name, "Connection")) {
      others += fmt::format("{}: {}\r\n", header.name, header.value);
    }
  }
  auto request = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", target.path, host);
  if (!agent.empty()) request += fmt::format("User-Agent: {}\r\n", agent);
  if (!accept.empty()) request += fmt::format("Accept: {}\r\n", accept);
  return request + others + "\r\n";
}

Result<std::optional<HttpHead>> parse_http_head(std::string_view text) {
  const auto broken = [] { return Error(ErrorCode::InvalidArgument, "malformed HTTP response"); };
  constexpr std::string_view kVersion = "HTTP/1.";
  if (text.substr(0, kVersion.size()) != kVersion.substr(0, text.size())) return broken();
  // The empty line: CRLF, or bare LF from servers that do not know better.
  const auto crlf = text.find("\r\n\r\n");
  const auto lf = text.find("\n\n");
  if (crlf == std::string_view::npos && lf == std::string_view::npos) return std::optional<HttpHead>();
  HttpHead head;
  head.size = crlf < lf ? crlf + 4 : lf + 2;
  auto lines = text.substr(0, head.size);
  const auto status_line = trim(lines.substr(0, lines.find('\n')));
  const auto space = status_line.find(' ');
  const auto status = space == std::string_view::npos ? std::nullopt : number<int>(status_line.substr(space + 1, 3));
  if (!status || *status < 100) return broken();
  head.status = *status;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (equal_fold(line.substr(0, colon), "Location")) head.location = std::string(trim(line.substr(colon + 1)));
    if (equal_fold(line.substr(0, colon), "Content-Length")) {
      head.content_length = number<std::size_t>(trim(line.substr(colon + 1)));
    }
  }
  return std::optional(std::move(head));
}

std::optional<HttpTarget> follow_redirect(const HttpTarget& from, std::string_view location) {
  location = location.substr(0, location.find('#'));
  if (location.empty() || has_control(location) || location.find(' ') != std::string_view::npos) return std::nullopt;
  auto to = from;
  for (const auto tls : {false, true}) {
    const auto scheme = std::string_view(tls ? "https://" : "http://");
    if (!equal_fold(location.substr(0, scheme.size()), scheme)) continue;
    to.tls = tls;
    location.remove_prefix(scheme.size() - 2);
  }
  if (location.substr(0, 2) == "//") {
    location.remove_prefix(2);
    const auto slash = std::min(location.find_first_of("/?"), location.size());
    const auto authority = parse_authority(location.substr(0, slash));
    if (!authority || !equal_fold(authority->host, from.host)) return std::nullopt;
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
