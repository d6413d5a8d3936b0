// cli/cluster/join_token.hpp - the word with which a machine joins: a bootstrap token, and whom to believe.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::cli {

/// "abcdef.0123456789abcdef.<64 hexadecimal digits>"
struct JoinToken {
  std::string id;      ///< 6 of a-z0-9: names the Secret kube-system/bootstrap-token-ID.
  std::string secret;  ///< 16 of them.
  std::string ca_pin;  ///< https::CertificateFacts::pin of the hosts' CA.

  std::string text() const { return bearer() + "." + ca_pin; }
  /// What the API is shown.
  std::string bearer() const { return id + "." + secret; }
  bool operator==(const JoinToken&) const = default;
};

/// InvalidArgument: it is none.
Result<JoinToken> parse_join_token(std::string_view text);

/// A new one, of getrandom(2).
JoinToken make_join_token(std::string ca_pin);

/// The Secret of type bootstrap.kubernetes.io/token that lets it in until `ends`. Pure.
json::object token_secret(const JoinToken& token, WallTime ends);

}  // namespace berth::cli
