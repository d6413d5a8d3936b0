// https/module/module.hpp - what the module is made of; outside it only https/loader.hpp is used.
#pragma once

#include "https/loader.hpp"

namespace berth::https {

/// One GET with If-None-Match. Blocks for at most options.timeout: files lane. ResourceExhausted (body over the limit),
/// DeadlineExceeded, Unavailable (no answer, or a status other than 200 and 304), InvalidArgument (the token file).
Result<UrlAnswer> fetch_url(const UrlRequest& request, const std::string& etag);

/// See make_tls_stream() in probe_stream.hpp.
Result<std::unique_ptr<ProbeStream>> open_tls_stream(int fd, const std::string& server_name);

// See HttpsModule.
Result<PostAnswer> post_pinned(const PinnedPost& request);
Result<KeyAndRequest> make_request(const std::string& key, const std::string& name);
Result<CertificateFacts> certificate_facts(const std::string& pem);

}  // namespace berth::https
