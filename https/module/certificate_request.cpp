// https/module/certificate_request.cpp - a host's key, its request for a certificate, and what a certificate says. In
// the module, see https/loader.hpp.
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>

#include "base/openssl_handles.hpp"
#include "base/sha256.hpp"
#include "https/module/module.hpp"

namespace berth::https {
namespace {

using Bio = OpensslBio;
using Key = OpensslKey;
using Request = OpensslRequest;
using Certificate = OpensslCertificate;

Error failed(ErrorCode code, std::string doing) {
  const auto* reason = ::ERR_reason_error_string(::ERR_peek_error());
  ::ERR_clear_error();
  return {code, doing + ": " + (reason != nullptr ? reason : "OpenSSL says no more")};
}

std::string contents(const Bio& bio) {
  char* data = nullptr;
  const auto size = ::BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<Key> key_of(const std::string& pem) {
  // EVP_EC_gen() of openssl/ec.h casts the const away.
  if (pem.empty()) {
    Key made(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    if (!made) return failed(ErrorCode::Internal, "make a key");
    return made;
  }
  const auto bio = openssl_reader(pem);
  // A key with a passphrase must fail, not ask on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  Key key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return failed(ErrorCode::DataLoss, "read a key");
  return key;
}

}  // namespace

Result<KeyAndRequest> make_request(const std::string& pem, const std::string& name) {
  ::ERR_clear_error();
  const auto key = key_of(pem);
  if (!key) return key.error();
  const Request request(::X509_REQ_new());
  const Bio request_text(::BIO_new(::BIO_s_mem()));
  const Bio key_text(::BIO_new(::BIO_s_secmem()));
  const auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
  if (!request || !request_text || !key_text ||
      ::X509_NAME_add_entry_by_txt(::X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_UTF8, bytes,
                                   static_cast<int>(name.size()), -1, 0) != 1 ||
      ::X509_REQ_set_pubkey(request.get(), key->get()) != 1 ||
      ::X509_REQ_sign(request.get(), key->get(), ::EVP_sha256()) <= 0 ||
      ::PEM_write_bio_X509_REQ(request_text.get(), request.get()) != 1 ||
      ::PEM_write_bio_PKCS8PrivateKey(key_text.get(), key->get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed(ErrorCode::Internal, "make a request for the certificate of " + name);
  }
  return KeyAndRequest{contents(key_text), contents(request_text)};
}

Result<CertificateFacts> certificate_facts(const std::string& pem) {
  ::ERR_clear_error();
  const auto bio = openssl_reader(pem);
  const Certificate certificate(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return failed(ErrorCode::DataLoss, "read a certificate");
  unsigned char* bytes = nullptr;
  const int size = ::i2d_X509_PUBKEY(::X509_get_X509_PUBKEY(certificate.get()), &bytes);
  if (size < 0) return failed(ErrorCode::DataLoss, "read a certificate's public key");
  CertificateFacts facts;
  facts.pin = sha256_hex({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  ::OPENSSL_free(bytes);
  std::tm end{};
  if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate.get()), &end) != 1) {
    return failed(ErrorCode::DataLoss, "read a certificate's end");
  }
  facts.ends = std::chrono::system_clock::from_time_t(::timegm(&end));
  return facts;
}

}  // namespace berth::https
