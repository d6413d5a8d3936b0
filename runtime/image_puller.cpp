// runtime/image_puller.cpp - see image_puller.hpp.
#include "runtime/image_puller.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include "runtime/image_reference.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kAtOnce = 3;
constexpr auto kDeadline = std::chrono::minutes(30);  // what was downloaded is kept: the next try goes on from there

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

std::string pull_key(const std::string& name, const std::vector<RegistryAuth>& auths) {
  // Other credentials may see other things: join only what asks with the same ones.
  std::string key = name;
  for (const auto& auth : auths) {
    key += '\0' + auth.username + '\0' + std::to_string(std::hash<std::string>()(auth.password + auth.identity_token));
  }
  return key;
}

}  // namespace

Error classify_pull_error(const Error& error) {
  if (error.code() != ErrorCode::Unknown && error.code() != ErrorCode::Internal) return error;
  const std::string_view text = error.message();
  auto code = ErrorCode::Unknown;
  if (has_any(text, {"401 Unauthorized", "authorization failed", "insufficient_scope", "no basic auth credentials"})) {
    code = ErrorCode::Unauthenticated;
  } else if (has_any(text, {"403 Forbidden"})) {
    code = ErrorCode::PermissionDenied;
  } else if (has_any(text, {"404 Not Found", "manifest unknown", ": not found", "no match for platform"})) {
    code = ErrorCode::NotFound;
  } else if (has_any(text, {"invalid reference format", "failed to parse image reference"})) {
    code = ErrorCode::InvalidArgument;
  } else if (has_any(text, {"no space left on device", "429 Too Many Requests"})) {
    code = ErrorCode::ResourceExhausted;
  } else if (has_any(text, {"connection refused", "no such host", "i/o timeout", "connection reset",
                            "network is unreachable", "no route to host", "EOF", "server misbehaving",
                            "TLS handshake timeout", "500 Internal Server Error", "502 Bad Gateway",
                            "503 Service Unavailable", "504 Gateway Timeout"})) {
    code = ErrorCode::Unavailable;
  }
  return {code, error.message()};
}

ImagePuller::ImagePuller(ContainerdClient& client, ImageStore& store)
    : client_(client), store_(store), lane_(make_thread_lane("pull", kAtOnce)) {}

void ImagePuller::pull(const std::string& reference, const std::vector<RegistryAuth>& auths, Done done) {
  const auto parsed = parse_image_reference(reference);
  if (!parsed) {
    lane_->run([done = std::move(done), error = parsed.error()] { done(error); });
    return;
  }
  const auto name = parsed->name();
  const auto key = pull_key(name, auths);
  {
    const std::scoped_lock lock(mutex_);
    auto& waiters = waiting_[key];
    waiters.push_back(std::move(done));
    if (waiters.size() > 1) return;
  }
  lane_->run([this, name, key, auths] {
    const auto result = run(name, auths);
    std::vector<Done> waiters;
    {
      const std::scoped_lock lock(mutex_);
      waiters = std::move(waiting_[key]);
      waiting_.erase(key);
    }
    for (const auto& waiter : waiters) waiter(result);
  });
}

Result<ImageInfo> ImagePuller::run(const std::string& name, const std::vector<RegistryAuth>& auths) {
  if (client_.settings().ns != "k8s.io") {
    return Error(ErrorCode::FailedPrecondition, "pull " + name + ": containerd's image service works in namespace " +
                                                    "k8s.io only, and containerd.namespace is " +
                                                    client_.settings().ns);
  }
  const auto begin = std::chrono::steady_clock::now();
  Status pulled = Ok{};
  if (auths.empty()) {
    pulled = client_.pull_image(name, nullptr, kDeadline);
  }
  for (const auto& auth : auths) {
    const PullCredentials credentials{auth.username, auth.password, auth.identity_token};
    pulled = client_.pull_image(name, &credentials, kDeadline);
    if (pulled) break;
    const auto code = classify_pull_error(pulled.error()).code();
    if (code != ErrorCode::Unauthenticated && code != ErrorCode::PermissionDenied) break;
  }
  if (!pulled) return classify_pull_error(pulled.error()).context("pull " + name);
  const auto image = store_.find(name);
  if (!image) return image.error().context("pull " + name);
  const auto took = std::chrono::steady_clock::now() - begin;
  return ImageInfo{image->name, image->digest, image->config->user, image->config->bytes,
                   std::chrono::duration_cast<std::chrono::milliseconds>(took)};
}

}  // namespace berth::runtime
