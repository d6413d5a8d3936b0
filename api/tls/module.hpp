// api/tls/module.hpp - what the module is made of; outside it only tls_module.hpp is used.
#pragma once

#include "api/http/tls_module.hpp"

namespace berth::api {

/// See TlsModule.
Result<bool> ensure_pki(const PkiOptions& options, std::chrono::system_clock::time_point now);
Result<std::unique_ptr<TlsGateway>> start_gateway(TlsOptions options);
Result<PemPair> make_host_authority(std::chrono::system_clock::time_point now);
Result<std::string> sign_host(const PemPair& authority, const HostRequest& host,
                              std::chrono::system_clock::time_point now);

}  // namespace berth::api
