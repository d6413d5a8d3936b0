// store/etcd/module/certificate.hpp - what certificates say, and a new one of the same kind. See EtcdModule.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/etcd/certificates.hpp"

namespace berth::store::etcd {

Result<std::vector<CertificateFacts>> read_certificates(const std::string& pem, const std::string& authority);
Result<std::string> renew_certificate(const std::string& pem, const CertificateAuthority& authority, WallTime now);

}  // namespace berth::store::etcd
