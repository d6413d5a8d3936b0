// api/access/bootstrap_token.cpp - see bootstrap_token.hpp.
#include "api/access/bootstrap_token.hpp"

#include <algorithm>
#include <string>

#include "base/sha256.hpp"
#include "model/base64.hpp"

namespace berth::api {
namespace {

constexpr std::size_t kIdSize = 6;
constexpr std::size_t kSecretSize = 16;

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

/// Of the Secret's data; empty when it has no such key.
std::string datum(const json::value& secret, std::string_view key) {
  return model::decode_base64(find_string(secret, {"data", key})).value_or({});
}

}  // namespace

std::optional<User> bootstrap_user(const store::Store& store, std::string_view token, WallTime now) {
  if (token.size() != kIdSize + 1 + kSecretSize || token[kIdSize] != '.') return std::nullopt;
  const std::string id(token.substr(0, kIdSize));
  const auto secret = token.substr(kIdSize + 1);
  if (!is_plain(id) || !is_plain(secret)) return std::nullopt;
  const auto stored = store.get({model::Kind::Secret, "kube-system", "bootstrap-token-" + id});
  if (!stored) return std::nullopt;
  const json::value object(stored->raw);
  if (find_string(object, {"type"}) != "bootstrap.kubernetes.io/token" || datum(object, "token-id") != id ||
      sha256_hex(datum(object, "token-secret")) != sha256_hex(secret) ||
      datum(object, "usage-bootstrap-authentication") != "true" || !stored->meta.deletion_timestamp.empty()) {
    return std::nullopt;
  }
  // One that says no end has none; one whose end cannot be read is over.
  if (const auto end = datum(object, "expiration"); !end.empty()) {
    const auto until = parse_rfc3339(end);
    if (!until || *until <= now) return std::nullopt;
  }
  return make_user("system:bootstrap:" + id, {kBootstrappersGroup});
}

}  // namespace berth::api
