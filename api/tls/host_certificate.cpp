// api/tls/host_certificate.cpp - the hosts' CA, and what it signs for a host that asks.
#include "api/tls/certificate.hpp"
#include "api/tls/module.hpp"

namespace berth::api {

namespace {

constexpr std::chrono::hours kDay{24};
constexpr auto kAuthorityLifetime = 3653 * kDay;
constexpr auto kLifetime = 365 * kDay;

}  // namespace

Result<PemPair> make_host_authority(WallTime now) {
  const auto made = issue({.use = Use::Authority, .name = "berth hosts"}, nullptr, now, kAuthorityLifetime);
  if (!made) return made.error();
  auto certificate = to_pem(made->certificate.get());
  if (!certificate) return certificate.error();
  auto key = to_pem(made->key.get());
  if (!key) return key.error();
  return PemPair{*std::move(certificate), *std::move(key)};
}

Result<std::string> sign_host(const PemPair& authority, const HostRequest& host, WallTime now) {
  auto certificate = certificate_from_pem(authority.certificate, "the hosts' CA");
  if (!certificate) return certificate.error();
  auto key = key_from_pem(authority.key, "the key of the hosts' CA");
  if (!key) return key.error();
  const auto asking = key_of_request(host.request);
  if (!asking) return asking.error();
  const Pair issuer{*std::move(key), *std::move(certificate)};
  const auto signed_one =
      certify(asking->get(), {.use = Use::Host, .name = host.node, .organization = "berth:hosts", .names = host.names},
              &issuer, now, kLifetime);
  if (!signed_one) return signed_one.error();
  const auto text = to_pem(signed_one->get());
  if (!text) return text.error();
  return *text + authority.certificate;
}

}  // namespace berth::api
