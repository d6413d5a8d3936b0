// https/loader.hpp - HTTPS, loaded when it is first needed: most hosts have no URL source and no HTTPS probe.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "https/probe_stream.hpp"
#include "https/url_request.hpp"

namespace berth::https {

/// What a URL answered.
struct UrlAnswer {
  bool modified = false;  ///< False: 304, what was read before still holds.
  std::string body;
  std::string etag;
};

/// The module's functions. libcurl and OpenSSL bring thirty libraries and 8 MB of resident memory, a third of the
/// agent's budget; so they are behind dlopen(3), in berth-https.so.
struct HttpsModule {
  Result<UrlAnswer> (*fetch)(const UrlRequest& request, const std::string& etag);
  Result<std::unique_ptr<ProbeStream>> (*make_tls_stream)(int fd, const std::string& server_name);
};

/// Loads it from beside the program or from ../lib/berth; kept for the life of the process. Any thread.
/// FailedPrecondition: it is not installed, or does not load; what dlerror(3) says.
Result<const HttpsModule*> https_module();

}  // namespace berth::https
