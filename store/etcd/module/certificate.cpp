// store/etcd/module/certificate.cpp - what certificates say, and a new one of the same kind.
#include "store/etcd/module/certificate.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include <fmt/format.h>

#include "base/openssl_handles.hpp"

namespace berth::store::etcd {
namespace {

constexpr std::size_t kMost = 64;           ///< Of one file.
constexpr std::chrono::hours kBackdate{1};  ///< A clock that is a little behind accepts it.

using Bio = OpensslBio;
using Key = OpensslKey;
using Certificate = OpensslCertificate;

Error failed(ErrorCode code, const std::string& doing) {
  const auto* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  ::ERR_clear_error();
  return {code, fmt::format("{}: {}", doing, reason != nullptr ? reason : "OpenSSL says no more")};
}

Result<std::vector<Certificate>> certificates_of(const std::string& pem) {
  ::ERR_clear_error();
  const auto bio = openssl_reader(pem);
  std::vector<Certificate> out;
  while (bio && out.size() < kMost) {
    Certificate one(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!one) break;
    out.push_back(std::move(one));
  }
  if (out.empty()) return failed(ErrorCode::DataLoss, "read a certificate");
  ::ERR_clear_error();
  return out;
}

Result<WallTime> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (::ASN1_TIME_to_tm(time, &parts) != 1) return failed(ErrorCode::DataLoss, "read a certificate's time");
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

Result<CertificateFacts> facts_of(X509* certificate, X509* authority) {
  const auto begins = time_of(::X509_get0_notBefore(certificate));
  if (!begins) return begins.error();
  const auto ends = time_of(::X509_get0_notAfter(certificate));
  if (!ends) return ends.error();
  auto* key = authority != nullptr ? ::X509_get0_pubkey(authority) : nullptr;
  const bool is_signed = key != nullptr && ::X509_verify(certificate, key) == 1;
  ::ERR_clear_error();
  return CertificateFacts{*begins, *ends, is_signed};
}

bool set_times(X509* certificate, WallTime begins, WallTime ends) {
  using Wall = std::chrono::system_clock;
  return ::ASN1_TIME_set(::X509_getm_notBefore(certificate), Wall::to_time_t(begins)) != nullptr &&
         ::ASN1_TIME_set(::X509_getm_notAfter(certificate), Wall::to_time_t(ends)) != nullptr;
}

}  // namespace

Result<std::vector<CertificateFacts>> read_certificates(const std::string& pem, const std::string& authority) {
  const auto all = certificates_of(pem);
  if (!all) return all.error();
  std::vector<Certificate> by;
  if (!authority.empty()) {
    auto read = certificates_of(authority);
    if (!read) return read.error().context("the CA");
    by = *std::move(read);
  }
  std::vector<CertificateFacts> out;
  for (const auto& each : *all) {
    const auto facts = facts_of(each.get(), by.empty() ? nullptr : by.front().get());
    if (!facts) return facts.error();
    out.push_back(*facts);
  }
  return out;
}

Result<std::string> renew_certificate(const std::string& pem, const CertificateAuthority& authority, WallTime now) {
  const auto old = certificates_of(pem);
  if (!old) return old.error();
  const auto by = certificates_of(authority.certificate);
  if (!by) return by.error().context("the CA");
  const auto bio = openssl_reader(authority.key);
  // A key with a passphrase must fail, not ask on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const Key key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key || ::X509_check_private_key(by->front().get(), key.get()) != 1) {
    return failed(ErrorCode::DataLoss, "read the key of the CA");
  }
  const auto before = facts_of(old->front().get(), by->front().get());
  if (!before) return before.error();
  if (!before->is_of_authority) return Error(ErrorCode::FailedPrecondition, "another CA has signed it");
  const auto limit = time_of(::X509_get0_notAfter(by->front().get()));
  if (!limit) return limit.error();
  // As long as the one before, however often it is renewed.
  const auto lifetime = before->ends - before->begins;
  const auto begins = now - std::min<WallTime::duration>(kBackdate, lifetime / 10);
  const auto ends = std::min(begins + lifetime, *limit);
  if (ends <= before->ends) {
    return Error(ErrorCode::FailedPrecondition, "its CA ends on " + format_rfc3339(*limit));
  }
  const Certificate made(::X509_dup(old->front().get()));
  const Bio text(::BIO_new(::BIO_s_mem()));
  if (!made || !text || !set_random_serial(made.get()) || !set_times(made.get(), begins, ends) ||
      ::X509_sign(made.get(), key.get(), ::EVP_sha256()) <= 0 || ::PEM_write_bio_X509(text.get(), made.get()) != 1) {
    return failed(ErrorCode::Internal, "make a certificate");
  }
  char* data = nullptr;
  const auto size = ::BIO_get_mem_data(text.get(), &data);
  return std::string(data, static_cast<std::size_t>(size)) + authority.certificate;
}

}  // namespace berth::store::etcd
