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

/// Takes the head of a response off the front of what was received, once it is there whole, written as RFC 9112 wants
/// it: servers end lines with a bare LF, leave the reason out, or give a length beside an encoding, and Go's client,
/// which the kubelet has, takes all that.
std::optional<std::string> take_http_head(std::string& received);

/// Where a redirect leads, if it stays on the host of `from`; none when it leaves it (which the kubelet takes as
/// success) or cannot be read.
std::optional<HttpTarget> follow_redirect(const HttpTarget& from, std::string_view location);

/// GET with Connection: close. 200 to 399 is success. Redirects on the same host are followed, 10 at most.
/// At most 10 KiB of body are read and thrown away, so that the server need not see a reset.
std::unique_ptr<NetProbe> make_http_probe(HttpTarget target, std::vector<model::HttpHeader> headers);

}  // namespace berth::agent
