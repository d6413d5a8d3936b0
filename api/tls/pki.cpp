// api/tls/pki.cpp - the agent's own CA and what it signs, kept in stateDir/pki. See docs/on-disk.md.
#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <sys/stat.h>

#include <cerrno>

#include "api/tls/certificate.hpp"
#include "api/tls/module.hpp"
#include "base/atomic_file.hpp"

namespace berth::api {

namespace {

constexpr std::chrono::hours kDay{24};
constexpr auto kAuthorityLifetime = 3653 * kDay;
constexpr auto kLifetime = 365 * kDay;
constexpr auto kRenewBefore = 30 * kDay;
constexpr std::size_t kMaxFile = 64 * 1024;

Result<Pair> read_pair(const std::filesystem::path& directory, const std::string& name) {
  const auto certificate_file = directory / (name + ".crt");
  const auto key_file = directory / (name + ".key");
  const auto certificate_text = read_file(certificate_file, kMaxFile);
  if (!certificate_text) return certificate_text.error();
  const auto key_text = read_file(key_file, kMaxFile);
  if (!key_text) return key_text.error();
  auto certificate = certificate_from_pem(*certificate_text, certificate_file.string());
  if (!certificate) return certificate.error();
  auto key = key_from_pem(*key_text, key_file.string());
  if (!key) return key.error();
  return Pair{*std::move(key), *std::move(certificate)};
}

/// The certificate last: without it, or with another key than its own, the pair is made again.
Status write_pair(const std::filesystem::path& directory, const std::string& name, const Pair& pair) {
  const auto key = to_pem(pair.key.get());
  if (!key) return key.error();
  const auto certificate = to_pem(pair.certificate.get());
  if (!certificate) return certificate.error();
  auto written = write_file(directory / (name + ".key"), *key, 0600, Durability::Durable);
  if (!written) return written;
  return write_file(directory / (name + ".crt"), *certificate, 0600, Durability::Durable);
}

/// Whether a pair may stay as it is.
bool still_good(const Pair& pair, const Pair& authority, const Subject& subject, WallTime now) {
  auto* certificate = pair.certificate.get();
  if (::X509_check_private_key(certificate, pair.key.get()) != 1 ||
      ::X509_check_issued(authority.certificate.get(), certificate) != X509_V_OK ||
      ::X509_verify(certificate, authority.key.get()) != 1) {
    return false;
  }
  // One that ends with its CA cannot be made to last longer.
  if (ends_before(certificate, now + kRenewBefore) &&
      ::ASN1_TIME_compare(::X509_get0_notAfter(certificate), ::X509_get0_notAfter(authority.certificate.get())) < 0) {
    return false;
  }
  for (const auto& name : subject.names) {
    if (!is_for(certificate, name)) return false;
  }
  return true;
}

/// Missing and damaged pairs that we can make again are one case; what cannot be read for another reason is an error.
bool can_replace(const Error& error) {
  return error.code() == ErrorCode::NotFound || error.code() == ErrorCode::DataLoss;
}

Result<Pair> ensure_authority(const PkiOptions& options, WallTime now, bool& wrote) {
  auto authority = read_pair(options.directory, "ca");
  if (authority) {
    if (::X509_check_private_key(authority->certificate.get(), authority->key.get()) != 1) {
      return Error(ErrorCode::DataLoss,
                   fmt::format("{}: ca.crt and ca.key do not belong together", options.directory.string()));
    }
    return authority;
  }
  // A certificate without its key was given out already: replacing it would shut everybody out without a word.
  const auto certificate = read_file(options.directory / "ca.crt", kMaxFile);
  if (certificate || certificate.error().code() != ErrorCode::NotFound) return authority;
  authority = issue({.use = Use::Authority, .name = "berth-ca"}, nullptr, now, kAuthorityLifetime);
  if (!authority) return authority;
  if (auto written = write_pair(options.directory, "ca", *authority); !written) return written.error();
  wrote = true;
  return authority;
}

}  // namespace

Result<bool> ensure_pki(const PkiOptions& options, WallTime now) {
  const auto& directory = options.directory;
  if (auto made = make_directories(directory, 0700); !made) return made.error();
  if (::chmod(directory.c_str(), 0700) != 0) return Error::from_errno(errno, directory.string());
  bool wrote = false;
  const auto authority = ensure_authority(options, now, wrote);
  if (!authority) return authority.error();
  const std::pair<std::string, Subject> wanted[] = {
      {"server", {.use = Use::Server, .name = "berthd", .names = options.server_names}},
      {"admin", {.use = Use::Client, .name = "admin", .organization = "system:masters"}},
      {"viewer", {.use = Use::Client, .name = "viewer", .organization = "berth:viewers"}},
  };
  for (const auto& [name, subject] : wanted) {
    const auto pair = read_pair(directory, name);
    if (pair && still_good(*pair, *authority, subject, now)) continue;
    if (!pair && !can_replace(pair.error())) return pair.error();
    const auto made = issue(subject, &*authority, now, kLifetime);
    if (!made) return made.error();
    if (auto written = write_pair(directory, name, *made); !written) return written.error();
    wrote = true;
  }
  return wrote;
}

}  // namespace berth::api
