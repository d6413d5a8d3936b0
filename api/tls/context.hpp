// api/tls/context.hpp - certificate, key, CAs and protocol versions of the listener and of our own connections, as
// OpenSSL takes them.
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
/// For connections to other hosts: they have to be of the hosts' CA, and are shown our certificate. InvalidArgument as
/// above.
Result<Context> make_host_context(const HostPki& hosts);

}  // namespace berth::api
