// api/request/request_path.hpp - what a request's target names, parsed. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "model/meta.hpp"

namespace berth::api {

/// The decoded query, in order. Names may repeat (`command=sh&command=-c`).
class Query {
 public:
  /// InvalidArgument: a broken %-escape, or more than 256 parameters.
  static Result<Query> parse(std::string_view text);

  /// The first value of that name, else empty.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  /// "true", "1" and "t" in any case; false otherwise.
  bool flag(std::string_view name) const;
  /// A whole number >= 0; nullopt when absent. InvalidArgument when it is anything else.
  Result<std::optional<std::int64_t>> number(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// A target split at '?', the path's segments decoded.
struct Target {
  std::vector<std::string> segments;  ///< "/api/v1/pods/" → {"api", "v1", "pods"}
  Query query;
};

/// InvalidArgument: not starting with '/', broken escapes, an encoded '/' or NUL in a segment, "." or "..".
Result<Target> parse_target(std::string_view target);

/// A path below /api/v1 or /apis/GROUP/VERSION that names a resource.
struct ResourcePath {
  model::Kind kind = model::Kind::Pod;
  std::string ns;           ///< Empty: all namespaces, or a kind without.
  std::string name;         ///< Empty: the collection.
  std::string subresource;  ///< "status", "scale", "log", "exec", ...
  /// "apps/v1beta1" when the path names an old version of the kind; empty for the one in which it is stored.
  std::string old_version{};
  bool watch = false;  ///< The old form /api/v1/watch/...: only for GET.
};

/// Nullopt when no kind of ours lives there.
std::optional<ResourcePath> parse_resource_path(const std::vector<std::string>& segments);

/// Decodes %XX, and '+' as a blank when `plus_is_blank`. InvalidArgument for a broken escape.
Result<std::string> percent_decode(std::string_view text, bool plus_is_blank);

}  // namespace berth::api
