// store/etcd/certificates.hpp - when certificates end, and the same once more for as long again. What does it is in
// berth-etcd.so: whoever has certificates of a cluster has that loaded, and OpenSSL with it.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace berth::store::etcd {

struct CertificateFacts {
  WallTime begins{};
  WallTime ends{};
  bool is_of_authority = false;  ///< The CA that was asked about signed it.
};

/// A CA, PEM.
struct CertificateAuthority {
  std::string certificate{};
  std::string key{};
};

}  // namespace berth::store::etcd
