// api/access/token_file.hpp - bearer tokens from a file, in the format of kube-apiserver's --token-auth-file.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/request/user.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace berth::api {

struct TokenEntry {
  std::string digest;  ///< SHA-256 of the token: the token itself is not kept.
  User user;
};

/// Lines `token,user,uid[,"group1,group2"]`; a field may stand in double quotes, with "" for one of them. Blank lines
/// and lines that begin with # are skipped. InvalidArgument: `line 3: ...`, never with a token in it; also when a token
/// is there twice, and above 1,000 lines. Pure.
Result<std::vector<TokenEntry>> parse_token_file(std::string_view text);

/// Follows the file: looks whether it changed when a token is asked for, at most once a second. API thread only.
class TokenFile {
 public:
  TokenFile(std::filesystem::path path, const Clock& clock) : path_(std::move(path)), clock_(clock) {}

  /// Reads it now. Errors: as of reading and parsing; then the tokens read before stay, unless the file is gone.
  Status load();

  /// Whose token it is. The time taken does not tell how much of a token was right.
  std::optional<User> find(std::string_view token);

  /// The last failure to read the file again that was not told yet; empty when all is well.
  std::string take_complaint();

 private:
  void look();

  std::filesystem::path path_;
  const Clock& clock_;
  std::vector<TokenEntry> entries_;
  std::string seen_;  ///< What stat(2) said of the file that entries_ are from.
  SteadyTime next_look_{};
  std::string complaint_;
};

}  // namespace berth::api
