// cli/cluster/join_token.cpp - see join_token.hpp.
#include "cli/cluster/join_token.hpp"

#include <sys/random.h>

#include <cstdlib>

#include "model/base64.hpp"

namespace berth::cli {
namespace {

constexpr std::size_t kIdSize = 6;
constexpr std::size_t kSecretSize = 16;
constexpr std::size_t kPinSize = 64;
constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyz";

std::string random_word(std::size_t size) {
  std::string out;
  while (out.size() < size) {
    unsigned char byte = 0;
    // Cannot fail once the kernel has begun; without it there is no secret to give.
    if (::getrandom(&byte, 1, 0) != 1) std::abort();
    if (byte < 7 * kLetters.size()) out += kLetters[byte % kLetters.size()];
  }
  return out;
}

}  // namespace

Result<JoinToken> parse_join_token(std::string_view text) {
  const auto is_word = [](std::string_view word, std::size_t size, std::string_view letters) {
    return word.size() == size && word.find_first_not_of(letters) == std::string_view::npos;
  };
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second != std::string_view::npos) {
    const auto id = text.substr(0, first);
    const auto secret = text.substr(first + 1, second - first - 1);
    const auto pin = text.substr(second + 1);
    if (is_word(id, kIdSize, kLetters) && is_word(secret, kSecretSize, kLetters) &&
        is_word(pin, kPinSize, "0123456789abcdef")) {
      return JoinToken{std::string(id), std::string(secret), std::string(pin)};
    }
  }
  return Error(ErrorCode::InvalidArgument, "the token: take the whole word that `berth cluster init` printed");
}

JoinToken make_join_token(std::string ca_pin) {
  return {random_word(kIdSize), random_word(kSecretSize), std::move(ca_pin)};
}

json::object token_secret(const JoinToken& token, WallTime ends) {
  json::object data;
  for (const auto& [key, value] : {std::pair<std::string_view, std::string>{"token-id", token.id},
                                   {"token-secret", token.secret},
                                   {"expiration", format_rfc3339(ends)},
                                   {"usage-bootstrap-authentication", "true"},
                                   {"description", "berth cluster join"}}) {
    data[key] = model::encode_base64(value);
  }
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", {{"name", "bootstrap-token-" + token.id}, {"namespace", "kube-system"}}},
          {"type", "bootstrap.kubernetes.io/token"},
          {"data", std::move(data)}};
}

}  // namespace berth::cli
