// api/http/tls_module.hpp - TLS and certificates, loaded when TLS is configured: OpenSSL costs memory that most hosts
// can save.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/tcp_address.hpp"
#include "base/unique_fd.hpp"

namespace berth::api {

/// What stateDir/pki has to hold: ca, server, admin and viewer, each .crt and .key.
struct PkiOptions {
  std::filesystem::path directory;
  std::vector<std::string> server_names;  ///< DNS names and addresses that the server's certificate is for.
};

/// Whom a client's certificate names.
struct CertificateName {
  std::string name;                 ///< CN
  std::vector<std::string> groups;  ///< Every O.
  bool ours = false;                ///< Our own CA signed it: then the groups are meant as we mean them.
  bool of_hosts = false;            ///< The hosts' CA did: then it may be a host's.
};

/// One finished handshake. `socket` is one end of a pair: what the peer sends arrives there in the clear, and the other
/// way round. `name` is of a certificate that a client CA signed; nullopt when the peer sent none.
struct TlsPeer {
  UniqueFd socket;
  std::optional<CertificateName> name;
};

/// With what hosts know each other.
struct HostPki {
  std::filesystem::path ca_file;  ///< Signs for hosts, as servers and as clients. May hold several certificates.
  std::filesystem::path certificate_file;
  std::filesystem::path key_file;
};

struct TlsOptions {
  std::vector<UniqueFd> listeners;  ///< Bound and listening TCP sockets.
  std::filesystem::path certificate_file;
  std::filesystem::path key_file;
  std::vector<std::filesystem::path> client_ca_files;
  std::filesystem::path own_ca_file;  ///< The one of them that is ours; empty: none is.
  std::optional<PkiOptions> pki;      ///< Kept up to date while serving.
  std::optional<HostPki> hosts;       ///< For connect(); its CA is one of the clients', too.
  std::size_t dials = 256;            ///< Made by connect(), at once.
  std::size_t connections = 512;      ///< More are closed at once.
  std::size_t handshakes = 64;        ///< At once; one more ends the oldest.
  std::chrono::milliseconds handshake_time{10'000};
  std::chrono::milliseconds look_again{60'000};     ///< Between two looks at the files.
  std::function<void(TlsPeer)> on_peer;             ///< On the gateway's thread.
  std::function<void(std::string_view)> on_notice;  ///< One sentence that somebody should read; same thread.
};

/// Serves until destroyed, on one thread of its own named "tls".
class TlsGateway {
 public:
  virtual ~TlsGateway() = default;

  /// One end of a pair, as on_peer has it; behind it is another host's server.
  using Dialled = std::function<void(Result<UniqueFd>)>;
  /// Connects to another host, which has to have a certificate of the hosts' CA for that address; ours is shown to it.
  /// `done` comes once, on the gateway's thread. `time` is for the connection: the other host's kernel answers
  /// or nobody does; its agent, which may be one of many that want a CPU, has `handshake_time` then. Of those to one
  /// host only a few are made at once, and when one meets silence while no other is made, those that wait for that host
  /// are told the same. Any thread. Unavailable: refused, or the handshake failed, in the system's or OpenSSL's words;
  /// DeadlineExceeded: silence; ResourceExhausted: too many at once; FailedPrecondition: options without hosts;
  /// Cancelled: the gateway ends.
  virtual void connect(const TcpAddress& address, std::chrono::milliseconds time, Dialled done) = 0;
};

/// A certificate and its key, PEM.
struct PemPair {
  std::string certificate;
  std::string key;
};

/// A host that asks for a certificate of the hosts' CA.
struct HostRequest {
  std::string request;             ///< PEM, PKCS #10: only its public key counts.
  std::string node;                ///< CN; O is `berth:hosts`.
  std::vector<std::string> names;  ///< Addresses and DNS names at which it is reached.
};

/// The module's functions.
struct TlsModule {
  /// Makes what is missing in the directory (mode 0700, files 0600, fsynced) and renews what ends within 30 days or was
  /// made for other names or by another CA. ECDSA P-256; the CA is valid for ten years, the others for one. Returns
  /// whether it wrote anything. PermissionDenied, ResourceExhausted and the like: as of the files; DataLoss: a file is
  /// no PEM.
  Result<bool> (*ensure_pki)(const PkiOptions& options, std::chrono::system_clock::time_point now);
  /// TLS 1.2 and 1.3, ALPN http/1.1. Certificate, key and CAs are read again when their files change.
  /// InvalidArgument: certificate, key or CA cannot be used.
  Result<std::unique_ptr<TlsGateway>> (*start_gateway)(TlsOptions options);
  /// A CA for hosts, valid for ten years.
  Result<PemPair> (*make_host_authority)(std::chrono::system_clock::time_point now);
  /// A host's certificate for a year, for both ends of a connection, and behind it the CA's, so that who connects sees
  /// which CA that is. InvalidArgument: the request; DataLoss: the CA.
  Result<std::string> (*sign_host)(const PemPair& authority, const HostRequest& host,
                                   std::chrono::system_clock::time_point now);
};

/// FailedPrecondition: see load_module(). Any thread.
Result<const TlsModule*> tls_module();

}  // namespace berth::api
