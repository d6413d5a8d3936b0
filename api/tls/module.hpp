// api/tls/module.hpp - what the module is made of; outside it only tls_module.hpp is used.
#pragma once

#include "api/http/tls_module.hpp"

namespace berth::api {

/// See TlsModule.
Result<bool> ensure_pki(const PkiOptions& options, std::chrono::system_clock::time_point now);
Result<std::unique_ptr<TlsGateway>> start_gateway(TlsOptions options);

}  // namespace berth::api
