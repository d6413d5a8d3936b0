// api/http/request_head.cpp - see request_head.hpp.
#include "api/http/request_head.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace berth::api {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kImpersonate = "impersonate-";
/// More are not read: kubectl offers five.
constexpr std::size_t kMaxProtocols = 16;
/// So that a peer cannot make us compare names for long.
constexpr std::size_t kMaxFields = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_alpha(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

/// Names, schemes and codings; the C locale's letters only.
bool is_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_digit(c) || is_alpha(c) || kMarks.find(c) != std::string_view::npos;
  });
}

/// uri-host [":" port] as far as characters go (RFC 3986, section 3.2.2); nothing is one, too.
bool is_host(std::string_view text) {
  constexpr std::string_view kMarks = "-._~!$&'()*+,;=:%[]";
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_digit(c) || is_alpha(c) || kMarks.find(c) != std::string_view::npos; });
}

std::string_view trimmed(std::string_view text) {
  const auto first = std::min(text.find_first_not_of(" \t"), text.size());
  const auto last = text.find_last_not_of(" \t");
  return last == std::string_view::npos ? std::string_view() : text.substr(first, last + 1 - first);
}

/// Calls `take` with each element of a comma-separated list.
template <typename Take>
void each_element(std::string_view list, Take take) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    if (const auto one = trimmed(list.substr(0, end)); !one.empty()) take(one);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

/// The fields in the order they came.
class Fields {
 public:
  void add(std::string_view name, std::string_view value) { all_.emplace_back(name, value); }
  std::size_t size() const { return all_.size(); }
  const auto& all() const { return all_; }

  /// The first of that name; nullopt when there is none.
  std::optional<std::string_view> get(std::string_view name) const {
    for (const auto& [key, value] : all_) {
      if (is_word(key, name)) return value;
    }
    return std::nullopt;
  }
  std::size_t count(std::string_view name) const {
    return static_cast<std::size_t>(
        std::count_if(all_.begin(), all_.end(), [&](const auto& one) { return is_word(one.first, name); }));
  }
  /// Every element of every list of that name.
  template <typename Take>
  void each(std::string_view name, Take take) const {
    for (const auto& [key, value] : all_) {
      if (is_word(key, name)) each_element(value, take);
    }
  }
  bool lists(std::string_view name, std::string_view word) const {
    bool found = false;
    each(name, [&](std::string_view one) { found = found || is_word(one, word); });
    return found;
  }

 private:
  std::vector<std::pair<std::string_view, std::string_view>> all_;
};

Method method_of(std::string_view word) {
  if (word == "GET" || word == "HEAD") return Method::Get;
  if (word == "POST") return Method::Post;
  if (word == "PUT") return Method::Put;
  if (word == "PATCH") return Method::Patch;
  if (word == "DELETE") return Method::Delete;
  return Method::Other;
}

/// A client that thinks we are a proxy sends "http://host/path" (RFC 9112, section 3.2.2): the path is all that counts.
std::string origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!is_word(target.substr(0, scheme.size()), scheme)) continue;
    const auto slash = target.find_first_of("/?", scheme.size());
    if (slash == std::string_view::npos) return "/";
    const auto path = std::string(target.substr(slash));
    return path.front() == '/' ? path : "/" + path;
  }
  return std::string(target);
}

std::string bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!is_word(authorization.substr(0, kScheme.size()), kScheme)) return {};
  return std::string(trimmed(authorization.substr(kScheme.size())));
}

/// Where the body ends: exactly understood, or refused.
std::optional<ApiError> read_framing(const Fields& fields, RequestHead& head) {
  const auto coding = fields.get("Transfer-Encoding");
  const auto length = fields.get("Content-Length");
  if (coding) {
    if (length) return bad_request("the request has both Transfer-Encoding and Content-Length");
    if (head.version < 11) return bad_request("a request of HTTP/1.0 cannot have Transfer-Encoding");
    if (fields.count("Transfer-Encoding") > 1 || !is_word(*coding, "chunked")) {
      return bad_request("the only Transfer-Encoding of a request that is understood is chunked");
    }
    head.chunked = true;
    return std::nullopt;
  }
  if (!length) return std::nullopt;
  const auto [end, error] = std::from_chars(length->data(), length->data() + length->size(), head.content_length);
  const bool is_number = error == std::errc{} && end == length->data() + length->size();
  if (fields.count("Content-Length") > 1 || !is_number || !std::all_of(length->begin(), length->end(), is_digit)) {
    return bad_request("the request's Content-Length must be one number");
  }
  return std::nullopt;
}

std::optional<ApiError> check_host(const Fields& fields, unsigned version) {
  const auto host = fields.get("Host");
  if (!host && version >= 11) return bad_request("a request of HTTP/1.1 must have a Host header");
  if (fields.count("Host") > 1) return bad_request("the request has more than one Host header");
  if (host && !is_host(*host)) return bad_request("the request's Host header is no host");
  return std::nullopt;
}

