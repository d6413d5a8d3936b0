// agent/https/module.hpp - what the module is made of; outside it only https_module.hpp is used.
#pragma once

#include "agent/https/loader.hpp"

namespace berth::agent {

/// One GET with If-None-Match. Blocks for at most options.timeout: files lane. ResourceExhausted (body over the limit),
/// DeadlineExceeded, Unavailable (no answer, or a status other than 200 and 304), InvalidArgument (the token file).
Result<UrlAnswer> fetch_url(const UrlSourceOptions& options, const std::string& etag);

/// See make_tls_stream() in probe_stream.hpp.
Result<std::unique_ptr<ProbeStream>> open_tls_stream(int fd, const std::string& server_name);

}  // namespace berth::agent
