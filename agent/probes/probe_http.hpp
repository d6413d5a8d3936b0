// agent/probes/probe_http.hpp - httpGet: one HTTP/1.1 GET and what its status means.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/probes/probe_io.hpp"
#include "base/result.hpp"
#include "model/pod.hpp"

namespace berth::agent {

/// Where a request goes.
struct HttpTarget {
  bool tls = false;
  ProbeAddress address;
  std::string host;        ///< As written (a name or an address): Host header, SNI, messages.
  std::string path = "/";  ///< With query; begins with '/'.

  /// "http://10.98.0.7:80/healthz".
  std::string url() const;
};

/// The request's text. User-Agent, Accept and Host give way to the manifest's headers; an empty Accept is left
/// out. InvalidArgument: a line break or control character where a header could be smuggled in.
Result<std::string> http_request(const HttpTarget& target, const std::vector<model::HttpHeader>& headers);

/// The head of a response, once it is there.
struct HttpHead {
  int status = 0;
  std::string location;
  std::optional<std::size_t> content_length;
  std::size_t size = 0;  ///< Bytes up to and with the empty line.
};

/// None: more is needed. InvalidArgument: not HTTP/1.
Result<std::optional<HttpHead>> parse_http_head(std::string_view text);

/// Where a redirect leads, if it stays on the host of `from`; none when it leaves it (which the kubelet takes as
/// success) or cannot be read.
std::optional<HttpTarget> follow_redirect(const HttpTarget& from, std::string_view location);

/// GET with Connection: close. 200 to 399 is success. Redirects on the same host are followed, 10 at most.
/// At most 10 KiB of body are read and thrown away, so that the server need not see a reset.
std::unique_ptr<NetProbe> make_http_probe(HttpTarget target, std::vector<model::HttpHeader> headers);

}  // namespace berth::agent
