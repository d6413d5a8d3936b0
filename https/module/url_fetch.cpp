// https/module/url_fetch.cpp - one HTTP(S) request by libcurl. In the module, see https/loader.hpp.
#include <curl/curl.h>
#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "base/atomic_file.hpp"
#include "https/module/module.hpp"

namespace berth::https {
namespace {

constexpr long kMaxRedirects = 3;
constexpr std::size_t kMaxToken = 64 * 1024;

struct Transfer {
  std::string body;
  std::string etag;
  std::size_t limit = 0;
  bool too_large = false;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.body.size() + size * count > transfer.limit) {
    transfer.too_large = true;
    return 0;  // ends the transfer
  }
  transfer.body.append(data, size * count);
  return size * count;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
  std::string_view line(data, size * count);
  auto& transfer = *static_cast<Transfer*>(user);
  constexpr std::string_view kName = "etag:";
  if (line.starts_with("HTTP/")) transfer.etag.clear();  // the next answer of a redirect
  if (line.size() > kName.size() && curl_strnequal(line.data(), kName.data(), kName.size()) != 0) {
    line.remove_prefix(kName.size());
    const auto first = line.find_first_not_of(" \t");
    const auto last = line.find_last_not_of(" \t\r\n");
    if (first != std::string_view::npos && last >= first) transfer.etag = line.substr(first, last - first + 1);
  }
  return size * count;
}

/// Headers as curl wants them.
class HeaderList {
 public:
  void add(const std::string& line) { list_.reset(curl_slist_append(list_.release(), line.c_str())); }
  curl_slist* get() const { return list_.get(); }

 private:
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> list_{nullptr, &curl_slist_free_all};
};

}  // namespace

Result<UrlAnswer> fetch_url(const UrlRequest& request, const std::string& etag) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });

  HeaderList headers;
  if (!etag.empty()) headers.add("If-None-Match: " + etag);
  if (!request.token_file.empty()) {
    auto token = read_file(request.token_file, kMaxToken);
    if (!token) return std::move(token).error();
    while (!token->empty() && static_cast<unsigned char>(token->back()) <= ' ') token->pop_back();
    if (token->find_first_of("\r\n") != std::string::npos) {
      return Error(ErrorCode::InvalidArgument, request.token_file.native() + ": more than one line");
    }
    headers.add("Authorization: Bearer " + *token);
  }

  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) return Error(ErrorCode::ResourceExhausted, "start a request: out of memory");
  Transfer transfer;
  transfer.limit = request.max_size;
  auto* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, request.url.starts_with("https:") ? "https" : "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "berth/" BERTH_VERSION);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &take_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  if (!request.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, request.ca_file.c_str());

  const auto code = curl_easy_perform(handle);
  if (transfer.too_large) {
    return Error(ErrorCode::ResourceExhausted, fmt::format("larger than the limit of {} bytes", transfer.limit));
  }
  if (code != CURLE_OK) {
    return Error(code == CURLE_OPERATION_TIMEDOUT ? ErrorCode::DeadlineExceeded : ErrorCode::Unavailable,
                 curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (status == 304 && !etag.empty()) return UrlAnswer{false, {}, etag};
  if (status != 200) return Error(ErrorCode::Unavailable, fmt::format("the server answered with status {}", status));
  return UrlAnswer{true, std::move(transfer.body), std::move(transfer.etag)};
}

}  // namespace berth::https
