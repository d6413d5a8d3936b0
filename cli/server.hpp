// cli/server.hpp - the agent as a collection of objects: get, list, create, patch, delete, watch.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/command.hpp"
#include "cli/http_client.hpp"
#include "model/meta.hpp"

namespace berth::cli {

using Deadline = std::optional<std::chrono::steady_clock::time_point>;  ///< Unset: for ever.

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kTable = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::string_view kJsonPatch = "application/json-patch+json";
constexpr std::string_view kStrategicPatch = "application/strategic-merge-patch+json";
constexpr std::string_view kApplyPatch = "application/apply-patch+yaml";

/// Which objects of a list: both in the API's own syntax, both may be empty.
struct Selection {
  std::string labels;
  std::string fields;
};

/// Blocking; errors are worded for the user (see server_error).
class Server {
 public:
  explicit Server(const Global& global);

  Result<json::value> get(const model::KindInfo& kind, std::string_view ns, std::string_view name,
                          std::string_view accept = kJson) const;
  /// Of all namespaces when `ns` is empty.
  Result<json::value> list(const model::KindInfo& kind, std::string_view ns, const Selection& selection,
                           std::string_view accept = kJson) const;
  Result<json::value> create(const std::string& path, const json::value& object) const;
  /// `path` may have a query.
  Result<json::value> patch(const std::string& path, std::string_view content_type, std::string body) const;
  Result<json::value> replace(const std::string& path, const json::value& object) const;
  /// `options` is a DeleteOptions.
  Result<json::value> remove(const std::string& path, const json::object& options) const;
  Result<json::value> read(std::string path, std::string_view accept = kJson) const;

  /// Every event from `version` on, until `take` returns false, the server ends it (Ok), or the deadline
  /// (DeadlineExceeded). OutOfRange: `version` is too old, list again. `take` gets type and object.
  Status watch(const model::KindInfo& kind, std::string_view ns, const Selection& selection, std::string_view version,
               const Deadline& deadline, const std::function<bool(std::string_view, const json::value&)>& take,
               std::string_view accept = kJson) const;

  const HttpClient& http() const { return client_; }

 private:
  Result<json::value> call(std::string method, std::string target, std::string_view accept,
                           std::string_view content_type, std::string body) const;

  HttpClient client_;
  std::optional<std::chrono::milliseconds> timeout_;
};

/// "?labelSelector=..&fieldSelector=..", or nothing.
std::string selection_query(const Selection& selection);

/// The "items" of a list; empty when there are none.
const json::array& items_of(const json::value& list);

std::string_view name_of(const json::value& object);
std::string_view namespace_of(const json::value& object);
std::string_view uid_of(const json::value& object);

/// A whole number at that path, else `fallback`.
std::int64_t number_at(const json::value& object, std::initializer_list<std::string_view> path, std::int64_t fallback);

}  // namespace berth::cli
