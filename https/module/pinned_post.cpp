// https/module/pinned_post.cpp - a POST by libcurl to a server whose CA is known by its fingerprint alone. In the
// module, see https/loader.hpp.
#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include <string_view>

#include "https/module/module.hpp"

namespace berth::https {
namespace {

constexpr std::size_t kMaxAnswer = 1024 * 1024;

using Curl = std::unique_ptr<CURL, void (*)(CURL*)>;

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& body = *static_cast<std::string*>(user);
  if (body.size() + size * count > kMaxAnswer) return 0;  // ends the transfer
  body.append(data, size * count);
  return size * count;
}

Curl make_handle(const PinnedPost& request) {
  Curl curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) return curl;
  curl_easy_setopt(curl.get(), CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  return curl;
}

/// "Date" of RFC 9110; nothing: there is none.
std::optional<std::chrono::system_clock::time_point> date_of(CURL* curl) {
  curl_header* date = nullptr;
  if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &date) != CURLHE_OK) return std::nullopt;
  const auto seconds = curl_getdate(date->value, nullptr);
  if (seconds < 0) return std::nullopt;
  return std::chrono::system_clock::from_time_t(seconds);
}

Error failed(CURL* curl, const PinnedPost& request, CURLcode code) {
  long verified = X509_V_OK;
  curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verified);
  if (code == CURLE_PEER_FAILED_VERIFICATION &&
      (verified == X509_V_ERR_CERT_NOT_YET_VALID || verified == X509_V_ERR_CERT_HAS_EXPIRED)) {
    return {ErrorCode::FailedPrecondition, request.url + ": its certificate is " +
                                               (verified == X509_V_ERR_CERT_HAS_EXPIRED ? "over" : "not valid yet") +
                                               " by this host's clock: is that right (timedatectl)?"};
  }
  return {code == CURLE_OPERATION_TIMEDOUT ? ErrorCode::DeadlineExceeded : ErrorCode::Unavailable,
          request.url + ": " + curl_easy_strerror(code)};
}

/// The certificate of the chain whose public key has that pin, PEM.
Result<std::string> fetch_authority(const PinnedPost& request) {
  const auto curl = make_handle(request);
  if (!curl) return Error(ErrorCode::ResourceExhausted, "start a request: out of memory");
  curl_easy_setopt(curl.get(), CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CERTINFO, 1L);
  // Whoever answers: nothing is told him, and what he says counts only when it has the pin.
  curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, 0L);
  if (const auto code = curl_easy_perform(curl.get()); code != CURLE_OK) return failed(curl.get(), request, code);
  const curl_certinfo* chain = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_CERTINFO, &chain);
  for (int i = 0; chain != nullptr && i < chain->num_of_certs; ++i) {
    constexpr std::string_view kCert = "Cert:";
    for (const auto* fact = chain->certinfo[i]; fact != nullptr; fact = fact->next) {
      const std::string_view text(fact->data);
      if (!text.starts_with(kCert)) continue;
      std::string pem(text.substr(kCert.size()));
      const auto facts = certificate_facts(pem);
      if (facts && facts->pin == request.ca_pin) return pem;
    }
  }
  return Error(ErrorCode::Unauthenticated,
               request.url + ": who answers there has no certificate of the CA that the token names");
}

}  // namespace

Result<PostAnswer> post_pinned(const PinnedPost& request) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto authority = fetch_authority(request);
  if (!authority) return authority.error();
  const auto curl = make_handle(request);
  if (!curl) return Error(ErrorCode::ResourceExhausted, "start a request: out of memory");
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  list = curl_slist_append(list, ("Authorization: Bearer " + request.bearer_token).c_str());
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, &curl_slist_free_all);
  auto trusted = *authority;
  curl_blob blob{trusted.data(), trusted.size(), CURL_BLOB_COPY};
  PostAnswer answer;
  curl_easy_setopt(curl.get(), CURLOPT_CAINFO_BLOB, &blob);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.body.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &take_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  if (const auto code = curl_easy_perform(curl.get()); code != CURLE_OK) return failed(curl.get(), request, code);
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.code);
  answer.date = date_of(curl.get());
  return answer;
}

}  // namespace berth::https
