// api/tls/certificate.hpp - keys and certificates of OpenSSL, made and read.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "api/http/tls_module.hpp"
#include "base/openssl_handles.hpp"
#include "base/result.hpp"

namespace berth::api {

using Key = OpensslKey;
using Certificate = OpensslCertificate;

struct Pair {
  Key key;
  Certificate certificate;
};

using WallTime = std::chrono::system_clock::time_point;

enum class Use { Authority, Server, Client, Host };  ///< Host: both ends.

struct Subject {
  Use use = Use::Client;
  std::string name;                  ///< CN, at most 64 bytes (RFC 5280, appendix A.1).
  std::string organization{};        ///< O; none when empty.
  std::vector<std::string> names{};  ///< DNS names and addresses (subjectAltName).
};

/// `doing: ` and OpenSSL's reason; empties its queue of errors.
Error openssl_error(ErrorCode code, const std::string& doing);

/// A new P-256 key with a certificate over it that `issuer` signs, or that signs itself (issuer null). Valid from an
/// hour before `now`, so that a clock that is a little behind accepts it; never longer than the issuer.
Result<Pair> issue(const Subject& subject, const Pair* issuer, WallTime now, std::chrono::hours lifetime);

/// The same over a key that is there.
Result<Certificate> certify(EVP_PKEY* key, const Subject& subject, const Pair* issuer, WallTime now,
                            std::chrono::hours lifetime);

Result<std::string> to_pem(EVP_PKEY* key);
Result<std::string> to_pem(X509* certificate);
/// DataLoss: not PEM, or another kind of thing.
Result<Key> key_from_pem(const std::string& text, const std::string& what);
Result<Certificate> certificate_from_pem(const std::string& text, const std::string& what);
/// All that are in it, at least one.
Result<std::vector<Certificate>> certificates_from_pem(const std::string& text, const std::string& what);

/// The public key of a certificate signing request (PKCS #10, RFC 2986), which that key has signed. InvalidArgument:
/// not PEM, or signed by another. What else it says is the signer's to decide, and not read.
Result<Key> key_of_request(const std::string& text);

/// Does it end before `when`?
bool ends_before(const X509* certificate, WallTime when);
/// Is it for this DNS name or address?
bool is_for(X509* certificate, const std::string& name);

/// Did this CA's key sign it? Its names say nothing: anybody may call a CA as ours.
bool is_signed_by(X509* certificate, X509* authority);

/// CN and all O of its subject. Nullopt: no CN, or text with a NUL in it.
std::optional<CertificateName> name_of(const X509* certificate);

}  // namespace berth::api
