// api/tls/certificate.cpp - keys and certificates of OpenSSL, made and read.
#include "api/tls/certificate.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>

namespace berth::api {

namespace {

constexpr long kVersion3 = 2;
constexpr std::chrono::hours kBackdate{1};

using Bio = OpensslBio;

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes = {};
  return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

bool add_entry(X509_NAME* name, const char* field, const std::string& value) {
  return ::X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
      ::X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), &::X509_EXTENSION_free);
  return extension && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

const char* purpose(Use use) {
  switch (use) {
    case Use::Server: return "serverAuth";
    case Use::Host: return "serverAuth,clientAuth";
    case Use::Authority:
    case Use::Client: break;
  }
  return "clientAuth";
}

bool add_extensions(X509* certificate, X509* issuer, const Subject& subject) {
  const bool is_authority = subject.use == Use::Authority;
  if (!add_extension(certificate, issuer, NID_basic_constraints,
                     is_authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") ||
      !add_extension(certificate, issuer, NID_key_usage,
                     is_authority ? "critical,digitalSignature,keyCertSign,cRLSign" : "critical,digitalSignature") ||
      !add_extension(certificate, issuer, NID_subject_key_identifier, "hash") ||
      !add_extension(certificate, issuer, NID_authority_key_identifier, "keyid")) {
    return false;
  }
  if (is_authority) return true;
  if (!add_extension(certificate, issuer, NID_ext_key_usage, purpose(subject.use))) return false;
  std::string names;
  for (const auto& name : subject.names) {
    names += fmt::format("{}{}:{}", names.empty() ? "" : ",", is_address(name) ? "IP" : "DNS", name);
  }
  return names.empty() || add_extension(certificate, issuer, NID_subject_alt_name, names);
}

std::optional<std::string> entry_text(const X509_NAME* name, int at) {
  unsigned char* bytes = nullptr;
  const int size = ::ASN1_STRING_to_UTF8(&bytes, ::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(name, at)));
  if (size < 0) return std::nullopt;
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  ::OPENSSL_free(bytes);
  if (text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

Result<std::string> contents(const Bio& bio) {
  char* data = nullptr;
  const auto size = ::BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

Error openssl_error(ErrorCode code, const std::string& doing) {
  const auto number = ::ERR_peek_error();
  const auto* reason = number == 0 ? nullptr : ::ERR_reason_error_string(number);
  ::ERR_clear_error();
  return {code, fmt::format("{}: {}", doing, reason != nullptr ? reason : "OpenSSL says no more")};
}

Result<Pair> issue(const Subject& subject, const Pair* issuer, WallTime now, std::chrono::hours lifetime) {
  ::ERR_clear_error();
  // EVP_EC_gen() of openssl/ec.h casts the const away.
  Key key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!key) return openssl_error(ErrorCode::Internal, fmt::format("make the key of {}", subject.name));
  auto certificate = certify(key.get(), subject, issuer, now, lifetime);
  if (!certificate) return certificate.error();
  return Pair{std::move(key), *std::move(certificate)};
}

Result<Certificate> certify(EVP_PKEY* key, const Subject& subject, const Pair* issuer, WallTime now,
                            std::chrono::hours lifetime) {
  const auto doing = fmt::format("make the certificate of {}", subject.name);
  ::ERR_clear_error();
  Certificate made(::X509_new());
  auto* certificate = made.get();
  if (certificate == nullptr) return openssl_error(ErrorCode::Internal, doing);
  auto* by = issuer != nullptr ? issuer->certificate.get() : certificate;
  auto* name = ::X509_get_subject_name(certificate);
  const auto begin = std::chrono::system_clock::to_time_t(now - kBackdate);
  const auto end = std::chrono::system_clock::to_time_t(now + lifetime);
  const bool outlives = issuer != nullptr && ends_before(by, now + lifetime);
  const bool filled = ::X509_set_version(certificate, kVersion3) == 1 && set_random_serial(certificate) &&
                      (subject.organization.empty() || add_entry(name, "O", subject.organization)) &&
                      add_entry(name, "CN", subject.name.substr(0, 64)) &&
                      ::X509_set_issuer_name(certificate, ::X509_get_subject_name(by)) == 1 &&
                      ::ASN1_TIME_set(::X509_getm_notBefore(certificate), begin) != nullptr &&
                      (outlives ? ::X509_set1_notAfter(certificate, ::X509_get0_notAfter(by)) == 1
                                : ::ASN1_TIME_set(::X509_getm_notAfter(certificate), end) != nullptr) &&
                      ::X509_set_pubkey(certificate, key) == 1 && add_extensions(certificate, by, subject) &&
                      ::X509_sign(certificate, issuer != nullptr ? issuer->key.get() : key, ::EVP_sha256()) > 0;
  if (!filled) return openssl_error(ErrorCode::Internal, doing);
  return made;
}

Result<std::string> to_pem(EVP_PKEY* key) {
  const Bio bio(::BIO_new(::BIO_s_secmem()));
  if (!bio || ::PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error(ErrorCode::Internal, "write a key");
  }
  return contents(bio);
}

Result<std::string> to_pem(X509* certificate) {
  const Bio bio(::BIO_new(::BIO_s_mem()));
  if (!bio || ::PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return openssl_error(ErrorCode::Internal, "write a certificate");
  }
  return contents(bio);
}

Result<Key> key_from_pem(const std::string& text, const std::string& what) {
  ::ERR_clear_error();
  const auto bio = openssl_reader(text);
  // A key with a passphrase must fail, not ask on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  Key key(bio ? ::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) return openssl_error(ErrorCode::DataLoss, what);
  return key;
}

Result<Certificate> certificate_from_pem(const std::string& text, const std::string& what) {
  ::ERR_clear_error();
  const auto bio = openssl_reader(text);
  Certificate certificate(bio ? ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!certificate) return openssl_error(ErrorCode::DataLoss, what);
  return certificate;
}

Result<std::vector<Certificate>> certificates_from_pem(const std::string& text, const std::string& what) {
  ::ERR_clear_error();
  const auto bio = openssl_reader(text);
  std::vector<Certificate> out;
  while (bio) {
    Certificate certificate(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    out.push_back(std::move(certificate));
  }
  const bool is_end = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (out.empty() || !is_end) return openssl_error(ErrorCode::DataLoss, what);
  ::ERR_clear_error();
  return out;
}

Result<Key> key_of_request(const std::string& text) {
  ::ERR_clear_error();
  const auto bio = openssl_reader(text);
  const std::unique_ptr<X509_REQ, void (*)(X509_REQ*)> request(
      bio ? ::PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr) : nullptr, &::X509_REQ_free);
  if (!request) return openssl_error(ErrorCode::InvalidArgument, "read the request for a certificate");
  Key key(::X509_REQ_get_pubkey(request.get()));
  // Who asks has the key: nobody gets a certificate for another's.
  if (!key || ::X509_REQ_verify(request.get(), key.get()) != 1) {
    return openssl_error(ErrorCode::InvalidArgument, "the request for a certificate is not signed by its own key");
  }
  return key;
}

bool ends_before(const X509* certificate, WallTime when) {
  auto limit = std::chrono::system_clock::to_time_t(when);
  return ::X509_cmp_time(::X509_get0_notAfter(certificate), &limit) <= 0;  // 0: it cannot be read
}

bool is_for(X509* certificate, const std::string& name) {
  if (is_address(name)) return ::X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
  return ::X509_check_host(certificate, name.data(), name.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

bool is_signed_by(X509* certificate, X509* authority) {
  auto* key = ::X509_get0_pubkey(authority);
  const bool is = key != nullptr && ::X509_verify(certificate, key) == 1;
  ::ERR_clear_error();
  return is;
}

std::optional<CertificateName> name_of(const X509* certificate) {
  const auto* subject = ::X509_get_subject_name(certificate);
  CertificateName out;
  for (int at = ::X509_NAME_get_index_by_NID(subject, NID_organizationName, -1); at >= 0;
       at = ::X509_NAME_get_index_by_NID(subject, NID_organizationName, at)) {
    auto group = entry_text(subject, at);
    if (!group) return std::nullopt;
    out.groups.push_back(*std::move(group));
  }
  // As Go has it: the last CN counts.
  for (int at = ::X509_NAME_get_index_by_NID(subject, NID_commonName, -1); at >= 0;
       at = ::X509_NAME_get_index_by_NID(subject, NID_commonName, at)) {
    auto name = entry_text(subject, at);
    if (!name) return std::nullopt;
    out.name = *std::move(name);
  }
  if (out.name.empty()) return std::nullopt;
  return out;
}

}  // namespace berth::api
