// api/tls/context.hpp - certificate, key, CAs and protocol versions of the listener, as OpenSSL takes them.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "api/http/tls_module.hpp"
#include "base/result.hpp"

namespace berth::api {

struct FreeContext {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

/// InvalidArgument: a file that cannot be used, with OpenSSL's reason.
Result<Context> make_context(const TlsOptions& options);

}  // namespace berth::api
