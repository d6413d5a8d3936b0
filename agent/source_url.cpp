// agent/source_url.cpp - libcurl, one request at a time.
#include "agent/source_url.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <utility>

#include "agent/source_reader.hpp"
#include "base/atomic_file.hpp"

namespace berth::agent {
namespace {

constexpr long kMaxRedirects = 3;
constexpr std::size_t kMaxToken = 64 * 1024;

struct Answer {
  bool modified = false;
  std::string body;
  std::string etag;
};

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

Result<Answer> fetch(const UrlSourceOptions& options, const std::string& etag) {
  // Not at program start: TLS costs memory that a host without URL sources need not pay.
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });

  HeaderList headers;
  if (!etag.empty()) headers.add("If-None-Match: " + etag);
  if (!options.token_file.empty()) {
    auto token = read_file(options.token_file, kMaxToken);
    if (!token) return std::move(token).error();
    while (!token->empty() && static_cast<unsigned char>(token->back()) <= ' ') token->pop_back();
    if (token->find_first_of("\r\n") != std::string::npos) {
      return Error(ErrorCode::InvalidArgument, options.token_file.native() + ": more than one line");
    }
    headers.add("Authorization: Bearer " + *token);
  }

  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) return Error(ErrorCode::ResourceExhausted, "start a request: out of memory");
  Transfer transfer;
  transfer.limit = options.limits.bytes;
  auto* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, options.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, options.url.starts_with("https:") ? "https" : "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "berthd/" BERTH_VERSION);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &take_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  if (!options.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, options.ca_file.c_str());

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
  if (status == 304 && !etag.empty()) return Answer{false, {}, etag};
  if (status != 200) return Error(ErrorCode::Unavailable, fmt::format("the server answered with status {}", status));
  return Answer{true, std::move(transfer.body), std::move(transfer.etag)};
}

class UrlSource final : public Source {
 public:
  UrlSource(Loop& loop, Lane& lane, UrlSourceOptions options, OnSnapshot on_snapshot)
      : loop_(loop),
        lane_(lane),
        options_(std::make_shared<const UrlSourceOptions>(std::move(options))),
        on_snapshot_(std::move(on_snapshot)),
        name_("url:" + options_->url) {
    read_again();
  }
  UrlSource(const UrlSource&) = delete;
  UrlSource& operator=(const UrlSource&) = delete;
  ~UrlSource() override { *alive_ = false; }

  const std::string& name() const override { return name_; }

  void read_again() override {
    if (std::exchange(asking_, true)) return;
    timer_.reset();
    lane_.run([&loop = loop_, options = options_, etag = etag_, name = name_, alive = alive_, this] {
      auto answer = fetch(*options, etag);
      auto snapshot = std::make_shared<std::optional<SourceSnapshot>>();
      std::string next_etag = answer ? answer->etag : etag;
      if (!answer || answer->modified) *snapshot = read(std::move(answer), *options, name);
      loop.post([alive, snapshot, next_etag, this] {
        if (*alive) finish(std::move(*snapshot), next_etag);
      });
    });
  }

 private:
  static SourceSnapshot read(Result<Answer> answer, const UrlSourceOptions& options, const std::string& name) {
    SourceSnapshot snapshot;
    snapshot.name = name;
    if (!answer) {
      snapshot.error = answer.error().context("get " + options.url).message();
      return snapshot;
    }
    auto file = std::make_shared<SourceFile>();
    file->id = name;
    file->hash = content_hash(answer->body);
    file->manifest = model::read_manifest(answer->body, options.url, options.limits);
    // An empty answer is a broken server more often than a wish: what it made stays.
    if (file->manifest.errors.empty() && file->manifest.objects.empty()) {
      model::Problem problem;
      problem.file = options.url;
      problem.message = "no objects in it: nothing is changed";
      file->manifest.errors.push_back(std::move(problem));
    }
    snapshot.complete = true;
    snapshot.files.push_back(std::move(file));
    return snapshot;
  }

  void finish(std::optional<SourceSnapshot> snapshot, const std::string& etag) {
    asking_ = false;
    etag_ = etag;
    timer_ = loop_.after(options_->interval, [this] { read_again(); });
    if (snapshot) on_snapshot_(std::move(*snapshot));
  }

  Loop& loop_;
  Lane& lane_;
  std::shared_ptr<const UrlSourceOptions> options_;
  OnSnapshot on_snapshot_;
  std::string name_;
  std::string etag_;  ///< Of the newest answer that was taken.
  std::unique_ptr<LoopHandle> timer_;
  bool asking_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< Loop thread only.
};

}  // namespace

std::unique_ptr<Source> make_url_source(Loop& loop, Lane& lane, UrlSourceOptions options, OnSnapshot on_snapshot) {
  return std::make_unique<UrlSource>(loop, lane, std::move(options), std::move(on_snapshot));
}

}  // namespace berth::agent
