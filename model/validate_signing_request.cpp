// model/validate_signing_request.cpp - CertificateSigningRequest.
#include <algorithm>

#include "model/base64.hpp"
#include "model/defaults_internal.hpp"
#include "model/json_edit.hpp"
#include "model/names.hpp"
#include "model/validation.hpp"

namespace berth::model {

void check_signing_request(const Reader& root) {
  const auto spec = root.child("spec");
  if (!spec.present()) return root.fail("spec", "required");
  if (require_text(spec, "request")) {
    const auto request = decode_base64(spec.text("request"));
    if (!request || !request->starts_with("-----BEGIN CERTIFICATE REQUEST-----")) {
      spec.fail("request", "invalid value: must be base64 of a PEM block of type CERTIFICATE REQUEST");
    }
  }
  if (require_text(spec, "signerName")) check_text(spec, "signerName", domain_path_error);
  constexpr std::int64_t kShortest = 600;
  if (spec.has("expirationSeconds")) check_range(spec, "expirationSeconds", kShortest);
  if (spec.texts("usages").empty()) spec.fail("usages", "required");
  for (const auto& usage : spec.texts("usages")) {
    static const std::initializer_list<std::string_view> kUsages{"signing",
                                                                 "digital signature",
                                                                 "content commitment",
                                                                 "key encipherment",
                                                                 "key agreement",
                                                                 "data encipherment",
                                                                 "cert sign",
                                                                 "crl sign",
                                                                 "encipher only",
                                                                 "decipher only",
                                                                 "any",
                                                                 "server auth",
                                                                 "client auth",
                                                                 "code signing",
                                                                 "email protection",
                                                                 "s/mime",
                                                                 "ipsec end system",
                                                                 "ipsec tunnel",
                                                                 "ipsec user",
                                                                 "timestamping",
                                                                 "ocsp signing",
                                                                 "microsoft sgc",
                                                                 "netscape sgc"};
    if (std::find(kUsages.begin(), kUsages.end(), usage) == kUsages.end()) {
      spec.fail("usages", unsupported(usage, kUsages));
    }
  }
}

/// Who asked is filled in once.
void keep_of_signing_request(json::object& raw, const json::object& old) {
  auto* spec = object_at(raw, "spec");
  const auto* before = object_at(old, "spec");
  if (spec == nullptr || before == nullptr) return;
  for (const auto* name : {"username", "uid", "groups"}) {
    if (const auto* value = before->if_contains(name); value != nullptr) set_default(*spec, name, *value);
  }
}

/// What was asked for is what is approved and signed.
void check_signing_request_update(const Reader& now, const Reader& old) {
  for (const auto* name : {"request", "signerName", "expirationSeconds", "usages", "username", "uid", "groups"}) {
    check_same(now, old, name);
  }
}

}  // namespace berth::model
