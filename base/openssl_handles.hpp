// base/openssl_handles.hpp - owners of what OpenSSL gives out. For modules alone: who includes it links libcrypto.
#pragma once

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace berth {

template <auto kFree>
struct OpensslFree {
  template <typename T>
  void operator()(T* what) const {
    kFree(what);
  }
};
using OpensslBio = std::unique_ptr<BIO, OpensslFree<&::BIO_free>>;
using OpensslKey = std::unique_ptr<EVP_PKEY, OpensslFree<&::EVP_PKEY_free>>;
using OpensslRequest = std::unique_ptr<X509_REQ, OpensslFree<&::X509_REQ_free>>;
using OpensslCertificate = std::unique_ptr<X509, OpensslFree<&::X509_free>>;

/// Reads `text`, which outlives it.
inline OpensslBio openssl_reader(const std::string& text) {
  return OpensslBio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// A random one that is positive in 16 bytes, as RFC 5280 (4.1.2.2) wants it.
inline bool set_random_serial(X509* certificate) {
  constexpr int kBits = 127;
  const std::unique_ptr<BIGNUM, OpensslFree<&::BN_free>> number(::BN_new());
  return number && ::BN_rand(number.get(), kBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate)) != nullptr;
}

}  // namespace berth
