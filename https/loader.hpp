// https/loader.hpp - HTTPS, loaded when it is first needed: most hosts have no URL source and no HTTPS probe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "https/probe_stream.hpp"
#include "https/url_request.hpp"

namespace berth::https {

/// What a URL answered.
struct UrlAnswer {
  bool modified = false;  ///< False: 304, what was read before still holds.
  std::string body;
  std::string etag;
};

/// A POST to a server of which only its CA's fingerprint is known, see certificate_facts().
struct PinnedPost {
  std::string url{};
  std::string ca_pin{};  ///< The CA is in the chain that the server sends.
  std::string bearer_token{};
  std::string body{};                         ///< JSON.
  std::chrono::milliseconds timeout{10'000};  ///< For each of two connections.
};

struct PostAnswer {
  long code = 0;
  std::string body{};
  std::optional<std::chrono::system_clock::time_point> date{};  ///< By the server's clock, when it says so.
};

/// A new key and a request for a certificate over it (PKCS #10), both PEM.
struct KeyAndRequest {
  std::string key;
  std::string request;
};

struct CertificateFacts {
  std::string pin;  ///< SHA-256 of the public key's SubjectPublicKeyInfo, hexadecimal, as kubeadm's caCertHashes.
  std::chrono::system_clock::time_point ends;
};

/// The module's functions. libcurl and OpenSSL bring thirty libraries and 8 MB of resident memory, a third of the
/// agent's budget; so they are behind dlopen(3), in berth-https.so.
struct HttpsModule {
  Result<UrlAnswer> (*fetch)(const UrlRequest& request, const std::string& etag);
  Result<std::unique_ptr<ProbeStream>> (*make_tls_stream)(int fd, const std::string& server_name);
  /// The first connection sends nothing and learns the chain; the second believes only the CA of that pin, and only for
  /// the URL's address. Unauthenticated: the server's chain has no such CA; else as fetch(). Blocks.
  Result<PostAnswer> (*post_pinned)(const PinnedPost& request);
  /// Over `key`, PEM, or a new one (P-256) when it is empty. DataLoss: it is no key.
  Result<KeyAndRequest> (*make_request)(const std::string& key, const std::string& name);
  /// Of the first in the text. DataLoss: it is no certificate.
  Result<CertificateFacts> (*certificate_facts)(const std::string& pem);
};

/// Loads it from beside the program or from ../lib/berth; kept for the life of the process. Any thread.
/// FailedPrecondition: it is not installed, or does not load; what dlerror(3) says.
Result<const HttpsModule*> https_module();

}  // namespace berth::https
