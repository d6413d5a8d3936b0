// api/encoding/accept.hpp - the Accept header (RFC 9110, 12.5.1), parsed. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::api {

/// `application/json;as=Table;v=v1;q=0.5`
struct MediaRange {
  std::string type;                                             ///< "application/json" in lower case
  std::vector<std::pair<std::string, std::string>> parameters;  ///< Without q; quotes taken off.
  double quality = 1;

  /// Empty when absent.
  std::string_view parameter(std::string_view name) const;
  /// Is it `wanted`, or a wildcard that covers it? Parameters are not looked at.
  bool covers(std::string_view wanted) const;
};

/// Does it take JSON as it is, not only as something else ("application/json;as=Table")?
bool takes_plain_json(std::string_view header);

/// What the client takes, what it likes best first (by q, then in its order); q=0 is left out. An empty header takes
/// everything. Ranges that do not parse are skipped; after 32 no more are read.
std::vector<MediaRange> parse_accept(std::string_view header);

}  // namespace berth::api