void read_upgrade(const Fields& fields, const RequestHead& head, bool is_get, HttpRequest& request) {
  if (head.version < 11 || !fields.lists("Connection", "upgrade")) return;
  const char* offered = nullptr;
  if (is_get && fields.lists("Upgrade", "websocket")) {
    request.upgrade = Upgrade::WebSocket;
    request.web_socket_key = std::string(fields.get("Sec-WebSocket-Key").value_or(""));
    offered = "Sec-WebSocket-Protocol";
  } else if (is_word(fields.get("Upgrade").value_or(""), "SPDY/3.1")) {
    request.upgrade = Upgrade::Spdy;
    offered = "X-Stream-Protocol-Version";
  } else {
    return;
  }
  fields.each(offered, [&](std::string_view one) {
    if (request.protocols.size() < kMaxProtocols) request.protocols.emplace_back(one);
  });
}

/// What browsers say of the page that sends a request: Sec-Fetch-Site, and for WebSockets, where not all send that,
/// Origin. Other clients send an Origin of their own making, so it only counts from those that call themselves Mozilla,
/// as all browsers do; a page cannot change that.
bool is_for_other_site(const Fields& fields, const HttpRequest& request, bool is_look) {
  if (is_look && request.upgrade == Upgrade::None) return false;
  const auto site = fields.get("Sec-Fetch-Site").value_or("same-origin");
  if (!is_word(site, "same-origin") && !is_word(site, "none")) return true;
  const auto origin = fields.get("Origin");
  if (!origin || !request.user_agent.starts_with("Mozilla/")) return false;
  const auto authority = origin->find("://");
  return authority == std::string_view::npos ||
         !is_word(origin->substr(authority + 3), fields.get("Host").value_or(""));
}

}  // namespace

ApiResult<RequestHead> parse_head(std::string_view text) {
  const auto next_line = [&text] {
    const auto end = std::min(text.find(kLineEnd), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + kLineEnd.size(), text.size()));
    return line;
  };
  RequestHead head;
  const auto first = next_line();
  const auto blank = first.find(' ');
  const auto last = first.rfind(' ');
  const auto method = first.substr(0, blank);
  if (blank == last || !is_token(method)) return bad_request("this is no request of HTTP");
  const auto target = first.substr(blank + 1, last - blank - 1);
  const auto version = first.substr(last + 1);
  if (target.empty() || target.find_first_of(" \t") != std::string_view::npos) {
    return bad_request("the request's first line must be METHOD TARGET VERSION");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return bad_request("only HTTP/1.0 and HTTP/1.1 are understood");
  }
  head.version = version.back() == '1' ? 11 : 10;

  Fields fields;
  for (auto line = next_line(); !line.empty(); line = next_line()) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return bad_request("a line of the request's head must be NAME: VALUE");
    }
    if (fields.size() == kMaxFields)
      return bad_request(fmt::format("the request has more than {} headers", kMaxFields));
    fields.add(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  if (auto wrong = check_host(fields, head.version)) return *std::move(wrong);
  if (auto wrong = read_framing(fields, head)) return *std::move(wrong);

  head.is_head = method == "HEAD";
  head.keep_alive =
      head.version >= 11 ? !fields.lists("Connection", "close") : fields.lists("Connection", "keep-alive");
  // HTTP/1.0 has no interim answers (RFC 9110, section 10.1.1).
  head.expects_continue = head.version >= 11 && is_word(fields.get("Expect").value_or(""), "100-continue");
  head.bearer_token = bearer_token(fields.get("Authorization").value_or(""));
  for (const auto& [name, value] : fields.all()) {
    if (name.size() > kImpersonate.size() && is_word(name.substr(0, kImpersonate.size()), kImpersonate)) {
      head.impersonates = std::string(value);
      break;
    }
  }
  auto& request = head.request;
  request.method = method_of(method);
  request.target = origin_form(target);
  request.content_type = std::string(fields.get("Content-Type").value_or(""));
  request.accept = std::string(fields.get("Accept").value_or(""));
  request.user_agent = std::string(fields.get("User-Agent").value_or(""));
  request.if_none_match = std::string(fields.get("If-None-Match").value_or(""));
  request.passed_on_by = std::string(fields.get(kPassedOnBy).value_or(""));
  // Nobody else looks at the others, and they would be copied for every request.
  if (request.target.find("/proxy") != std::string::npos) {
    for (const auto& [name, value] : fields.all()) request.headers.emplace_back(name, value);
  }
  read_upgrade(fields, head, method == "GET", request);
  head.for_other_site = is_for_other_site(fields, request, method == "GET" || method == "HEAD");
  return head;
}

}  // namespace berth::api
